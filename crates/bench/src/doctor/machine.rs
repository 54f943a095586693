//! The machine's limits.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::Finding;
use crate::Environment;
use crate::process::kibibytes;
use crate::{calibrate, dial};

/// Descriptors that one load process is to have: 19,000 connections and what else it needs.
const DESCRIPTORS: u64 = dial::descriptors(19_000);
/// Ports that it is to have from one address: 10,000 are used before the next source address is.
const PORTS: u64 = 10_000;
/// Connections that are to fit into a listener's queue.
const BACKLOG: u64 = 4_096;
/// Bytes that are to be free: 19,000 connections with their buffers at both ends.
const MEMORY: u64 = 1 << 30;
/// Cores that others may use.
const BUSY: f64 = 0.2;
/// Nanoseconds that reading the clock may take: several readings stand behind each message.
const CLOCK: f64 = 250.0;

/// What is looked at. Zero, or an empty word, stands for what the kernel doesn't tell, and is no trouble.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// Descriptors that a process has, and may have at most.
    pub descriptors: (u64, u64),
    /// The first and the last port for connections out.
    pub ports: (u64, u64),
    /// Connections that are closed and still take a port (`TIME_WAIT`).
    pub time_wait: u64,
    /// Cores that this process may use.
    pub cores: usize,
    /// Cores that others use.
    pub busy: f64,
    /// The kernel's clock source.
    pub clock: String,
    /// Nanoseconds that reading it takes.
    pub clock_nanoseconds: f64,
    /// The longest queue of connections that wait to be accepted.
    pub backlog: u64,
    /// Bytes of memory that are to be had.
    pub memory: u64,
    /// TCP's congestion control.
    pub congestion_control: String,
}

impl Machine {
    /// Looks at this one, for some 0.2 s.
    #[must_use]
    pub fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let environment = Environment::look();
        let limits = getrlimit(Resource::Nofile);
        Self {
            descriptors: (limits.current.unwrap_or(u64::MAX), limits.maximum.unwrap_or(u64::MAX)),
            ports: pair(&read("/proc/sys/net/ipv4/ip_local_port_range")).unwrap_or_default(),
            time_wait: time_wait(&read("/proc/net/sockstat")),
            cores: environment.cores,
            busy: environment.busy,
            clock: environment.clock,
            clock_nanoseconds: calibrate::clock(),
            backlog: read("/proc/sys/net/core/somaxconn").trim().parse().unwrap_or(0),
            memory: kibibytes(&read("/proc/meminfo"), "MemAvailable:").unwrap_or(0),
            congestion_control: environment.congestion_control,
        }
    }

    /// What of it is fit to measure on, and what mends the rest.
    #[must_use]
    pub fn judge(&self) -> Vec<Finding> {
        vec![
            self.descriptors(),
            self.ports(),
            self.time_wait(),
            self.cores(),
            self.busy(),
            self.clock(),
            self.backlog(),
            self.memory(),
            self.congestion_control(),
        ]
    }

    /// The soft limit is raised by whoever needs more; the hard one can't be.
    fn descriptors(&self) -> Finding {
        let (soft, hard) = self.descriptors;
        Finding::new("descriptors", format!("{soft}, may be raised to {hard}")).unless(
            hard >= DESCRIPTORS,
            format!("a load process with 19,000 connections needs {DESCRIPTORS}"),
            "sudo prlimit --pid $$ --nofile=65536:65536 (for good: `* hard nofile 65536` in /etc/security/limits.conf, \
             or LimitNOFILE=65536 in the unit)",
        )
    }

    fn ports(&self) -> Finding {
        let (first, last) = self.ports;
        let count = (last + 1).saturating_sub(first);
        Finding::new("ports", format!("{first} to {last}, {count} for each source address")).unless(
            self.ports == (0, 0) || count >= PORTS,
            format!("{PORTS} connections go out from each address"),
            "sudo sysctl -w net.ipv4.ip_local_port_range='1024 65535'",
        )
    }

    fn time_wait(&self) -> Finding {
        let count = (self.ports.1 + 1).saturating_sub(self.ports.0);
        Finding::new("closed connections", format!("{} still take a port (TIME_WAIT)", self.time_wait)).unless(
            self.ports == (0, 0) || self.time_wait <= count / 2,
            "few ports may be left to connect from",
            "sleep 60 (they go by themselves), or sudo sysctl -w net.ipv4.ip_local_port_range='1024 65535'",
        )
    }

    fn cores(&self) -> Finding {
        Finding::new("cores", self.cores.to_string()).unless(
            self.cores >= 2,
            "the load and the server take time from each other",
            "taskset --all-tasks --cpu-list --pid 0-1 $$ (a container: --cpuset-cpus=0-1), or measure from another machine",
        )
    }

    fn busy(&self) -> Finding {
        Finding::new("others", format!("use {:.1} cores", self.busy)).unless(
            self.busy <= BUSY,
            "latencies and rates are theirs as well",
            "top -o %CPU shows who it is: end it, or wait for it",
        )
    }

    fn clock(&self) -> Finding {
        let source = if self.clock.is_empty() { "unknown source" } else { &self.clock };
        let nanoseconds = self.clock_nanoseconds;
        Finding::new("clock", format!("{source}, {nanoseconds:.0} ns a reading")).unless(
            nanoseconds <= CLOCK,
            "reading it is a call of the kernel, which costs more than a message",
            "echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource \
             (what there is stands in available_clocksource beside it)",
        )
    }

    fn backlog(&self) -> Finding {
        Finding::new("backlog", format!("{} (net.core.somaxconn)", self.backlog)).unless(
            self.backlog == 0 || self.backlog >= BACKLOG,
            "connections that come at once wait a second for their second try",
            format!("sudo sysctl -w net.core.somaxconn={BACKLOG}"),
        )
    }

    fn memory(&self) -> Finding {
        Finding::new("memory", format!("{} MiB to be had", self.memory >> 20)).unless(
            self.memory == 0 || self.memory >= MEMORY,
            "19,000 connections may take a GiB at both ends together",
            "end what takes it (ps --sort=-rss -eo rss,comm | head), or plan fewer with --clients",
        )
    }

    /// None is wrong: one that paces changes nothing on a loopback that could be measured, and across a network it is what servers have.
    /// But what was measured with one isn't to be compared with what was with another.
    fn congestion_control(&self) -> Finding {
        let found = match self.congestion_control.as_str() {
            "" => "unknown".to_owned(),
            name if name.starts_with("bbr") => {
                format!("{name}, which paces: across a network compare with runs that had it at both ends as well")
            }
            name => name.to_owned(),
        };
        Finding::new("congestion control", found)
    }
}

