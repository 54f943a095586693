//! Logs: tracing to standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

const DEFAULT: &str = "info";

/// Starts logging by `filter`, else by `RUST_LOG`, else at `info`.
pub(crate) fn init(filter: Option<&str>) -> Result<(), Failure> {
    let from_env = std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty());
    let (flag, filter) = match (filter, &from_env) {
        (Some(filter), _) => ("--log", filter),
        (None, Some(filter)) => ("RUST_LOG", filter.as_str()),
        (None, None) => ("--log", DEFAULT),
    };
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        Failure::Usage(format!("{flag} is {filter:?}: {error}; write a level, or target=level,…, as in bowline=debug"))
    })?;
    let colours = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(stderr)
        // It would be said on standard error, and panic where that is what failed.
        .log_internal_errors(false)
        .init();
    Ok(())
}
