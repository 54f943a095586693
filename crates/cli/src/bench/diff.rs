//! `bowline bench diff`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bowline_bench::{Diff, Document, Threshold, Verdict};
use clap::Args;

use super::output::print;
use super::{exit_code, words};
use crate::failure::Failure;

pub(super) const HELP: &str = "\
Examples:
  bowline bench diff before.json after.json
  bowline bench diff before.json after.json --fail-on 'p99:+10%' --fail-on 'rate:-5%' --fail-on 'missing:+0'

Figures are those of --csv. Cells are compared by name, medians with medians. What the second was not asked for as the first
was (scenario, clients, rate, size, …) is told first, as \"not the same workload\": that fails nothing.
Exit codes: 0 fine, 1 not compared, 2 a threshold was missed, 3 or 4 the second document is client-bound or faulty.";

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// A document of --json.
    before: PathBuf,
    /// Another.
    after: PathBuf,
    /// By how much a figure may get worse, `FIGURE:±AMOUNT[%|UNIT]`; may be repeated.
    #[arg(long, value_name = "THRESHOLD", allow_hyphen_values = true)]
    fail_on: Vec<String>,
}

/// Prints what changed; the exit code is the second document's own, and 2 where only a threshold was missed.
pub(super) fn run(args: &DiffArgs) -> Result<ExitCode, Failure> {
    // A threshold that can't be read must not look like one that was missed.
    let not_compared = |error| Failure::Runtime(words(&error));
    let thresholds: Result<Vec<Threshold>, _> = args.fail_on.iter().map(|text| text.parse()).collect();
    let thresholds = thresholds.map_err(not_compared)?;
    let (before, after) = (read(&args.before)?, read(&args.after)?);
    let diff = Diff::of(&before, &after, &thresholds).map_err(not_compared)?;
    let is_whole = after.verdict == Verdict::Fine && after.interrupted.is_none();
    let verdict = if is_whole { String::new() } else { format!("verdict: {}\n", after.judgement()) };
    print(format!("{diff}{verdict}").as_bytes())?;
    if after.verdict == Verdict::Fine && !diff.missed.is_empty() {
        return Ok(ExitCode::from(2));
    }
    Ok(exit_code(after.verdict))
}

fn read(path: &Path) -> Result<Document, Failure> {
    let cannot = |why: String| Failure::Runtime(format!("can't read {}: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| cannot(error.to_string()))?;
    Document::from_json(&text).map_err(|error| cannot(words(&error)))
}
