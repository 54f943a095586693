//! What messages say: who sent them, their number, and when they were due.

use std::time::Duration;

/// A message's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said<'a> {
    /// Who sent it.
    pub(crate) by: &'a str,
    /// Its number among that one's.
    pub(crate) number: u64,
    /// When it was due, since the crowd's beginning.
    pub(crate) due: Duration,
}

impl<'a> Said<'a> {
    /// The text, filled up to `size` bytes.
    pub(crate) fn text(&self, size: usize) -> String {
        let mut text = format!("{} {} {} ", self.by, self.number, self.due.as_nanos());
        let fill = size.saturating_sub(text.len());
        text.extend(std::iter::repeat_n('.', fill));
        text
    }

    /// Reads one; `None` where it is nothing that was sent here.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let mut words = text.split(' ');
        let (by, number, due) = (words.next()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Self { by, number, due: Duration::from_nanos(due) })
    }

    /// What it is called in a history.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.by, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read() {
        let said = Said { by: "12.3", number: u64::MAX, due: Duration::from_secs(86_400) };
        for size in [0, 48, 128] {
            let text = said.text(size);
            assert_eq!(Said::read(&text), Some(said));
            assert!(text.len() == size || size < 48, "{text}");
        }
        assert_eq!(said.id(), "12.3/18446744073709551615");
        for wrong in ["", "a", "a b 1", "a 1 b"] {
            assert_eq!(Said::read(wrong), None, "{wrong}");
        }
    }
}
