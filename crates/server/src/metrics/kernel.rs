//! What the kernel counts of connections that no process ever saw.

/// Linux' counts for all listeners of the network namespace, since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListenCounts {
    /// The accept queue was full.
    pub(super) overflows: u64,
    /// Dropped on the way into the accept queue, overflows included.
    pub(super) drops: u64,
}

/// Reads them: some 3 KB of `/proc`. `None` where there is no such file.
pub(super) fn listen_counts() -> Option<ListenCounts> {
    parse(&std::fs::read_to_string("/proc/net/netstat").ok()?)
}

/// The file has two lines for each group: its names, then its values.
fn parse(netstat: &str) -> Option<ListenCounts> {
    let mut lines = netstat.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let value = |name| {
        let mut pairs = names.split_ascii_whitespace().zip(values.split_ascii_whitespace());
        pairs.find(|(found, _)| *found == name)?.1.parse().ok()
    };
    Some(ListenCounts { overflows: value("ListenOverflows")?, drops: value("ListenDrops")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_counts_are_found_by_name() {
        let netstat = "TcpExt: A ListenOverflows B ListenDrops\nTcpExt: 1 2 3 44\nIpExt: A\nIpExt: 9\n";
        assert_eq!(parse(netstat), Some(ListenCounts { overflows: 2, drops: 44 }));
        let broken = ["", "TcpExt: ListenOverflows", "TcpExt: ListenOverflows\nTcpExt: 1\n", "TcpExt: \nTcpExt: 1"];
        for netstat in broken.into_iter().chain(["TcpExt: ListenOverflows ListenDrops\nTcpExt: 1 x\n"]) {
            assert_eq!(parse(netstat), None, "{netstat:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_kernel_has_them() {
        assert!(listen_counts().is_some());
    }
}
