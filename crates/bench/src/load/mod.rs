//! Messages at fixed times, over any transport.

mod wire;

use std::ops::ControlFlow;

use crate::{Error, Event, LoadPlan, LoadReport};

pub(crate) fn run(plan: &LoadPlan, tell: impl FnMut(&Event) -> ControlFlow<()>) -> Result<LoadReport, Error> {
    plan.check()?;
    drop(tell);
    Err(Error::Plan { problem: "UNDER CONSTRUCTION".into() })
}
