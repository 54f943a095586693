//! Writing an event stream. Each function appends whole lines, and whatever follows may come in any order.

use std::{io::Write as _, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{BINARY, Field, Lines, TEXT_BASE64};
use crate::Message;

/// Appends `message` as one event. `id` becomes the reader's last event ID.
pub fn message(out: &mut Vec<u8>, id: Option<Field<'_>>, message: &Message) {
    match message {
        Message::Binary(bytes) => in_base64(out, id, BINARY, bytes),
        Message::Text(text) => {
            let text = text.as_str();
            match Lines::new(text) {
                Ok(lines) if !is_longer_than_base64(text) => event(out, id, None, lines),
                _ => in_base64(out, id, TEXT_BASE64, text.as_bytes()),
            }
        }
    }
}

/// Appends an event. Without a name, or with an empty one, it is a `message`. `id` becomes the reader's last event ID.
pub fn event(out: &mut Vec<u8>, id: Option<Field<'_>>, name: Option<Field<'_>>, data: Lines<'_>) {
    head(out, id, name);
    // An event without any `data` line is none, so empty data is one empty line.
    for line in data.as_str().split('\n') {
        field(out, "data", line);
    }
    out.push(b'\n');
}

/// Appends an event that a reader doesn't see: `id` becomes its last event ID, which it sends when it comes back.
pub fn id(out: &mut Vec<u8>, id: Field<'_>) {
    field(out, "id", id.as_str());
    out.push(b'\n');
}

/// Appends how long a reader shall wait before it comes back, in milliseconds on the wire; at most what 64 bits hold.
pub fn retry(out: &mut Vec<u8>, wait: Duration) {
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    // Writing to a Vec doesn't fail.
    let _ = write!(out, "retry: {millis}\n\n");
}

/// Appends lines that a reader ignores: a heartbeat, or a note to whoever reads with curl.
pub fn comment(out: &mut Vec<u8>, text: &str) {
    for line in text.split(['\r', '\n']) {
        out.push(b':');
        if !line.is_empty() {
            out.push(b' ');
            out.extend_from_slice(line.as_bytes());
        }
        out.push(b'\n');
    }
    // Not needed by the format, but a proxy or library that hands on whole events hands on this one too.
    out.push(b'\n');
}

/// Whether the lines of `text` take so much more than base64 that an event could be many times its message.
fn is_longer_than_base64(text: &str) -> bool {
    /// Below it what can be read by eye is worth more.
    const WORTH: usize = 2 << 10;
    const PER_LINE: usize = "data: ".len();
    let lines = memchr::memchr_iter(b'\n', text.as_bytes()).count();
    lines * PER_LINE > text.len() / 3 + WORTH
}

fn in_base64(out: &mut Vec<u8>, id: Option<Field<'_>>, name: Field<'_>, bytes: &[u8]) {
    head(out, id, Some(name));
    out.extend_from_slice(b"data: ");
    let start = out.len();
    // Four characters for three bytes, rounded up: the encoder is given exactly the room it fills.
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or_default();
    debug_assert_eq!(start + written, out.len());
    out.extend_from_slice(b"\n\n");
}

fn head(out: &mut Vec<u8>, id: Option<Field<'_>>, name: Option<Field<'_>>) {
    if let Some(id) = id {
        field(out, "id", id.as_str());
    }
    if let Some(name) = name {
        field(out, "event", name.as_str());
    }
}

/// A reader takes away one space after the colon, so there is always one to take away.
fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.reserve(name.len() + value.len() + 3);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.push(b'\n');
}
