//! An event as a reader gets it.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{BINARY, TEXT_BASE64};
use crate::{Message, Utf8Bytes};

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its `id`, if it has one of its own; the standard's last event ID is the latest that came.
    pub id: Option<Box<str>>,
    /// Its name; empty means `message`.
    pub name: Box<str>,
    /// Its data: one line, or several with LF between.
    pub data: Utf8Bytes,
}

impl Event {
    /// Its name as the standard has it: `message` where the stream gives none.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.name.is_empty() { "message" } else { &self.name }
    }

    /// The message that it carries; `None` if its name is another than `message`, [`BINARY`] and [`TEXT_BASE64`].
    ///
    /// # Errors
    /// [`InvalidData`] where the data is not what the name says.
    pub fn message(&self) -> Result<Option<Message>, InvalidData> {
        let decode = || STANDARD.decode(self.data.as_bytes()).map_err(|_| InvalidData::NotBase64);
        Ok(Some(match self.name() {
            "message" => Message::Text(self.data.clone()),
            name if name == BINARY.as_str() => Message::binary(decode()?),
            name if name == TEXT_BASE64.as_str() => {
                Message::Text(Utf8Bytes::try_from(decode()?).map_err(|_| InvalidData::NotText)?)
            }
            _ => return Ok(None),
        }))
    }
}

/// An event whose data is not what its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidData {
    /// It should be base64 (RFC 4648 §4, padded), and is not.
    NotBase64,
    /// It should be text in base64, and what it decodes to is not UTF-8.
    NotText,
}

impl fmt::Display for InvalidData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBase64 => "the data is not base64, with padding",
            Self::NotText => "the data is not the base64 of a text in UTF-8",
        })
    }
}

impl std::error::Error for InvalidData {}
