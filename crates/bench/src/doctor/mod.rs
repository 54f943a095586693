//! Whether this machine, and the way to a server, are fit to measure on.

mod machine;
mod transports;

use std::fmt;

use serde::Serialize;

pub use self::machine::Machine;
use crate::{Error, Target};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What: a word or two.
    pub name: &'static str,
    /// What was found.
    pub found: String,
    /// What is wrong with it, and the command or setting that mends it; `None` where all is well.
    pub trouble: Option<Trouble>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Trouble {
    /// What comes of it.
    pub problem: String,
    /// The command or setting.
    pub remedy: String,
}

impl Finding {
    fn new(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, found: found.into(), trouble: None }
    }

    /// The same with what is wrong, where it is.
    fn unless(self, is_well: bool, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        let trouble = (!is_well).then(|| Trouble { problem: problem.into(), remedy: remedy.into() });
        Self { trouble, ..self }
    }

    /// Whether all is well with it.
    #[must_use]
    pub const fn is_well(&self) -> bool {
        self.trouble.is_none()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, found, trouble } = self;
        let Some(Trouble { problem, remedy }) = trouble else { return write!(f, "ok     {name:<20} {found}") };
        write!(f, "wrong  {name:<20} {found}: {problem}\n       {:<20} → {remedy}", "")
    }
}

/// All that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Examination {
    /// One thing each.
    pub findings: Vec<Finding>,
}

impl Examination {
    /// Looks at this machine, for some 0.2 s.
    #[must_use]
    pub fn of_machine() -> Self {
        Self { findings: Machine::look().judge() }
    }

    /// Tries each transport against the server that is mounted at `target`, for a second if all is well, and for a few if not.
    /// Sessions are ended again.
    ///
    /// # Errors
    /// Nobody can be reached there at all, or it is a `tcp://` target.
    pub fn add_server(&mut self, target: &Target) -> Result<(), Error> {
        self.findings.extend(transports::examine(target)?);
        Ok(())
    }

    /// Whether all is well.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.findings.iter().all(Finding::is_well)
    }

    /// It as one line of JSON.
    ///
    /// # Errors
    /// None: words only.
    pub fn to_json(&self) -> Result<String, Error> {
        crate::report::json(self)
    }
}

impl fmt::Display for Examination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))
    }
}
