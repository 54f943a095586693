//! What a machine is: read from its kernel, and never an error.

use std::fs;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use rustix::system::uname;
use rustix::thread::sched_getaffinity;

use crate::Environment;
use crate::process::{float, kibibytes};

/// How long others are watched.
const LOOK: Duration = Duration::from_millis(200);

impl Environment {
    /// Looks at this machine, for some 0.2 s: so long the others' use of cores is watched. What isn't known stays empty, or 0.
    #[must_use]
    pub fn look() -> Self {
        let line = |path: &str| fs::read_to_string(path).map_or_else(|_| String::new(), |text| text.trim().to_owned());
        let system = uname();
        Self {
            system: format!("{} {}", system.sysname().to_string_lossy(), system.release().to_string_lossy()),
            processor: processor(&line("/proc/cpuinfo")),
            cores: cores(),
            memory: kibibytes(&line("/proc/meminfo"), "MemTotal:").unwrap_or(0),
            descriptors: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
            busy: busy(),
            clock: line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
            congestion_control: line("/proc/sys/net/ipv4/tcp_congestion_control"),
        }
    }
}

/// Cores that this process may use.
fn cores() -> usize {
    sched_getaffinity(None).map_or(0, |set| usize::try_from(set.count()).unwrap_or(0))
}

/// The name of the first processor: `model name` on x86, `Model` or `Hardware` where there is none.
fn processor(cpuinfo: &str) -> String {
    let value = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    value("model name").or_else(|| value("Model")).or_else(|| value("Hardware")).unwrap_or_default()
}

/// Cores that were in use while this thread slept; 0 where it isn't known.
fn busy() -> f64 {
    let now = || fs::read_to_string("/proc/stat").ok().and_then(|text| ticks(&text));
    let Some(before) = now() else { return 0.0 };
    thread::sleep(LOOK);
    let Some(after) = now() else { return 0.0 };
    let per_second = float(rustix::param::clock_ticks_per_second());
    float(after.saturating_sub(before)) / per_second / LOOK.as_secs_f64()
}

/// Ticks in which any core was in use, since the start: all but `idle`, `iowait` (the fourth and fifth) and the guests', which
/// are among the others.
fn ticks(stat: &str) -> Option<u64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let fields: Vec<u64> = line.split_ascii_whitespace().map_while(|field| field.parse().ok()).collect();
    (fields.len() >= 4).then(|| {
        fields.iter().take(8).enumerate().filter(|(index, _)| !matches!(index, 3 | 4)).map(|(_, ticks)| ticks).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_cores_and_memory() {
        let machine = Environment::look();
        assert!(machine.system.starts_with("Linux "), "{machine:?}");
        assert!(machine.cores > 0 && machine.memory > 1 << 20 && machine.descriptors > 0, "{machine:?}");
        assert!(machine.busy.is_finite() && machine.busy >= 0.0, "{machine:?}");
    }

    #[test]
    fn a_processor_has_a_name_or_none() {
        assert_eq!(processor("processor\t: 0\nmodel\t\t: 85\nmodel name\t: A: fast one\n"), "A: fast one");
        assert_eq!(processor("processor\t: 0\nHardware\t: Board\n"), "Board");
        assert_eq!(processor(""), "");
    }

    #[test]
    fn ticks_leave_out_idleness() {
        assert_eq!(ticks("cpu  1 2 4 1000 500 8 16 32 64 128\ncpu0 1 1 1 1\n"), Some(1 + 2 + 4 + 8 + 16 + 32));
        assert_eq!(ticks("cpu  1 2 4 1000\n"), Some(7));
        assert_eq!(ticks("cpu  1 2\n"), None);
        assert_eq!(ticks(""), None);
    }
}
