//! Rooms as their members see them, on threads and with faults: the delivery guarantee.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's helpers fail the test")]

mod delivery;
mod encodings;
mod history;
mod listeners;
mod watchers;
