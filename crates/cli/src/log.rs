//! Logs: tracing to standard error.

use std::fmt;
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

/// The most bytes of a peer's text that one field of a log line holds.
pub(crate) const MAX_FIELD: usize = 256;

/// Text from a peer, as it may stand on a terminal or in a log: control characters escaped, at most [`MAX_FIELD`] bytes.
#[derive(Clone, Copy)]
pub(crate) struct Untrusted<'a>(pub(crate) &'a str);

impl fmt::Display for Untrusted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = MAX_FIELD - '…'.len_utf8();
        for c in self.0.chars() {
            let escaped = c.escape_debug();
            // An escape is ASCII; what it leaves alone is itself.
            let length = if escaped.len() == 1 { c.len_utf8() } else { escaped.len() };
            if length > room {
                return f.write_str("…");
            }
            room -= length;
            write!(f, "{escaped}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Untrusted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(Untrusted("a\r\nb\u{1b}[31mé\u{202e}").to_string(), "a\\r\\nb\\u{1b}[31mé\\u{202e}");
    }

    #[test]
    fn a_field_is_bounded_after_escaping() {
        let fits = "x".repeat(253);
        assert_eq!(Untrusted(&fits).to_string(), fits);
        let over = Untrusted(&"x".repeat(254)).to_string();
        assert_eq!(over, fits + "…");
        assert!(Untrusted(&"\u{1b}".repeat(256)).to_string().len() <= MAX_FIELD);
        assert!(Untrusted(&"é".repeat(256)).to_string().len() <= MAX_FIELD);
    }
}
