//! Who is told during a run.

use std::io::{Write, stdout};
use std::ops::ControlFlow;

use bowline_bench::Event;

use super::interrupt::Interrupt;
use super::live::Live;
use super::output::Standard;
use crate::failure::Failure;

/// Shows what happens, prints what is of the report, and knows when to stop.
#[derive(Debug)]
pub(super) struct Watch {
    live: Live<std::io::Stderr>,
    interrupt: Interrupt,
    standard: Standard,
}

impl Watch {
    pub(super) fn new(standard: Standard, quiet: bool) -> Result<Self, Failure> {
        Ok(Self { interrupt: Interrupt::listen()?, live: Live::new(quiet), standard })
    }

    /// The machine is measured before the server is.
    pub(super) fn calibrates(&mut self) {
        self.live.say("calibrating, 3 s");
    }

    /// Progress is for standard error; what becomes of connections that are held is for standard output, a line each, in the
    /// form that the report will have, and steps are where people read it. With nobody left to read it there is no point in going
    /// on.
    pub(super) fn tell(&mut self, event: &Event) -> ControlFlow<()> {
        let line = match (self.standard, event) {
            (Standard::Csv, _) | (_, Event::Begin { .. } | Event::Progress(_) | Event::Spent { .. }) => None,
            // They are in the document.
            (Standard::Json, Event::Step(_)) => None,
            (Standard::Json, event) => event.to_json().ok(),
            (Standard::Summary, event) => Some(event.to_string()),
        };
        let printed = match line {
            Some(line) => {
                self.live.erase();
                writeln!(stdout(), "{line}").and_then(|()| stdout().flush())
            }
            None => {
                self.live.tell(event);
                Ok(())
            }
        };
        if printed.is_err() || self.interrupt.asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
