//! A room by long polling: an event stream that ends as soon as there was something.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use super::events::append_gap;
use crate::{
    hub::Hub,
    metrics::{Open, Transport},
    room::{Gap, Position, Read, Reader, Room},
};

/// Where an answer ends that has more to come: in bytes, past which the block that it is in is the last.
const MAX_ANSWER: usize = 256 << 10;

/// What a poll is answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Whole events, as the room's log has them; none if nothing came.
    pub(crate) blocks: Vec<Bytes>,
    /// From where to ask on.
    pub(crate) position: Position,
}

/// Waits for something to read, at most so long, and takes what is there: at most some 320 KiB, or 256 KiB and a single
/// publication that is larger; the rest is for the next poll. The room's log is the answer's buffer, so an answer that is lost loses nothing: the client asks again
/// with the same position.
///
/// # Cancel safety
/// Dropping it leaves the room.
pub(crate) async fn poll(mut reader: Reader, wait: Duration, hub: &Hub) -> Answer {
    let open = Open::new(hub.metrics(), Transport::LongPoll);
    let stopping = hub.stopping().begins();
    let mut answer = Taken::default();
    let first = match reader.try_read() {
        None if wait.is_zero() || !hub.is_ready() => None,
        None => tokio::select! {
            read = reader.read() => Some(read),
            () = sleep(wait) => None,
            // The client asks again, elsewhere.
            () = stopping => None,
        },
        read => read,
    };
    let mut next = first;
    while let Some(read) = next {
        if !answer.take(read, reader.room(), &open) || answer.bytes >= MAX_ANSWER {
            break;
        }
        next = reader.try_read();
    }
    Answer { blocks: answer.blocks, position: answer.went_to.unwrap_or_else(|| reader.position()) }
}

#[derive(Default)]
struct Taken {
    blocks: Vec<Bytes>,
    bytes: usize,
    /// After the gap for which the reader was to disconnect: it has been told of it.
    went_to: Option<Position>,
}

impl Taken {
    /// Whether there may be more.
    fn take(&mut self, read: Read, room: &Room, open: &Open) -> bool {
        let (bytes, goes_on) = match read {
            Read::Encoded { bytes, count } => {
                open.delivered(count, bytes.len());
                (bytes, true)
            }
            Read::Gap(gap) => (gap_event(room, gap), true),
            Read::Disconnect(gap) => {
                self.went_to = Some(gap.to);
                (gap_event(room, gap), false)
            }
        };
        self.bytes += bytes.len();
        self.blocks.push(bytes);
        goes_on
    }
}

fn gap_event(room: &Room, gap: Gap) -> Bytes {
    let mut out = Vec::new();
    append_gap(&mut out, room, gap);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::{Encoding, RoomOptions, Start};

    /// Threat S7: what a poll does is a matter of its answer's bytes, not of how many publications they are.
    #[tokio::test]
    async fn s7_many_small_publications_are_a_few_blocks_each_read_once() {
        const COUNT: usize = 20_000;
        let options = RoomOptions::default().history(COUNT);
        let hub = Hub::builder().room_options("*", options).build();
        let room = hub.room("r").unwrap();
        let mut position = room.position();
        for _ in 0..COUNT {
            room.broadcast("x").unwrap();
        }
        let (mut events, mut blocks, mut bytes) = (0, 0, 0);
        while position != room.position() {
            let reader = room.reader(Start::After(position), Encoding::EventStream, false).unwrap();
            let answer = poll(reader, Duration::ZERO, &hub).await;
            blocks += answer.blocks.len();
            let text = String::from_utf8(answer.blocks.concat()).unwrap();
            events += text.matches("data: x").count();
            bytes += text.len();
            position = answer.position;
        }
        assert_eq!(events, COUNT);
        assert!(blocks <= bytes.div_ceil(60 << 10) + 1, "{blocks} blocks of {bytes} bytes");
    }

    /// A reader may fall off the log between being let in and reading. Whoever goes on where the answer says must not be
    /// told of the same gap again.
    #[tokio::test]
    async fn a_gap_is_told_once_though_the_reader_was_to_disconnect() {
        let hub = Hub::builder().room_options("*", RoomOptions::default().history(2).max_log_count(2)).build();
        let room = hub.room("r").unwrap();
        let read = |start| room.reader(start, Encoding::EventStream, false).unwrap();
        let slow = read(Start::Newest);
        for text in ["1", "2", "3", "4", "5"] {
            room.broadcast(text).unwrap();
        }
        let told = poll(slow, Duration::ZERO, &hub).await;
        assert_eq!(told.blocks.len(), 1);
        assert_eq!(told.position.offset, 3);
        let rest = poll(read(Start::After(told.position)), Duration::ZERO, &hub).await;
        let text = String::from_utf8(rest.blocks.concat()).unwrap();
        assert!(!text.contains("event: gap") && text.contains("data: 4") && text.contains("data: 5"), "{text}");
    }
}
