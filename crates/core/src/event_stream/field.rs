//! What may stand on a line of an event stream.

use std::fmt;

/// The value of an `id` or `event` line: text without a line's end and without NUL, which would make a reader ignore
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a>(&'a str);

impl<'a> Field<'a> {
    /// The value, if it is one.
    ///
    /// # Errors
    /// [`InvalidField`] for a text with CR, LF or NUL.
    pub fn new(text: &'a str) -> Result<Self, InvalidField> {
        if text.contains(['\r', '\n', '\0']) { Err(InvalidField) } else { Ok(Self(text)) }
    }

    pub(crate) const fn trusted(text: &'static str) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// Data as the format can carry it: lines that end with LF, without any CR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lines<'a>(&'a str);

impl<'a> Lines<'a> {
    /// The text, if the format can carry it.
    ///
    /// # Errors
    /// [`InvalidField`] for a text with CR.
    pub fn new(text: &'a str) -> Result<Self, InvalidField> {
        if text.contains('\r') { Err(InvalidField) } else { Ok(Self(text)) }
    }

    /// The text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// A text that would come out otherwise than it went in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidField;

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event stream can't carry this text: it has a line's end or NUL where none may be; use base64")
    }
}

impl std::error::Error for InvalidField {}
