//! What processes use, as Linux tells it.

use crate::{ClientUse, Error, ServerUse};
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::time::Instant;

/// Looks at the server's process and at the calling thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    server: Option<u32>,
}

/// One look; figures are differences between two.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    at: Instant,
    server: Option<Threads>,
    client: u64,
    split: Option<Split>,
}

/// CPU time of a thread in clock ticks, mostly of 10 ms.
#[derive(Debug, Clone, Copy)]
struct Split {
    user: u64,
    system: u64,
}

/// CPU time of each thread of a process, in nanoseconds.
type Threads = BTreeMap<OsString, u64>;

/// What was used between two looks.
#[derive(Debug)]
pub(crate) struct Usage {
    pub(crate) seconds: f64,
    pub(crate) server: Option<ServerUse>,
    pub(crate) client: ClientUse,
}

impl Meter {
    /// Fails if there is a process id and no such process, or one that may not be looked at.
    pub(crate) fn new(server: Option<u32>) -> Result<Self, Error> {
        if let Some(pid) = server {
            cpu_nanoseconds(pid).and_then(|_| resident(pid)).map_err(|source| Error::Server { pid, source })?;
        }
        Ok(Self { server })
    }

    /// Whether the server's process has ended since. Without a process id nobody knows.
    pub(crate) fn is_gone(&self) -> bool {
        self.server.is_some_and(is_gone)
    }

    /// A look. A server that has ended since is no error: of it nothing is known any more.
    pub(crate) fn sample(&self) -> Result<Sample, Error> {
        let server = self.of_server(cpu_nanoseconds)?;
        Ok(Sample { at: Instant::now(), server, client: own_nanoseconds(), split: own_split() })
    }

    /// What `look` finds of the server, where there is one still.
    fn of_server<T>(&self, look: impl FnOnce(u32) -> io::Result<T>) -> Result<Option<T>, Error> {
        let Some(pid) = self.server else { return Ok(None) };
        match look(pid) {
            Ok(found) => Ok(Some(found)),
            Err(_) if is_gone(pid) => Ok(None),
            Err(source) => Err(Error::Server { pid, source }),
        }
    }

    /// What was used since `start`, in which `count` messages or handshakes were served; of a server that has ended nothing.
    pub(crate) fn usage(&self, start: &Sample, count: u64) -> Result<Usage, Error> {
        self.usage_until(&self.sample()?, start, count)
    }

    /// The same up to a look that was just taken.
    pub(crate) fn usage_until(&self, end: &Sample, start: &Sample, count: u64) -> Result<Usage, Error> {
        let seconds = end.seconds_since(start);
        let client = seconds_between(start.client, end.client);
        let server = match (end.server_seconds_since(start), self.of_server(resident)?) {
            (Some(cpu_seconds), Some(resident)) => {
                // A server that used no time at all served nothing; JSON has no infinity.
                let per_cpu_second = if cpu_seconds > 0.0 { float(count) / cpu_seconds } else { 0.0 };
                Some(ServerUse { cpu_seconds, share: cpu_seconds / seconds, per_cpu_second, resident })
            }
            _ => None,
        };
        let client = ClientUse {
            cpu_seconds: client,
            user_seconds: end.user_share_since(start).map(|share| client * share),
            share: client / seconds,
        };
        Ok(Usage { seconds, server, client })
    }
}

impl Sample {
    fn seconds_since(&self, start: &Self) -> f64 {
        (self.at - start.at).as_secs_f64()
    }

    fn server_seconds_since(&self, start: &Self) -> Option<f64> {
        let (before, after) = (start.server.as_ref()?, self.server.as_ref()?);
        Some(float(between(before, after)) / 1e9)
    }

    /// How much of what this thread used since an earlier look was user code; `None` where it was less than a tick, or nothing tells.
    fn user_share_since(&self, start: &Self) -> Option<f64> {
        let (before, after) = (start.split?, self.split?);
        let user = after.user.saturating_sub(before.user);
        let all = user + after.system.saturating_sub(before.system);
        (all > 0).then(|| float(user) / float(all))
    }

    /// The share of a core that the server used since an earlier look.
    pub(crate) fn server_share_since(&self, start: &Self) -> Option<f64> {
        Some(self.server_seconds_since(start)? / self.seconds_since(start))
    }
}

/// Counters as figures: exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "no counter here comes near 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

fn seconds_between(before: u64, after: u64) -> f64 {
    float(after.saturating_sub(before)) / 1e9
}

/// CPU time of this thread.
fn own_nanoseconds() -> u64 {
    nanoseconds(ClockId::ThreadCPUTime)
}

/// A clock that all processes of a machine share.
pub(crate) fn monotonic_nanoseconds() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// What threads used between two looks: those that ended meanwhile are left out, and take nothing away from the others.
fn between(before: &Threads, after: &Threads) -> u64 {
    after.iter().map(|(thread, time)| time.saturating_sub(before.get(thread).copied().unwrap_or(0))).sum()
}

/// CPU time of all threads of a process. The scheduler's statistics have it in nanoseconds, but kernels can be built without
/// them; the fallback counts in clock ticks, mostly of 10 ms.
fn cpu_nanoseconds(pid: u32) -> io::Result<Threads> {
    let mut threads = Threads::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?;
        // A thread may end between the listing and the look.
        if let Ok(text) = fs::read_to_string(task.path().join("schedstat"))
            && let Some(time) = text.split_ascii_whitespace().next().and_then(|time| time.parse().ok())
        {
            threads.insert(task.file_name(), time);
        }
    }
    if threads.values().any(|&time| time > 0) {
        return Ok(threads);
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let Some(Split { user, system }) = split(&stat) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "unknown form of /proc/PID/stat"));
    };
    let time = (user + system) * (1_000_000_000 / rustix::param::clock_ticks_per_second().max(1));
    Ok(Threads::from([(OsString::new(), time)]))
}

