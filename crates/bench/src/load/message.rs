//! What a message says: who sent it, which one it is, when it was due and when it was sent.
//!
//! `SSSSS NNNNNNNN DDDDDDDDDDDDDDDD TTTTTTTTTTTTTTTT` in hexadecimal digits, a full stop between two, and letters up to its size.

use crate::MIN_LOAD_SIZE;

/// Digits of each part.
const SOURCE: usize = 5;
const NUMBER: usize = 8;
const TIME: usize = 16;
const SEPARATOR: u8 = b'.';

/// The parts of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// The client that sent it, or the room it is of.
    pub(super) source: u32,
    /// Which of that one's it is, from 0 on.
    pub(super) number: u32,
    /// When it was due, by `CLOCK_MONOTONIC` in nanoseconds.
    pub(super) due: u64,
    /// When it was sent.
    pub(super) sent: u64,
}

/// Writes messages of one size, and reads them.
#[derive(Debug)]
pub(super) struct Messages {
    text: Vec<u8>,
}

impl Messages {
    pub(super) fn new(size: usize) -> Self {
        let padding = (b'a'..=b'z').cycle().take(size.saturating_sub(MIN_LOAD_SIZE));
        Self { text: [SEPARATOR; MIN_LOAD_SIZE].into_iter().chain(padding).collect() }
    }

    /// The text of a message, until the next is written.
    pub(super) fn write(&mut self, header: &Header) -> &str {
        let mut at = 0;
        for (value, digits) in [
            (u64::from(header.source), SOURCE),
            (u64::from(header.number), NUMBER),
            (header.due, TIME),
            (header.sent, TIME),
        ] {
            if let Some(place) = self.text.get_mut(at..at + digits) {
                write_hex(place, value);
            }
            at += digits + 1;
        }
        // It is ASCII.
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// Reads a message: `None` where it is none, and whether what follows its parts is what was sent.
    pub(super) fn read(&self, text: &[u8]) -> Option<(Header, bool)> {
        let (parts, padding) = text.split_at_checked(MIN_LOAD_SIZE)?;
        let (source, parts) = part(parts, SOURCE)?;
        let (number, parts) = part(parts, NUMBER)?;
        let (due, sent) = part(parts, TIME)?;
        let sent = read_hex(sent)?;
        let (source, number) = (u32::try_from(source).ok()?, u32::try_from(number).ok()?);
        Some((Header { source, number, due, sent }, self.text.get(MIN_LOAD_SIZE..) == Some(padding)))
    }
}

/// The first part, and what follows the separator.
fn part(text: &[u8], digits: usize) -> Option<(u64, &[u8])> {
    let (part, rest) = text.split_at_checked(digits)?;
    let (&SEPARATOR, rest) = rest.split_first()? else { return None };
    Some((read_hex(part)?, rest))
}

fn write_hex(place: &mut [u8], mut value: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

fn read_hex(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |value, &digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_CONNECTIONS;

    #[test]
    fn messages_read_back() {
        let last = u32::try_from(MAX_CONNECTIONS).unwrap() - 1;
        for size in [MIN_LOAD_SIZE, MIN_LOAD_SIZE + 1, 128, 5_000] {
            for header in [
                Header { source: 0, number: 0, due: 0, sent: 0 },
                Header { source: last, number: u32::MAX, due: u64::MAX, sent: u64::MAX - 1 },
            ] {
                let mut messages = Messages::new(size);
                let text = messages.write(&header).to_owned();
                assert_eq!(text.len(), size);
                assert_eq!(messages.read(text.as_bytes()), Some((header, true)));
            }
        }
    }

    #[test]
    fn what_differs_is_noticed() {
        let mut messages = Messages::new(60);
        let header = Header { source: 7, number: 8, due: 9, sent: 10 };
        let text = messages.write(&header).to_owned();
        assert_eq!(text, "00007.00000008.0000000000000009.000000000000000aabcdefghijkl");
        let changed = |at: usize, to: u8| {
            let mut text = text.clone().into_bytes();
            text[at] = to;
            messages.read(&text)
        };
        assert_eq!(changed(59, b'x'), Some((header, false)));
        assert_eq!(changed(5, b'-'), None);
        assert_eq!(changed(0, b'g'), None);
        assert_eq!(changed(0, b'A'), None);
        assert_eq!(messages.read(&text.as_bytes()[..59]), Some((header, false)));
        assert_eq!(messages.read(&text.as_bytes()[..MIN_LOAD_SIZE - 1]), None);
    }
}
