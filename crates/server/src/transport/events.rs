//! Events that are not publications.

use bowline_core::event_stream::{Field, GAP, Lines, event};
use serde_json::json;

use crate::room::{Gap, Position};

/// Appends the event `gap`: data in JSON, `{"from":"…","to":"…","reason":"…"}`. Its ID is where the reader goes on, so
/// that it is told of this hole once.
pub(crate) fn append_gap(out: &mut Vec<u8>, gap: Gap) {
    let data =
        json!({ "from": gap.from.to_string(), "to": gap.to.to_string(), "reason": gap.reason.as_str() }).to_string();
    // JSON has no line's end outside of strings, and there are none in these.
    let Ok(lines) = Lines::new(&data) else { return };
    position_field(gap.to, |id| event(out, Some(id), Some(GAP), lines));
}

/// The position as an event's ID.
pub(crate) fn position_field(position: Position, with: impl FnOnce(Field<'_>)) {
    let text = position.to_string();
    // Base64url, a hyphen and digits: always one line.
    if let Ok(field) = Field::new(&text) {
        with(field);
    }
}
