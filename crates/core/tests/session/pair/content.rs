//! What is sent: the n-th record of each direction is known, so that what came can be checked without the sender.

use bowline_core::{
    Message,
    position::Position,
    session::{ClientRecord, JoinStart, Publish, RoomNumber, ServerRecord},
};

use super::EPOCH;

/// Each form that a message can have on either codec.
pub(super) fn message(who: &str, number: u64) -> Message {
    match number % 6 {
        0 => format!("\u{1e}{who} {number}").into(),
        1 => format!("{who}\r\n{number}").into(),
        2 => format!("\u{1e}7.{number} {who}").into(),
        3 => format!("{who} {number}\n").into_bytes().into(),
        4 => format!("{who}\n\ndata: {number}").into(),
        _ => format!("{who} {number} {}", "x".repeat(usize::try_from(number % 300).unwrap())).into(),
    }
}

pub(super) fn of_client(number: u64) -> ClientRecord {
    let room = format!("room {number}");
    match number % 9 {
        0 => ClientRecord::Join { room, start: JoinStart::History(number) },
        1 => ClientRecord::Leave { room },
        2 => ClientRecord::Publish(Box::new(Publish {
            room,
            message: message("p", number),
            key: None,
            idempotency_key: None,
        })),
        _ => ClientRecord::Message(message("c", number)),
    }
}

pub(super) fn of_server(number: u64) -> ServerRecord {
    let room = format!("room {number}");
    let position = Position { epoch: EPOCH.parse::<Position>().unwrap().epoch, offset: number };
    match number % 7 {
        0 => ServerRecord::Joined { to: Some(number), room, number: RoomNumber(number), position },
        1 => ServerRecord::Published { to: number, position, duplicate: true },
        _ => ServerRecord::Message(message("s", number)),
    }
}

pub(super) fn publication(offset: u64) -> Message {
    message("room", offset)
}
