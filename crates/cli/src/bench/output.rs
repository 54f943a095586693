//! Where what was found out goes: flags, what is checked before the run, and what is written after it.

use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use bowline_bench::{Document, csv, hlog, page, plots, summary};
use clap::Args;

use super::failure;
use super::file::File;
use crate::failure::Failure;

/// The path that stands for standard output.
const STANDARD: &str = "-";

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Write everything as one line of JSON, to a file or instead of the summary.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = STANDARD)]
    json: Option<PathBuf>,
    /// Write a row for each run as CSV, to a file or instead of the summary.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = STANDARD)]
    csv: Option<PathBuf>,
    /// Write the latencies of all runs as an interval log of HDR histograms.
    #[arg(long, value_name = "FILE")]
    hlog: Option<PathBuf>,
    /// Write one page with plots and tables, which needs no network.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write each plot as an SVG file of its own.
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
    /// Tell nothing on standard error while it runs.
    #[arg(short, long)]
    pub(super) quiet: bool,
}

/// A scenario's flags, and where its report goes.
#[derive(Debug, Args)]
pub(super) struct Reported<A: Args> {
    #[command(flatten)]
    pub(super) scenario: A,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// What goes onto standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standard {
    /// The summary for people.
    Summary,
    /// JSON.
    Json,
    /// CSV.
    Csv,
}

/// The forms that files have.
#[derive(Debug, Clone, Copy)]
enum Form {
    Json,
    Csv,
    Hlog,
    Html,
}

/// Where everything goes, all of which could be written before the run.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) standard: Standard,
    files: Vec<(Form, File)>,
    svg: Option<PathBuf>,
}

impl OutputArgs {
    /// Finds out what can't be written while there is nothing yet to lose.
    pub(super) fn check(&self) -> Result<Output, Failure> {
        let is_standard = |path: &Option<PathBuf>| path.as_deref() == Some(Path::new(STANDARD));
        let standard = match (is_standard(&self.json), is_standard(&self.csv)) {
            (true, true) => {
                let problem = "--json and --csv can't both go to standard output: give one of them a file, --csv=FILE";
                return Err(Failure::Usage(problem.into()));
            }
            (true, false) => Standard::Json,
            (false, true) => Standard::Csv,
            (false, false) => Standard::Summary,
        };
        if [&self.hlog, &self.html].into_iter().any(is_standard) {
            return Err(Failure::Usage("--hlog and --html take a file: standard output has the summary".into()));
        }
        let mut files = Vec::new();
        let all =
            [(Form::Json, &self.json), (Form::Csv, &self.csv), (Form::Hlog, &self.hlog), (Form::Html, &self.html)];
        for (form, path) in all {
            if let Some(path) = path.as_ref().filter(|path| *path != Path::new(STANDARD)) {
                files.push((form, File::check(path)?));
            }
        }
        if let Some(directory) = &self.svg {
            let cannot = |error| Failure::Runtime(format!("can't make the directory {}: {error}", directory.display()));
            fs::create_dir_all(directory).map_err(cannot)?;
            File::check(&directory.join("plot.svg"))?;
        }
        Ok(Output { standard, files, svg: self.svg.clone() })
    }
}

impl Output {
    /// Writes all of it, files first. What can't be written takes nothing away from the rest: the first error comes last.
    pub(super) fn write(&self, document: &Document) -> Result<(), Failure> {
        let files = self.files.iter().map(|(form, file)| form.of(document).and_then(|bytes| file.write(&bytes)));
        let mut written: Vec<_> = files.collect();
        written.push(self.write_plots(document));
        let text = match self.standard {
            Standard::Summary => Ok(summary(document).into_bytes()),
            Standard::Json => Form::Json.of(document),
            Standard::Csv => Form::Csv.of(document),
        };
        written.push(text.and_then(|text| print(&text)));
        written.into_iter().collect()
    }

    fn write_plots(&self, document: &Document) -> Result<(), Failure> {
        let Some(directory) = &self.svg else { return Ok(()) };
        let plots = plots(document).map_err(|error| failure(&error))?.into_iter();
        let write = |(name, svg): (String, String)| {
            File::check(&directory.join(name + ".svg")).and_then(|file| file.write(svg.as_bytes()))
        };
        let written: Vec<_> = plots.map(write).collect();
        written.into_iter().collect()
    }
}

/// Writes onto standard output, all of it at once.
pub(super) fn print(text: &[u8]) -> Result<(), Failure> {
    stdout()
        .write_all(text)
        .and_then(|()| stdout().flush())
        .map_err(|error| Failure::Runtime(format!("can't print the report: {error}")))
}

impl Form {
    fn of(self, document: &Document) -> Result<Vec<u8>, Failure> {
        let bytes = match self {
            Self::Json => document.to_json().map(|json| (json + "\n").into_bytes()),
            Self::Csv => Ok(csv(document).into_bytes()),
            Self::Hlog => hlog(document),
            Self::Html => page(document).map(String::into_bytes),
        };
        bytes.map_err(|error| failure(&error))
    }
}
