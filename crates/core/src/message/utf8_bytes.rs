//! Text as shared bytes.

use std::{
    fmt,
    ops::{Bound, Deref, RangeBounds},
    str::Utf8Error,
};

use bytes::Bytes;

/// Shared, immutable text: [`Bytes`] that are known to be UTF-8. Cloning is O(1).
///
/// The bytes were checked once, on the way in. This crate has no `unsafe`, so [`as_str`](Self::as_str) (and whatever
/// derefs to `str`) checks them again, at tens of gigabytes a second; [`as_bytes`](Self::as_bytes) costs nothing.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Utf8Bytes(Bytes);

impl Utf8Bytes {
    /// Text that lives as long as the program.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// Bytes that the caller has checked.
    pub(crate) fn from_checked(bytes: Bytes) -> Self {
        debug_assert!(simdutf8::basic::from_utf8(&bytes).is_ok());
        Self(bytes)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match simdutf8::basic::from_utf8(&self.0) {
            Ok(text) => text,
            Err(_) => unreachable!("every constructor checks"),
        }
    }

    /// The text's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The text's bytes, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no text.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A part of the text, shared.
    ///
    /// # Panics
    /// If an end is past the text's, or inside a character; as with `str`.
    #[must_use]
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Self {
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => last.saturating_add(1),
            Bound::Excluded(&end) => end,
            Bound::Unbounded => self.len(),
        };
        for at in [start, end] {
            // A byte inside of a character is one of 10xxxxxx: no need to check the whole text again.
            let is_boundary = self.0.get(at).map_or(at == self.len(), |byte| !(0x80..0xc0).contains(byte));
            assert!(is_boundary, "{at} is not a character boundary");
        }
        Self(self.0.slice(start..end))
    }
}

impl Deref for Utf8Bytes {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Utf8Bytes {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for Utf8Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl PartialEq<str> for Utf8Bytes {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Utf8Bytes {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl From<String> for Utf8Bytes {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl From<&str> for Utf8Bytes {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl TryFrom<Bytes> for Utf8Bytes {
    type Error = Utf8Error;

    fn try_from(bytes: Bytes) -> Result<Self, Utf8Error> {
        if simdutf8::basic::from_utf8(&bytes).is_err() {
            // The fast check doesn't say where; the standard one does.
            std::str::from_utf8(&bytes)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<Vec<u8>> for Utf8Bytes {
    type Error = Utf8Error;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Utf8Error> {
        Self::try_from(Bytes::from(bytes))
    }
}

impl From<Utf8Bytes> for Bytes {
    fn from(text: Utf8Bytes) -> Self {
        text.0
    }
}

impl From<Utf8Bytes> for String {
    fn from(text: Utf8Bytes) -> Self {
        text.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_text_are_refused_with_their_place() {
        let error = Utf8Bytes::try_from(vec![b'a', 0xff]).unwrap_err();
        assert_eq!(error.valid_up_to(), 1);
        assert_eq!(Utf8Bytes::try_from(vec![0xc3, 0xa9]).unwrap(), "é");
    }

    #[test]
    fn a_slice_is_a_part_without_a_copy() {
        let text = Utf8Bytes::from("aéb");
        let part = text.slice(1..3);
        assert_eq!(part, "é");
        assert_eq!(part.as_bytes().as_ptr(), text.as_bytes()[1..].as_ptr());
        assert_eq!((text.slice(..), text.slice(4..), text.slice(..=2)), (text.clone(), "".into(), "aé".into()));
    }

    #[test]
    #[should_panic(expected = "not a character boundary")]
    fn a_slice_ends_between_characters() {
        let _ = Utf8Bytes::from("é").slice(..1);
    }

    #[test]
    #[should_panic(expected = "not a character boundary")]
    fn a_slice_begins_between_characters() {
        let _ = Utf8Bytes::from("é").slice(1..);
    }

    #[test]
    #[should_panic(expected = "not a character boundary")]
    fn a_slice_ends_within_the_text() {
        let _ = Utf8Bytes::from("a").slice(..2);
    }
}
