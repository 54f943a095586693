//! What peers say, fit for a log.

use std::fmt;

/// The most bytes of a peer's text that one field of a log line holds.
pub const MAX_FIELD: usize = 256;

/// Text from a peer, as it may stand on a terminal or in a log: control characters escaped, at most [`MAX_FIELD`] bytes with
/// the escapes (threat S13).
#[derive(Clone, Copy)]
pub struct Untrusted<'a>(pub &'a str);

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
