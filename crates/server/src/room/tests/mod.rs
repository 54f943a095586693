//! Rooms without a server.

mod backpressure;
mod blocks;
mod bounds;
mod fan_out;
mod gaps;
mod idempotency;
mod keep_latest;
mod life;
mod model;
mod presence;
mod resume;

use std::{sync::Arc, time::Instant};

use super::{
    Encoding, Gap, Next, Position, Present, Publication, PublishError, Published, RoomOptions, SlowConsumer,
    members::{Member, NO_PRESENCE},
    name::RoomName,
    state::State,
};
use crate::{session::SessionId, signal::Signal};
use bowline_core::session::RoomNumber;

const FRAMES: Encoding = Encoding::WebSocket(bowline_core::message::Encoding::PLAIN);

fn name() -> RoomName {
    "a".parse().expect("a name")
}

/// What a room holds, on a clock that stands still unless it is moved.
struct Ground {
    state: State,
    now: Instant,
}

impl Ground {
    fn new(options: RoomOptions) -> Self {
        Self::taking(0, options)
    }

    /// Where clients may send messages of so many bytes.
    fn taking(max_message_size: usize, options: RoomOptions) -> Self {
        let now = Instant::now();
        Self { state: State::new(name(), RoomNumber(7), Arc::new(options), max_message_size, now), now }
    }

    fn say(&mut self, publication: impl Into<Publication>) -> Result<Published, PublishError> {
        self.state.publish(publication.into(), self.now).map_err(|rejected| rejected.error)
    }

    /// Publishes each number of the range as a text of its own.
    fn count(&mut self, numbers: std::ops::RangeInclusive<u64>) {
        for number in numbers {
            let published = self.say(number.to_string()).expect("it is let in");
            assert!(!published.duplicate);
        }
    }

    /// A reader of frames that begins after `offset`.
    fn reader(&mut self, offset: u64) -> usize {
        self.state.join(member(offset, Some(FRAMES), None), false).expect("there is room")
    }

    /// A session that takes frames, and wants to know of the others.
    fn session(&mut self, session: SessionId) -> usize {
        let after = self.state.log.head();
        self.state.join(member(after, Some(FRAMES), Some(session)), true).expect("there is room")
    }

    /// All that is there for a reader, each as a text.
    fn read(&mut self, index: usize) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            match self.state.read(index) {
                Next::UpToDate => return all,
                next => all.extend(said(&next)),
            }
        }
    }

    fn at(&self, offset: u64) -> Position {
        self.state.log.place(offset)
    }
}

fn member(after: u64, encoding: Option<Encoding>, session: Option<SessionId>) -> Member {
    let present = session.map(|session| Present { session, identity: None });
    Member {
        signal: Arc::new(Signal::default()),
        bit: 1,
        next: after + 1,
        next_presence: NO_PRESENCE,
        gap: None,
        encoding,
        present,
        until: u64::MAX,
        is_over: false,
        resume: None,
    }
}

fn said(next: &Next) -> Vec<String> {
    let gap = |what: &str, gap: &Gap| vec![format!("{what} {}-{}", gap.from.offset, gap.to.offset)];
    match next {
        Next::UpToDate => Vec::new(),
        Next::Encoded(bytes, count) => {
            let texts = texts(bytes);
            assert!(*count == 0 || texts.len() == *count as usize, "{count} of {texts:?}");
            texts
        }
        Next::Message(_, message) | Next::Presence(message) => vec![message.as_text().expect("a text").to_owned()],
        Next::Gap(told) => gap("gap", told),
        Next::Disconnect(told) => gap("disconnect", told),
    }
}

/// The payloads of whole unmasked text frames (RFC 6455 §5.2), taken apart by hand.
fn texts(mut frames: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    while let [first, short, rest @ ..] = frames {
        assert_eq!(*first, 0x81, "a whole text");
        let (len, rest) = match short {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            127 => (
                usize::try_from(u64::from_be_bytes(rest[..8].try_into().expect("eight"))).expect("it fits"),
                &rest[8..],
            ),
            len => (usize::from(*len), rest),
        };
        texts.push(String::from_utf8(rest[..len].to_vec()).expect("a text"));
        frames = &rest[len..];
    }
    assert!(frames.is_empty(), "half a frame: {frames:?}");
    texts
}

fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn keyed(key: &str, text: impl Into<String>) -> Publication {
    Publication::new(text.into()).key(key)
}

fn lenient() -> RoomOptions {
    RoomOptions::default().slow_consumer(SlowConsumer::SkipToOldest)
}