fn pair(text: &str) -> Option<(u64, u64)> {
    let mut words = text.split_ascii_whitespace().map(str::parse);
    Some((words.next()?.ok()?, words.next()?.ok()?))
}

/// The number behind `tw`.
fn time_wait(sockstat: &str) -> u64 {
    let mut words = sockstat.split_ascii_whitespace().skip_while(|word| *word != "tw");
    words.nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit() -> Machine {
        Machine {
            descriptors: (1_024, DESCRIPTORS),
            ports: (32_768, 32_768 + PORTS - 1),
            time_wait: PORTS / 2,
            cores: 2,
            busy: BUSY,
            clock: "tsc".to_owned(),
            clock_nanoseconds: CLOCK,
            backlog: BACKLOG,
            memory: MEMORY,
            congestion_control: "cubic".to_owned(),
        }
    }

    #[test]
    fn a_machine_at_the_limits_is_fit() {
        assert!(fit().judge().iter().all(Finding::is_well), "{:?}", fit().judge());
    }

    #[test]
    fn past_a_limit_one_thing_is_wrong_and_how_to_mend_it_is_told() {
        type Change = fn(&mut Machine);
        let changes: [(&str, Change, &str); 8] = [
            ("descriptors", |machine| machine.descriptors.1 -= 1, "--nofile=65536"),
            ("ports", |machine| (machine.ports.1, machine.time_wait) = (machine.ports.1 - 1, 0), "ip_local_port_range"),
            ("closed connections", |machine| machine.time_wait += 1, "sleep 60"),
            ("cores", |machine| machine.cores = 1, "taskset"),
            ("others", |machine| machine.busy += 0.1, "top"),
            ("clock", |machine| machine.clock_nanoseconds += 1.0, "current_clocksource"),
            ("backlog", |machine| machine.backlog -= 1, "net.core.somaxconn=4096"),
            ("memory", |machine| machine.memory -= 1, "--clients"),
        ];
        for (name, change, remedy) in changes {
            let mut machine = fit();
            change(&mut machine);
            let findings = machine.judge();
            let wrong: Vec<_> = findings.iter().filter(|finding| !finding.is_well()).collect();
            assert!(wrong.len() == 1 && wrong[0].name == name, "{name}: {wrong:?}");
            assert!(wrong[0].to_string().contains(remedy), "{}", wrong[0]);
        }
    }

    #[test]
    fn congestion_control_is_told_and_never_wrong() {
        for (name, told) in
            [("", "unknown"), ("cubic", "cubic"), ("bbr", "bbr, which paces"), ("bbr3", "bbr3, which paces")]
        {
            let machine = Machine { congestion_control: name.to_owned(), ..fit() };
            let findings = machine.judge();
            assert!(findings.iter().all(Finding::is_well), "{findings:?}");
            assert!(findings.iter().any(|finding| finding.found.starts_with(told)), "{findings:?}");
        }
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_no_trouble() {
        let machine = Machine {
            ports: (0, 0),
            backlog: 0,
            memory: 0,
            clock: String::new(),
            congestion_control: String::new(),
            ..fit()
        };
        assert!(machine.judge().iter().all(Finding::is_well), "{:?}", machine.judge());
    }

    #[test]
    fn proc_is_read() {
        assert_eq!(pair("32768\t60999\n"), Some((32_768, 60_999)));
        assert_eq!(pair("32768"), None);
        let sockstat = "sockets: used 10\nTCP: inuse 3 orphan 0 tw 7 alloc 4 mem 1\n";
        assert_eq!((time_wait(sockstat), time_wait("")), (7, 0));
        let machine = Machine::look();
        assert!(machine.cores > 0 && machine.descriptors.0 > 0 && machine.clock_nanoseconds > 0.0, "{machine:?}");
    }
}
