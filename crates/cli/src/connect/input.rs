//! Standard input: lines, and the messages they stand for.

use std::io;

use bowline_core::Message;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// What a line turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A message to send.
    Message(Message),
    /// Nothing that can be sent, and why.
    Rejected(String),
}

/// Lines of a reader as messages, each no larger than allowed, however long the line is.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    binary: bool,
    max_message_size: usize,
    /// The line so far; what is over the limit is counted and not kept.
    line: Vec<u8>,
    dropped: bool,
    number: u64,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(super) const fn new(reader: R, binary: bool, max_message_size: usize) -> Self {
        Self { reader, binary, max_message_size, line: Vec::new(), dropped: false, number: 1 }
    }

    /// The next line, without its end (`\n` or `\r\n`); the last one may have none. `None` at the end of the input.
    /// Cancel safe.
    pub(super) async fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok((self.dropped || !self.line.is_empty()).then(|| self.finish()));
            }
            let end = available.iter().position(|&byte| byte == b'\n');
            let taken = end.unwrap_or(available.len());
            let room = longest_line(self.binary, self.max_message_size) - self.line.len();
            self.dropped |= taken > room;
            self.line.extend_from_slice(&available[..taken.min(room)]);
            self.reader.consume(end.map_or(taken, |end| end + 1));
            if end.is_some() {
                return Ok(Some(self.finish()));
            }
        }
    }

    fn finish(&mut self) -> Line {
        let mut line = std::mem::take(&mut self.line);
        if !self.dropped && line.last() == Some(&b'\r') {
            line.pop();
        }
        let message = if self.dropped { Err(self.too_long()) } else { self.parse(line) };
        let number = self.number;
        self.dropped = false;
        self.number += 1;
        message.map_or_else(|why| Line::Rejected(format!("line {number} was not sent: {why}")), Line::Message)
    }

    fn parse(&self, line: Vec<u8>) -> Result<Message, String> {
        let message = if self.binary {
            Message::binary(parse_hex(&line)?)
        } else {
            let text =
                String::from_utf8(line).map_err(|_| "it is not UTF-8; for bytes use --binary, and hex digits")?;
            Message::text(text)
        };
        if message.len() > self.max_message_size { Err(self.too_long()) } else { Ok(message) }
    }

    fn too_long(&self) -> String {
        format!("it is over {} bytes; raise --max-message-size", self.max_message_size)
    }
}

/// The bytes of a line that may make a message of `max` bytes: its end's `\r`, or `0x` and three a byte (`de ad`).
const fn longest_line(binary: bool, max: usize) -> usize {
    if binary { max.saturating_mul(3).saturating_add(3) } else { max.saturating_add(1) }
}

/// Hex digits in pairs, with spaces where one likes and `0x` in front or not: what this program prints, it reads.
fn parse_hex(line: &[u8]) -> Result<Vec<u8>, &'static str> {
    let line = line.trim_ascii();
    let line = line.strip_prefix(b"0x").unwrap_or(line);
    let mut digits = line.iter().filter(|byte| !byte.is_ascii_whitespace());
    let mut bytes = Vec::with_capacity(line.len() / 2);
    while let Some(&high) = digits.next() {
        let low = digits.next().copied().ok_or("it has an odd number of hex digits")?;
        bytes.push(hex_digit(high)? << 4 | hex_digit(low)?);
    }
    Ok(bytes)
}

fn hex_digit(digit: u8) -> Result<u8, &'static str> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err("it is not hex digits; without --binary, lines are sent as text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(input: &[u8], binary: bool, max: usize) -> Vec<Line> {
        // A reader of two bytes at a time: lines come in pieces.
        let reader = tokio::io::BufReader::with_capacity(2, input);
        let mut lines = Lines::new(reader, binary, max);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await.expect("memory doesn't fail") {
            all.push(line);
        }
        all
    }

    fn text(text: &str) -> Line {
        Line::Message(text.into())
    }

    fn rejected(line: &Line, why: &str) -> bool {
        matches!(line, Line::Rejected(said) if said.contains(why))
    }

    #[tokio::test]
    async fn lines_are_text_messages() {
        assert_eq!(read(b"", false, 10).await, []);
        assert_eq!(read(b"a\n\nb\r\n\xc3\xa9", false, 10).await, [text("a"), text(""), text("b"), text("é")]);
        let lines = read(b"ok\n\xff\nok\n", false, 10).await;
        assert!(rejected(&lines[1], "line 2 was not sent: it is not UTF-8"), "{lines:?}");
        assert_eq!((&lines[0], &lines[2]), (&text("ok"), &text("ok")));
    }

    #[tokio::test]
    async fn a_line_over_the_limit_is_skipped_whole() {
        assert_eq!(read(b"1234\r\n", false, 4).await, [text("1234")]);
        let lines = read(b"12345\n1234567890\r\nab\n123456", false, 4).await;
        for index in [0, 1, 3] {
            assert!(rejected(&lines[index], "over 4 bytes"), "{lines:?}");
        }
        assert_eq!((lines.len(), &lines[2]), (4, &text("ab")));
        assert_eq!(read(b"x\n", false, usize::MAX).await, [text("x")]);
    }

    #[tokio::test]
    async fn hex_lines_are_binary_messages() {
        let bytes = |bytes: &[u8]| Line::Message(Message::binary(bytes.to_vec()));
        let lines = read(b"00ff\n0xDEad\n de ad be \r\n\nabc\nxy\n0x0102030405\n", true, 4).await;
        assert_eq!(lines[..4], [bytes(&[0, 255]), bytes(&[0xde, 0xad]), bytes(&[0xde, 0xad, 0xbe]), bytes(&[])]);
        assert!(rejected(&lines[4], "odd number") && rejected(&lines[5], "not hex"), "{lines:?}");
        assert!(rejected(&lines[6], "over 4 bytes"), "{lines:?}");
        assert_eq!(read(b"0x01 02 03 04\r\n", true, 4).await, [bytes(&[1, 2, 3, 4])]);
    }
}
