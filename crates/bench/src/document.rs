//! What is written down of a command: its runs, tables and plots, and what they were made on.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::{Distribution, Error, Interruption, Report, SCHEMA_VERSION, Transport, Verdict};

/// All that one command found out: the JSON form (`--json`), and what tables, pages and comparisons are made from.
///
/// # The form
/// One object with the fields below, named as here and in their order. Runs are objects with a field `scenario` that says
/// which report they are; a distribution is an HDR histogram of nanoseconds, V2 with deflate, in base64; a time is in seconds
/// and a size in bytes unless its name says otherwise; what isn't known is `null`. `schema` grows when a field changes its
/// meaning or goes, and not when one is added: a reader has to leave what it doesn't know, and old documents of the same
/// schema are read, with what they lack taken as empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Document {
    /// [`SCHEMA_VERSION`](crate::SCHEMA_VERSION).
    pub schema: u32,
    /// The tool and its version.
    pub tool: String,
    /// The scenario: `echo`, `compare`, `table rfc6202`, …
    pub scenario: String,
    /// The command line.
    pub command: Vec<String>,
    /// When it began: seconds since 1970, UTC.
    pub started: u64,
    /// The machine.
    pub environment: Environment,
    /// What the machine can do at the best; `None` where it was not measured.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// The workloads, in order, each with its runs.
    pub cells: Vec<Cell>,
    /// Tables reproduced or compared.
    #[serde(default)]
    pub tables: Vec<Table>,
    /// Plots besides those that are made from `cells`.
    #[serde(default)]
    pub plots: Vec<Plot>,
    /// What was asked for, where it was broken off before it was done; `None` where all of it was measured, or an error ended it.
    #[serde(default)]
    pub interrupted: Option<Interruption>,
    /// The worst of all runs' verdicts.
    pub verdict: Verdict,
}

impl Document {
    /// A document that begins now, without cells: looks at the machine, which takes some 0.2 s, and at the clock.
    #[must_use]
    pub fn new(scenario: impl Into<String>, command: Vec<String>) -> Self {
        Self {
            schema: SCHEMA_VERSION,
            tool: concat!("bowline ", env!("CARGO_PKG_VERSION")).into(),
            scenario: scenario.into(),
            command,
            started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            environment: Environment::look(),
            calibration: None,
            cells: Vec::new(),
            tables: Vec::new(),
            plots: Vec::new(),
            interrupted: None,
            verdict: Verdict::Fine,
        }
    }

    /// The same with these cells besides, and the worst verdict of all.
    #[must_use]
    pub fn with_cells(mut self, cells: Vec<Cell>) -> Self {
        let shootouts = cells.iter().filter_map(|cell| match cell.runs.first() {
            Some(Report::Shootout(report)) => Some(report.plot()),
            _ => None,
        });
        self.plots.extend(shootouts);
        self.cells.extend(cells);
        self.verdict = self.cells.iter().map(Cell::verdict).max().unwrap_or(self.verdict).max(self.verdict);
        self
    }

    /// All runs, each with its cell.
    pub fn runs(&self) -> impl Iterator<Item = (&Cell, &Report)> {
        self.cells.iter().flat_map(|cell| cell.runs.iter().map(move |run| (cell, run)))
    }

    /// The document as one line of JSON.
    ///
    /// # Errors
    /// None that a document of measured figures can cause.
    pub fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|source| Error::Io { doing: "write JSON", source: source.into() })
    }

    /// Reads what [`to_json`](Self::to_json) wrote, in this version or an earlier one of the same schema.
    ///
    /// # Errors
    /// Text that is no document, and a document of another schema; both say so.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        /// What tells one schema from another.
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let not_one = |source: serde_json::Error| Error::Io {
            doing: "read a document of `bowline bench --json`",
            source: source.into(),
        };
        let Version { schema } = serde_json::from_str(text).map_err(not_one)?;
        if schema != SCHEMA_VERSION {
            let problem = format!("its schema is {schema}, and this program reads {SCHEMA_VERSION}");
            return Err(Error::Io {
                doing: "read a document",
                source: io::Error::new(io::ErrorKind::InvalidData, problem),
            });
        }
        serde_json::from_str(text).map_err(not_one)
    }
}

/// One workload, and what its runs came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cell {
    /// What it is called: unique in the document.
    pub name: String,
    /// What carried it, where that is what cells differ in.
    #[serde(default)]
    pub transport: Option<Transport>,
    /// Its place on the axis that was swept: clients, rate, delay, …
    #[serde(default)]
    pub at: Option<At>,
    /// Its runs, in the order in which they were run.
    pub runs: Vec<Report>,
}

impl Cell {
    /// A cell that differs from others by nothing but its name.
    #[must_use]
    pub fn new(name: impl Into<String>, runs: Vec<Report>) -> Self {
        Self { name: name.into(), transport: None, at: None, runs }
    }

    /// The worst of its runs' verdicts.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.runs.iter().map(Report::verdict).max().unwrap_or(Verdict::Fine)
    }
}

/// A place on an axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct At {
    /// What is swept, with its unit: `clients`, `delay (ms)`.
    pub axis: String,
    /// Where on it.
    pub value: f64,
}

impl At {
    /// A place on an axis, which is named with its unit.
    #[must_use]
    pub fn new(axis: impl Into<String>, value: f64) -> Self {
        Self { axis: axis.into(), value }
    }
}

/// A table of figures: what was published or calculated beside what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Table {
    /// Its title.
    pub title: String,
    /// Where the published figures are from.
    pub source: Option<String>,
    /// Names of the columns, with units; the first is that of the rows.
    pub columns: Vec<String>,
    /// The rows, as long as `columns`.
    pub rows: Vec<Vec<Entry>>,
    /// Remarks below it.
    pub notes: Vec<String>,
}

/// One entry of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Entry {
    /// A figure.
    Number(f64),
    /// Words.
    Text(String),
    /// Nothing is known.
    None,
}

/// A plot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plot {
    /// A word for file names and anchors.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What is along the horizontal axis, with its unit.
    pub x: String,
    /// What is along the vertical axis, with its unit.
    pub y: String,
    /// Whether the axes are logarithmic: horizontal, vertical.
    pub logarithmic: (bool, bool),
    /// What is drawn.
    pub lines: Vec<Line>,
}

/// A line of a plot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Line {
    /// What it is.
    pub name: String,
    /// Calculated rather than measured: drawn dashed, without points.
    pub is_model: bool,
    /// Its points.
    pub points: Vec<(f64, f64)>,
}

/// The machine, and what may matter of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Environment {
    /// Kernel and its release.
    pub system: String,
    /// The processor's name.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Bytes of memory.
    pub memory: u64,
    /// File descriptors that a process may have.
    pub descriptors: u64,
    /// Cores that others used when it began.
    pub busy: f64,
    /// The clock source of the kernel.
    pub clock: String,
    /// TCP's congestion control.
    pub congestion_control: String,
}

/// What the machine does at the best, without any server of ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Calibration {
    /// Round trips a second of bare TCP, one message in flight on each of 64 connections, server and client on a core each.
    pub tcp_echo_per_second: f64,
    /// Round trip of one idle connection between two cores: the floor that waking up sets; `None` where there is but one.
    pub across_cores: Option<Distribution>,
    /// The same on one core.
    pub on_one_core: Distribution,
    /// How late a timer of 1 ms wakes a thread up.
    pub timer: Distribution,
    /// Reading the clock, in nanoseconds.
    pub clock_nanoseconds: f64,
}
