//! The runtime that a server runs in.

use tokio::runtime::{Builder, Runtime};

use crate::failure::Failure;

/// One thread means no other at all: no pool, no thread for signals.
pub(crate) fn runtime(threads: usize) -> Result<Runtime, Failure> {
    let built = if threads == 1 {
        Builder::new_current_thread().enable_all().build()
    } else {
        Builder::new_multi_thread().worker_threads(threads).enable_all().build()
    };
    built.map_err(|error| Failure::Runtime(format!("cannot start the runtime: {error}")))
}
