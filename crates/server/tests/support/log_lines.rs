//! The log lines of a test that runs on one thread.

use std::{
    cell::RefCell,
    io::{self, Write},
    sync::Once,
};

thread_local! {
    static LINES: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// What this thread's code logs from `keep` on, DEBUG and above.
///
/// The subscriber is the whole process's: with one of a thread's own, a place that another test's thread logs from first would
/// stay silent for all of them (tracing remembers for each place whether anybody listens).
pub(crate) struct LogLines;

impl LogLines {
    pub(crate) fn keep() -> Self {
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            let level = tracing::Level::DEBUG;
            tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_writer(|| OfThisThread).init();
        });
        LINES.set(Some(Vec::new()));
        Self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(LINES.with_borrow(|lines| lines.clone().unwrap_or_default())).unwrap()
    }
}

impl Drop for LogLines {
    fn drop(&mut self) {
        LINES.set(None);
    }
}

struct OfThisThread;

impl Write for OfThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.as_mut().map(|lines| lines.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
