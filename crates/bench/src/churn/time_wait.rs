//! Ports that stay taken for a while, as Linux tells it.

use std::fs;

use crate::TimeWait;

/// The kernel's number of the state.
const TIME_WAIT: &str = "06";

/// Looks at all connections to a port; `None` where the kernel doesn't tell.
pub(super) fn time_wait(port: u16) -> Option<TimeWait> {
    let mut found = count(&fs::read_to_string("/proc/net/tcp").ok()?, port);
    // There may be no IPv6.
    if let Ok(table) = fs::read_to_string("/proc/net/tcp6") {
        let more = count(&table, port);
        (found.server, found.client) = (found.server + more.server, found.client + more.client);
    }
    Some(found)
}

fn count(table: &str, port: u16) -> TimeWait {
    let is_port = |address: Option<&str>| {
        let hex = address.and_then(|address| address.rsplit_once(':'));
        hex.and_then(|(_, hex)| u16::from_str_radix(hex, 16).ok()) == Some(port)
    };
    let mut found = TimeWait::default();
    for line in table.lines().skip(1) {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (local, remote) = (words.next(), words.next());
        if words.next() != Some(TIME_WAIT) {
            continue;
        }
        found.server += u64::from(is_port(local));
        found.client += u64::from(is_port(remote));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_told_apart() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
             0: 0100007F:2329 0101007F:C001 06 00000000:00000000\n\
             1: 0101007F:C002 0100007F:2329 06 00000000:00000000\n\
             2: 0101007F:C003 0100007F:2329 06 00000000:00000000\n\
             3: 0100007F:2329 0101007F:C004 01 00000000:00000000\n\
             4: 0100007F:232A 0101007F:C005 06 00000000:00000000\n";
        assert_eq!(count(table, 0x2329), TimeWait { server: 1, client: 2 });
        assert_eq!(count("", 1), TimeWait::default());
        assert!(time_wait(1).is_some());
    }
}
