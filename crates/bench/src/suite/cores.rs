//! Who runs on which core.

use std::io;
use std::thread::{self, available_parallelism};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::spread::Count;
use crate::Error;

/// The cores that a server may use, and those for the load. The calling thread, and what it starts, has the latter until this is
/// dropped.
#[derive(Debug)]
pub(crate) struct Cores {
    /// Before; `None` where nothing was changed.
    all: Option<CpuSet>,
    server: Option<CpuSet>,
}

impl Cores {
    /// Everybody goes on where it may.
    pub(crate) const fn all() -> Self {
        Self { all: None, server: None }
    }

    /// The first core for the server, the others for the calling thread; everybody on the one where there is but one.
    pub(crate) fn take() -> Result<Self, Error> {
        let all = sched_getaffinity(None).map_err(failed)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| all.is_set(core));
        let (Some(first), Some(_)) = (cores.next(), cores.next()) else { return Ok(Self::all()) };
        let (mut server, mut load) = (CpuSet::new(), all);
        server.set(first);
        load.unset(first);
        sched_setaffinity(None, &load).map_err(failed)?;
        Ok(Self { all: Some(all), server: Some(server) })
    }

    /// The first core for everybody.
    pub(crate) fn take_one() -> Result<Self, Error> {
        let all = sched_getaffinity(None).map_err(failed)?;
        let Some(first) = (0..CpuSet::MAX_CPU).find(|&core| all.is_set(core)) else { return Ok(Self::all()) };
        let mut one = CpuSet::new();
        one.set(first);
        sched_setaffinity(None, &one).map_err(failed)?;
        Ok(Self { all: Some(all), server: Some(one) })
    }

    /// Whether the server has a core that the load hasn't.
    pub(crate) const fn are_apart(&self) -> bool {
        self.server.is_some()
    }

    /// How many there are, and how many of them are the server's alone.
    pub(super) fn count(&self) -> Count {
        let of = |cores: &CpuSet| usize::try_from(cores.count()).unwrap_or(usize::MAX);
        match (&self.all, &self.server) {
            (Some(all), Some(server)) => Count { all: of(all), pinned: of(server) },
            _ => Count { all: available_parallelism().map_or(1, usize::from), pinned: 0 },
        }
    }

    /// Calls `start` from a thread on the server's core: what it starts stays there.
    pub(crate) fn on_servers<T: Send>(&self, start: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        let Some(server) = self.server else { return start() };
        let started = thread::scope(|scope| {
            let there = scope.spawn(|| {
                sched_setaffinity(None, &server)?;
                start()
            });
            there.join()
        });
        started.unwrap_or_else(|_| Err(io::Error::other("the thread that starts it panicked")))
    }
}

fn failed(errno: rustix::io::Errno) -> Error {
    Error::Io { doing: "choose cores (--no-pin goes without)", source: errno.into() }
}

impl Drop for Cores {
    fn drop(&mut self) {
        if let Some(all) = &self.all {
            // What was allowed before is allowed again.
            let _ = sched_setaffinity(None, all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_and_load_share_no_core_and_afterwards_all_is_as_it_was() {
        let before = sched_getaffinity(None).unwrap();
        let cores = Cores::take().unwrap();
        let load = sched_getaffinity(None).unwrap();
        let server = cores.on_servers(|| Ok(sched_getaffinity(None)?)).unwrap();
        let count = cores.count();
        assert_eq!(count.all, before.count() as usize);
        assert_eq!(count.pinned, usize::from(count.all > 1));
        assert_eq!(Cores::all().count().pinned, 0);
        if before.count() > 1 {
            assert_eq!((server.count(), load.count()), (1, before.count() - 1));
            assert!((0..CpuSet::MAX_CPU).all(|core| !(server.is_set(core) && load.is_set(core))));
        }
        drop(cores);
        assert_eq!(sched_getaffinity(None).unwrap(), before);
    }
}
