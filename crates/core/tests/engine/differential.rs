//! The engine beside tungstenite, on streams made from seeds: the same events and the same end, or a difference that is
//! known. A difference that nothing here explains fails. `BOWLINE_LONG=1` runs 100,000 streams rather than 5,000.

use std::{
    collections::BTreeMap,
    io::{self, Cursor, Read, Write},
};

use bowline_core::{Message, Role, connection::Event};
use rand::{SeedableRng, rngs::StdRng};
use tokio_tungstenite::tungstenite::{
    self, Error,
    protocol::{Role as TheirRole, WebSocket},
};

use crate::{
    common::{ROLES, Seen, Setup},
    streams::stream,
};

/// What both can say of an event.
#[derive(Clone, Debug, PartialEq)]
enum Common {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, Vec<u8>)>),
}

/// How a stream ended for an end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// It would read on.
    Open,
    Closed,
    Failed,
}

#[derive(Debug, PartialEq)]
struct Outcome {
    events: Vec<Common>,
    end: End,
    error: String,
}

fn ours(role: Role, bytes: &[u8]) -> Outcome {
    let Seen { events, error, closed, .. } = Setup::new(role).see(bytes, &[]);
    let events = events.into_iter().map(|event| match event {
        Event::Message(Message::Text(text)) => Common::Text(text.as_bytes().to_vec()),
        Event::Message(Message::Binary(data)) => Common::Binary(data.to_vec()),
        Event::Ping(data) => Common::Ping(data.to_vec()),
        Event::Pong(data) => Common::Pong(data.to_vec()),
        Event::Close(frame) => {
            Common::Close(frame.map(|frame| (frame.code().get(), frame.reason().as_bytes().to_vec())))
        }
        other => panic!("{other:?} was not asked for"),
    });
    let end = match (&error, closed) {
        (Some(_), _) => End::Failed,
        (None, true) => End::Closed,
        (None, false) => End::Open,
    };
    Outcome { events: events.collect(), end, error: error.unwrap_or_default() }
}

/// A peer that has sent all it will for now, and takes whatever it is sent.
struct Pipe<'a>(Cursor<&'a [u8]>);

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn theirs(role: Role, bytes: &[u8]) -> Outcome {
    let role = if role == Role::Server { TheirRole::Server } else { TheirRole::Client };
    let config =
        tungstenite::protocol::WebSocketConfig::default().max_message_size(Some(1 << 20)).max_frame_size(Some(1 << 20));
    let mut socket = WebSocket::from_raw_socket(Pipe(Cursor::new(bytes)), role, Some(config));
    let mut events = Vec::new();
    let (end, error) = loop {
        match socket.read() {
            Ok(tungstenite::Message::Text(text)) => events.push(Common::Text(text.as_bytes().to_vec())),
            Ok(tungstenite::Message::Binary(data)) => events.push(Common::Binary(data.to_vec())),
            Ok(tungstenite::Message::Ping(data)) => events.push(Common::Ping(data.to_vec())),
            Ok(tungstenite::Message::Pong(data)) => events.push(Common::Pong(data.to_vec())),
            Ok(tungstenite::Message::Close(frame)) => {
                events.push(Common::Close(frame.map(|frame| (frame.code.into(), frame.reason.as_bytes().to_vec()))));
                break (End::Closed, String::new());
            }
            Ok(tungstenite::Message::Frame(_)) => unreachable!("never read"),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break (End::Open, String::new()),
            Err(error) => break (End::Failed, format!("{error:?}")),
        }
    };
    Outcome { events, end, error }
}

/// Why the two differ; `None` if they shouldn't.
fn explain(ours: &Outcome, theirs: &Outcome) -> Option<&'static str> {
    let agreed = agreed(ours, theirs);
    let (ours_went_on, theirs_went_on) = (ours.events.len() > agreed, theirs.events.len() > agreed);
    if ours.end == End::Failed && !ours_went_on {
        // tungstenite takes a length in more bytes than it needs; RFC 6455 §5.2: "the minimal number of bytes MUST be used".
        if ours.error.contains("NonMinimalLength") {
            return Some("a length that is not minimal");
        }
        // tungstenite tells its caller of a Close frame whose code none may carry, as if it had been 1002, and answers so;
        // RFC 6455 §7.4.1: such a code MUST NOT be set; here that is an error like any other.
        if ours.error.contains("InvalidCloseCode") && theirs.events.get(agreed..) == Some(&[protocol_violation()]) {
            return Some("a close code that may not be sent");
        }
        // tungstenite judges a frame once all of it has come; here a header is judged as soon as it shows what is wrong,
        // and text as it comes (RFC 6455 §8.1 and §7.1.7 allow both; Autobahn 6.4 prefers it).
        if theirs.end == End::Open && !theirs_went_on {
            return Some("judged before the frame is whole");
        }
    }
    // tungstenite doesn't know 1014, which is in the IANA registry.
    let is_1014 = |event: Option<&Common>| matches!(event, Some(Common::Close(Some((1014, _)))));
    if is_1014(ours.events.get(agreed)) && theirs.events.get(agreed) == Some(&protocol_violation()) {
        return Some("close code 1014");
    }
    None
}

/// How many events they agree on.
fn agreed(ours: &Outcome, theirs: &Outcome) -> usize {
    ours.events.iter().zip(&theirs.events).take_while(|(ours, theirs)| ours == theirs).count()
}

fn protocol_violation() -> Common {
    Common::Close(Some((1002, b"Protocol violation".to_vec())))
}

#[test]
fn tungstenite_sees_the_same() {
    let streams = if std::env::var_os("BOWLINE_LONG").is_some() { 100_000 } else { 5_000 };
    let (mut classes, mut ends) = (BTreeMap::<_, u32>::new(), [0; 3]);
    for seed in 0..streams {
        let role = ROLES[usize::from(seed % 2 == 0)];
        let (bytes, valid) = stream(&mut StdRng::seed_from_u64(seed), role.peer(), false);
        let (ours, theirs) = (ours(role, &bytes), theirs(role, &bytes));
        ends[ours.end as usize] += 1;
        if ours.events == theirs.events && ours.end == theirs.end {
            continue;
        }
        let Some(class) = explain(&ours, &theirs) else {
            let agreed = agreed(&ours, &theirs);
            panic!(
                "seed {seed}, {role:?}, valid: {valid}, after {agreed} events\nours   {:?}\ntheirs {:?}",
                (&ours.events[agreed..], ours.end, &ours.error),
                (&theirs.events[agreed..], theirs.end, &theirs.error),
            );
        };
        *classes.entry(class).or_default() += 1;
    }
    println!("{streams} streams: {ends:?} open, closed, failed; differences: {classes:?}");
    // The streams are worth something only if they reach all ends, and the differences only if they occur.
    assert!(ends.iter().all(|&count| count > streams / 20), "{ends:?}");
    assert_eq!(classes.len(), 4, "{classes:?}");
}
