//! Messages at fixed times, over any transport.

#[cfg_attr(not(test), expect(dead_code, reason = "the loop that drives it comes next"))]
mod wire;

use std::ops::ControlFlow;

use crate::{Error, Event, LoadPlan, LoadReport};

pub(crate) fn run(plan: &LoadPlan, tell: impl FnMut(&Event) -> ControlFlow<()>) -> Result<LoadReport, Error> {
    plan.check()?;
    drop(tell);
    Err(Error::Plan { problem: "UNDER CONSTRUCTION".into() })
}
