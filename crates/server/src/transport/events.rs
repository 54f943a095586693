//! Events that are not publications.

use bowline_core::{
    event_stream::Field,
    session::{ServerSignal, events::append_signal},
};

use crate::room::{Gap, Position, Room};

/// What tells a session of a gap.
pub(crate) fn gap_signal(room: &Room, gap: Gap) -> ServerSignal {
    let number = (gap.from.epoch != gap.to.epoch).then(|| room.number());
    ServerSignal::Gap { room: room.name().as_str().to_owned(), gap, number }
}

/// Appends the event `gap`: data in JSON, `{"room":"…","from":"…","to":"…","reason":"…"}`. Its ID is where the reader goes on,
/// so that it is told of this hole once.
pub(crate) fn append_gap(out: &mut Vec<u8>, room: &Room, gap: Gap) {
    append_signal(out, &gap_signal(room, gap));
}

/// The position as an event's ID.
pub(crate) fn position_field(position: Position, with: impl FnOnce(Field<'_>)) {
    let text = position.to_string();
    // Base64url, a hyphen and digits: always one line.
    if let Ok(field) = Field::new(&text) {
        with(field);
    }
}
