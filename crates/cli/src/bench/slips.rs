//! Slips in a command line, and what to write instead.

use std::ffi::OsString;

use clap::Command;
use clap::error::{ContextKind, ContextValue, Error};

/// Flags whose file has to stand behind `=`, as they may be without one.
const BEHIND_EQUALS: [&str; 2] = ["--json", "--csv"];

/// Has flags take what begins with a minus for a number, so that it is refused as one, and not as a flag that nobody knows.
pub(crate) fn negatives_are_numbers(command: Command) -> Command {
    command.mut_subcommand("bench", |bench| {
        bench.mut_subcommands(|scenario| {
            scenario.mut_args(|arg| {
                let is_flag = !arg.is_positional() && arg.get_action().takes_values();
                arg.allow_negative_numbers(is_flag)
            })
        })
    })
}

/// An error with a tip where what is wrong in it was to be the file of a flag before it.
pub(crate) fn with_tip(mut error: Error, args: &[OsString]) -> Error {
    if let Some(tip) = tip(&error, args) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

fn tip(error: &Error, args: &[OsString]) -> Option<String> {
    let kinds = [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand];
    let wrong = kinds.into_iter().find_map(|kind| match error.get(kind) {
        Some(ContextValue::String(wrong)) => Some(wrong),
        _ => None,
    })?;
    let flag = args.windows(2).find_map(|pair| {
        let [flag, value] = pair else { return None };
        BEHIND_EQUALS.into_iter().find(|name| flag == name && value == wrong.as_str())
    })?;
    let form = flag.trim_start_matches('-').to_uppercase();
    Some(format!("to write {form} to a file: {flag}={wrong}"))
}