/// CPU time of this thread by who used it. (`getrusage` has it in finer steps, but no safe form here.)
fn own_split() -> Option<Split> {
    split(&fs::read_to_string("/proc/thread-self/stat").ok()?)
}

/// The same from a line of `/proc/PID/stat`.
fn split(stat: &str) -> Option<Split> {
    // The name in parentheses may itself hold spaces and parentheses: fields are counted from the last one.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11).map(|ticks| ticks.parse().ok());
    Some(Split { user: fields.next()??, system: fields.next()?? })
}

/// Whether a process has ended: it is not there any more, or only for its parent to be told how it ended.
fn is_gone(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => {
            let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().next());
            matches!(state, Some("Z" | "X"))
        }
        // It may have ended between opening and reading.
        Err(error) => {
            let gone = rustix::io::Errno::SRCH.raw_os_error();
            error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(gone)
        }
    }
}

/// Resident bytes of a process.
pub(crate) fn resident(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    kibibytes(&text, "Rss:").ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no Rss in smaps_rollup"))
}

/// The same for looks while it is measured: the kernel walks no page tables for it, but has it right to some pages a thread only.
pub(crate) fn resident_at_a_glance(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages = text.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    let pages = pages.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unknown form of /proc/PID/statm"))?;
    Ok(pages * rustix::param::page_size() as u64)
}

/// Slab and TCP memory of the machine's kernel, in bytes.
pub(crate) fn kernel_memory() -> Option<(u64, u64)> {
    let slab = kibibytes(&fs::read_to_string("/proc/meminfo").ok()?, "Slab:")?;
    let sockets = fs::read_to_string("/proc/net/sockstat").ok()?;
    let tcp = sockets.lines().find(|line| line.starts_with("TCP:"))?;
    let mut words = tcp.split_ascii_whitespace().skip_while(|word| *word != "mem");
    let pages: u64 = words.nth(1)?.parse().ok()?;
    Some((slab, pages * rustix::param::page_size() as u64))
}

/// The number after `name` in a file of lines like `Rss:   123 kB`, as bytes.
pub(crate) fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_time_and_memory() {
        let pid = std::process::id();
        let meter = Meter::new(Some(pid)).unwrap();
        let start = meter.sample().unwrap();
        let mut sum = 0_u64;
        while own_nanoseconds() < start.client + 30_000_000 {
            sum = (0..10_000).fold(sum, |sum, _| std::hint::black_box(sum + 1));
        }
        let usage = meter.usage(&start, 1000).unwrap();
        let server = usage.server.unwrap();
        assert!(usage.client.cpu_seconds >= 0.03 && server.cpu_seconds > 0.0, "{usage:?}");
        let user = usage.client.user_seconds.unwrap();
        assert!(user > 0.0 && user <= usage.client.cpu_seconds, "{usage:?}");
        assert!(server.per_cpu_second > 0.0 && server.resident > 100_000, "{usage:?}");
        let glance = resident_at_a_glance(pid).unwrap();
        assert!((server.resident / 2..server.resident * 2).contains(&glance), "{glance}, {usage:?}");
        let (first, second) = (start, meter.sample().unwrap());
        let (share, usage) = (second.server_share_since(&first), meter.usage_until(&second, &first, 0).unwrap());
        assert_eq!(share, usage.server.map(|server| server.share));
    }

    #[test]
    fn a_thread_that_ends_takes_nothing_away() {
        let threads = |times: &[(&str, u64)]| times.iter().map(|(name, time)| (OsString::from(name), *time)).collect();
        assert_eq!(between(&threads(&[("1", 10), ("2", 500)]), &threads(&[("1", 30), ("3", 5)])), 25);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        // Process ids end far below this one.
        let error = Meter::new(Some(u32::MAX)).unwrap_err();
        assert!(error.to_string().contains("4294967295"), "{error}");
    }

    #[test]
    fn a_process_that_ends_meanwhile_is_no_error() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let meter = Meter::new(Some(child.id())).unwrap();
        let start = meter.sample().unwrap();
        assert!(!meter.is_gone() && meter.usage(&start, 1).unwrap().server.is_some());
        child.kill().unwrap();
        // Not waited for yet, it is there, and does nothing any more.
        while !meter.is_gone() {
            std::thread::yield_now();
        }
        assert!(meter.usage(&start, 1).unwrap().server.is_none());
        child.wait().unwrap();
        assert!(meter.is_gone() && meter.usage(&start, 1).unwrap().server.is_none());
        assert!(Meter::new(Some(child.id())).is_err(), "at the beginning it is one");
        assert!(!Meter::new(None).unwrap().is_gone());
    }

    #[test]
    fn proc_lines() {
        let stat = "7 (a) b (c)) R 1 7 7 0 -1 4194560 90 0 0 0 12 34 0 0 20 0 1 0";
        assert!(matches!(split(stat), Some(Split { user: 12, system: 34 })));
        assert!(split("7 (a) R 1").is_none());
        assert_eq!(kibibytes("Rss:      12 kB\nPss: 3 kB\n", "Pss:"), Some(3072));
        assert_eq!(kibibytes("Rss: twelve\n", "Rss:"), None);
        assert!(kernel_memory().is_some());
    }
}
