//! How many files may be open: raised as far as it goes, and a number of connections that stays below it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that connections leave free, for all else a process opens: past the limit `accept` fails over and over.
const SPARE: u64 = 128;

/// Raises the most files that may be open from the system's soft limit to its hard one, and returns it. The soft default of
/// 1,024 is there for programs that `select`, which none that serves does. It is the whole process that this concerns: so
/// [`Server`](super::Server) takes the limit as it finds it, and a program calls this at its start.
pub fn raise_max() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        // Some systems refuse the hard limit they report; the soft one still holds.
        Err(_) => limit.current,
    };
    current.unwrap_or(u64::MAX)
}

/// The soft limit, as it is.
pub(super) fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// How many connections fit below `limit`: 128 are left over, or a quarter where the limit is under 512. At least 1.
#[must_use]
pub fn max_connections(limit: u64) -> u32 {
    let fit = limit - SPARE.min(limit / 4);
    u32::try_from(fit).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_left_over() {
        assert_eq!(max_connections(64), 48);
        assert_eq!(max_connections(511), 384);
        assert_eq!(max_connections(512), 384);
        assert_eq!(max_connections(20_000), 19_872);
        assert_eq!(max_connections(u64::MAX), u32::MAX);
        assert_eq!(max_connections(0), 1);
    }
}
