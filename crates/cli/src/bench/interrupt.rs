//! Ctrl-C and SIGTERM during a run: the first ends it with the report so far, the second at once.

use std::io::{IsTerminal, Write, stderr};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::live::SHOW_CURSOR;
use crate::failure::Failure;
use crate::runtime::runtime;
use crate::signals::Signals;

/// Whether somebody asked to stop.
#[derive(Debug, Clone)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes the signals over. They come to a thread of their own, which sleeps until then: the load is not of its kind.
    pub(super) fn listen() -> Result<Self, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        let runtime = runtime(1)?;
        let mut signals = {
            let _entered = runtime.enter();
            Signals::new()?
        };
        let told = Arc::clone(&asked);
        let wait = move || {
            runtime.block_on(signals.next());
            told.store(true, Ordering::Relaxed);
            let again = runtime.block_on(signals.next());
            if stderr().is_terminal() {
                drop(stderr().write_all(SHOW_CURSOR));
            }
            process::exit(again.exit_code().into());
        };
        thread::Builder::new()
            .name("signals".into())
            .spawn(wait)
            .map_err(|error| Failure::Runtime(format!("cannot listen for signals: {error}")))?;
        Ok(Self(asked))
    }

    pub(super) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
