//! A bare WebSocket: each message is one.

use std::time::Instant;

use super::reader::{Delivered, Take};
use super::socket::{Heard, Socket};
use super::websocket::Speech;
use super::{Came, Say};

/// Messages as they are, with an echo behind the WebSocket or in the room of its address.
#[derive(Debug)]
pub(super) struct Raw;

impl Speech for Raw {
    fn say(&mut self, what: Say<'_>, socket: &mut Socket) {
        match what {
            Say::Message(text) | Say::Publish { text, .. } => socket.send(text.as_bytes(), text.len()),
            // It is there by its address.
            Say::Join(_) => {}
        }
    }

    fn hear(&mut self, heard: Heard<'_>, _: Instant, take: Take<'_>) -> Delivered {
        Ok(match heard {
            Heard::Open => {
                take(Came::Open);
                None
            }
            Heard::Message(_, payload) => {
                take(Came::Message(payload));
                Some(payload.len())
            }
        })
    }
}
