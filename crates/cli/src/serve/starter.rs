//! Who started the server, where it is not to outlive them: they hold the other end of its standard input, which ends with them however
//! they end.

use std::future::pending;
use std::io::{copy, sink, stdin};
use std::thread;

use tokio::sync::oneshot::{Receiver, channel};

use crate::failure::Failure;

/// Knows when they are gone.
#[derive(Debug)]
pub(super) struct Starter(Option<Receiver<()>>);

/// Watches the standard input, if the server `is_bound` to it. It takes a thread: input may be a file or a terminal.
pub(super) fn watch(is_bound: bool) -> Result<Starter, Failure> {
    if !is_bound {
        return Ok(Starter(None));
    }
    let (here, gone) = channel();
    let wait = move || {
        // What they say is nothing to the server; an error is an end as well.
        drop(copy(&mut stdin().lock(), &mut sink()));
        drop(here);
    };
    thread::Builder::new()
        .name("stdin".into())
        .spawn(wait)
        .map_err(|error| Failure::Runtime(format!("cannot watch standard input: {error}")))?;
    Ok(Starter(Some(gone)))
}

impl Starter {
    /// Waits until they are gone; for ever where nobody is watched. Cancel safe.
    pub(super) async fn gone(&mut self) {
        match &mut self.0 {
            // Nothing is sent: it ends.
            Some(gone) => {
                let _ = gone.await;
            }
            None => pending().await,
        }
    }
}
