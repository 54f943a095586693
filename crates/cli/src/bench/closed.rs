//! What makes a closed loop of a workload: the next message is sent when an answer comes.

use super::load::LoadArgs;
use crate::failure::Failure;

/// Where the flags stand that do.
pub(super) const CLOSED: &str = "Closed loop (any of these makes it one: what the server can do, and no latency)";

/// That there is nothing among the flags that only the open model has.
pub(super) fn check_flags(load: &LoadArgs, why: &str) -> Result<(), Failure> {
    match load.only_open() {
        Some(flag) => Err(Failure::Usage(format!("{why} is for the closed loop, which has no {flag}"))),
        None => Ok(()),
    }
}
