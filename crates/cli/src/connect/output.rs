//! Standard output: messages as lines.

use std::fmt::Write as _;

use bowline_core::Message;

/// How a message is printed: text as it is, with its control characters escaped for a terminal (`escape`); binary as
/// `0x` and hex digits, which `--binary` reads back.
pub(super) fn line(message: &Message, escape: bool) -> Vec<u8> {
    let mut line = match message {
        Message::Text(text) if escape => escaped(text.as_str()).into_bytes(),
        Message::Text(text) => Vec::from(text.as_bytes().as_ref()),
        Message::Binary(bytes) => hex(bytes),
    };
    line.push(b'\n');
    line
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = Vec::with_capacity(3 + 2 * bytes.len());
    hex.extend_from_slice(b"0x");
    for byte in bytes {
        hex.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    hex
}

/// Line ends and tabs stay; whatever else could command a terminal, or overwrite what stands there, doesn't.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && !matches!(c, '\n' | '\t') {
            // Writing to a String doesn't fail.
            let _ = write!(escaped, "{}", c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_for_a_terminal_only() {
        let message = Message::text("a\t\u{1b}[2J\r\u{9b}é\n");
        assert_eq!(line(&message, true), "a\t\\u{1b}[2J\\r\\u{9b}é\n\n".as_bytes());
        assert_eq!(line(&message, false), "a\t\u{1b}[2J\r\u{9b}é\n\n".as_bytes());
    }

    #[test]
    fn binary_is_hex() {
        assert_eq!(line(&Message::binary(vec![0, 0x1f, 0xff]), false), b"0x001fff\n");
        assert_eq!(line(&Message::binary(vec![]), true), b"0x\n");
    }
}
