//! The examples in PROTOCOL.md are read from there, and written again to the same bytes.

use bowline_core::{
    Message,
    event_stream::{Event, Parser, Piece},
    session::{
        CURSOR_HEADER, ClientRecord, Cursor, Record, SESSION_HEADER, Secret, ServerRecord, Signal, VERSION, events,
        websocket,
    },
};

const TEXT: &str = include_str!("../../PROTOCOL.md");

/// The blocks of the text in this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("\n```{language}\n");
    TEXT.split(fence.as_str()).skip(1).map(|rest| &rest[..rest.find("```").expect("a block ends")]).collect()
}

fn events(stream: &str) -> Vec<Event> {
    let mut parser = Parser::new(stream.len());
    parser.push(stream.as_bytes());
    let pieces = std::iter::from_fn(|| parser.next().expect("an event stream"));
    let only_events = pieces.map(|piece| match piece {
        Piece::Event(event) => event,
        other => panic!("{other:?}"),
    });
    only_events.collect()
}

/// The bytes of `events` as one who sends records of `R` writes them; `None` where it doesn't send such.
fn rewritten<R: Record>(events: &[Event]) -> Option<String> {
    let mut out = Vec::new();
    for event in events {
        match events::read::<R>(event).ok()? {
            events::Item::Record { number, record } => events::append_record(&mut out, number, &record),
            events::Item::Signal(signal) => events::append_signal(&mut out, &signal),
            events::Item::Publication { position, message } => events::append_publication(&mut out, position, &message),
        }
    }
    String::from_utf8(out).ok()
}

#[test]
fn event_streams_are_read_and_written_alike() {
    let blocks = blocks("sse");
    assert_eq!(blocks.len(), 4);
    for block in blocks {
        let events = events(block);
        assert!(!events.is_empty(), "{block}");
        let by = [rewritten::<ClientRecord>(&events), rewritten::<ServerRecord>(&events)];
        assert!(by.iter().any(|written| written.as_deref() == Some(block)), "{block}\nwritten: {by:#?}");
    }
}

#[test]
fn requests_have_headers_that_are_read_and_written_alike() {
    let blocks = blocks("http");
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        assert!(block.ends_with("\n\n"), "a head ends with an empty line");
        let mut has_session = false;
        for line in block.lines().skip(1).filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").expect("a header");
            match name.to_ascii_lowercase().as_str() {
                name if name == SESSION_HEADER.as_str() => {
                    has_session = true;
                    assert!(value == "new" || value.parse::<Secret>().unwrap().to_string() == value);
                }
                name if name == CURSOR_HEADER.as_str() => {
                    assert_eq!(value.parse::<Cursor>().unwrap().to_string(), value);
                }
                name => assert_eq!(name, "host"),
            }
        }
        assert!(has_session, "{block}");
    }
}

/// One end's messages on a WebSocket, read and written again.
fn through<R: Record>(messages: &[Message]) -> Vec<Message> {
    let mut decoder = websocket::Decoder::<R>::new();
    let mut out = Vec::new();
    for message in messages {
        match decoder.receive(message.clone()).unwrap_or_else(|error| panic!("{message:?}: {error}")) {
            None => {}
            Some(websocket::Item::Record(record)) => out.push(websocket::encode_record(&record)),
            Some(websocket::Item::Signal(signal)) => out.push(websocket::encode_signal(&signal)),
            Some(websocket::Item::Publication { number, offset, message }) => {
                let (first, second) = websocket::encode_publication(number, offset, &message);
                out.push(first);
                out.extend(second);
            }
        }
    }
    out
}

#[test]
fn messages_on_a_web_socket_are_read_and_written_alike() {
    let [block] = blocks("ws")[..] else { panic!("one block") };
    let (mut client, mut server) = (Vec::new(), Vec::new());
    for line in block.lines() {
        let (from, line) = line.split_once(' ').expect("who");
        let message = match line.split_once(' ').expect("what") {
            ("text", text) => Message::text(text.replace('␞', "\u{1e}").replace('⏎', "\n")),
            ("binary", hex) => {
                let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hexadecimal");
                Message::from((0..hex.len() / 2).map(byte).collect::<Vec<_>>())
            }
            (other, _) => panic!("{other}"),
        };
        if from == "c" { client.push(message) } else { server.push(message) }
    }
    assert_eq!(through::<ClientRecord>(&client), client);
    assert_eq!(through::<ServerRecord>(&server), server);
}

/// Which kinds there are is told in tables; each stands in the code, and none stands there alone.
#[test]
fn the_tables_have_the_kinds_and_words_of_the_code() {
    let words = |from: &str, to: &str| {
        let section = TEXT.split(from).nth(1).and_then(|rest| rest.split(to).next()).expect("a section");
        let first_cells =
            section.lines().filter(|line| line.starts_with("| `")).flat_map(|line| line.split('|').nth(1));
        let words = first_cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    let messages = ["message", "binary", "text-base64"];
    for kind in words("The client's records;", "The server's:") {
        let is_known = messages.contains(&kind.as_str()) || !matches!(ClientRecord::parse(&kind, "?"), Ok(None));
        assert!(is_known, "{kind}");
    }
    for kind in words("The server's:", "Without a number:") {
        let is_known = messages.contains(&kind.as_str()) || !matches!(ServerRecord::parse(&kind, "?"), Ok(None));
        assert!(is_known, "{kind}");
    }
    for kind in words("Without a number:", "A receiver ends the session") {
        type Signals = <ServerRecord as Record>::Signal;
        assert!(!matches!(Signals::parse(&kind, "?"), Ok(None)), "{kind}");
    }
    let reasons: Vec<_> = words("| `failed` | |", "## 9.");
    let all = bowline_core::session::FailedReason::ALL.iter().map(|reason| reason.as_str());
    assert!(all.eq(reasons.iter().map(String::as_str)), "{reasons:?}");
    assert!(TEXT.contains(&format!("# The session protocol, version {VERSION}")));
}
