//! The parser gives what the standard's steps give, however the stream is cut, within its bounds.

use super::*;
use crate::Utf8Bytes;

/// What `parser` makes of `pieces`, as the reference tells it; and how it ended.
fn parse_with(mut parser: Parser, pieces: &[&[u8]]) -> (reference::Read, Result<(), ParseError>) {
    let mut read = reference::Read::default();
    for piece in pieces {
        parser.push(piece);
        loop {
            match parser.next() {
                Ok(None) => break,
                Ok(Some(Piece::Event(event))) => {
                    if let Some(id) = &event.id {
                        id.as_ref().clone_into(&mut read.last_event_id);
                    }
                    let (name, data) = (event.name().to_owned(), event.data.as_str().to_owned());
                    read.events.push(Dispatched { name, data, last_event_id: read.last_event_id.clone() });
                }
                Ok(Some(Piece::Id(id))) => read.last_event_id = id.into(),
                Ok(Some(Piece::Retry(wait))) => read.retry = u64::try_from(wait.as_millis()).ok(),
                Ok(Some(Piece::Comment)) => {}
                Err(error) => return (read, Err(error)),
            }
        }
        let (unread, capacity) = parser.held();
        assert_eq!(unread == 0, capacity == 0, "without anything unread it owns no buffer");
    }
    (read, Ok(()))
}

fn parse(pieces: &[&[u8]]) -> (reference::Read, Result<(), ParseError>) {
    parse_with(Parser::new(usize::MAX), pieces)
}

/// `bytes` cut at `cuts`, which are taken modulo what is left.
fn cut<'a>(mut bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for at in cuts {
        let (piece, rest) = bytes.split_at(at % (bytes.len() + 1));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}

/// What means something to the format, in any order.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "\u{feff}",
        "\r",
        "\n",
        "\r\n",
        "\n\n",
        ":",
        ": ",
        " ",
        "data",
        "data:",
        "data: ",
        "id",
        "id:",
        "id: 3",
        "event",
        "event: e",
        "retry: 10",
        "retry:",
        "retry: x",
        "retry: 99999999999999999999",
        "\0",
        "é",
        "€",
        "x",
        "dat",
    ]);
    proptest::collection::vec(words, 0..40).prop_map(|words| words.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_stream_is_read_as_the_standard_says(stream in stream(), cuts in proptest::collection::vec(0_usize..20, 0..12)) {
        let (found, result) = parse(&cut(&stream, &cuts));
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(found, read(&stream));
    }

    #[test]
    fn any_split_gives_the_same(stream: Vec<u8>, words in stream(), max in 0_usize..60, size in 1_usize..7) {
        for stream in [stream, words] {
            let whole = parse_with(Parser::new(max), &[&stream]);
            let pieces: Vec<_> = stream.chunks(size).collect();
            prop_assert_eq!(parse_with(Parser::new(max), &pieces), whole);
        }
    }

    #[test]
    fn messages_come_back_however_they_are_cut(
        sent in proptest::collection::vec(any_message(), 0..8),
        cuts in proptest::collection::vec(0_usize..100, 0..12),
    ) {
        let mut out = Vec::new();
        sent.iter().for_each(|sent| message(&mut out, None, sent));
        let mut parser = Parser::new(usize::MAX);
        let mut came = Vec::new();
        for piece in cut(&out, &cuts) {
            parser.push(piece);
            while let Some(piece) = parser.next().unwrap() {
                let Piece::Event(event) = piece else { panic!("{piece:?}") };
                came.push(event.message().unwrap().unwrap());
            }
        }
        prop_assert_eq!(came, sent);
    }
}

#[test]
fn pieces_come_in_their_order() {
    let mut parser = Parser::new(1 << 10);
    parser.push(b":\r\nretry: 1500\nid: a\n\nid: 7\nevent: e\ndata: x\ndata\ndata:y\n\ndata\n\n: end\n");
    let mut next = || parser.next().unwrap();
    assert_eq!(next(), Some(Piece::Comment));
    assert_eq!(next(), Some(Piece::Retry(Duration::from_millis(1500))));
    assert_eq!(next(), Some(Piece::Id("a".into())));
    let event = Event { id: Some("7".into()), name: "e".into(), data: Utf8Bytes::from_static("x\n\ny") };
    assert_eq!(next(), Some(Piece::Event(event)));
    let empty = Event { id: None, name: "".into(), data: Utf8Bytes::default() };
    assert_eq!(empty.name(), "message");
    assert_eq!(next(), Some(Piece::Event(empty)));
    assert_eq!(next(), Some(Piece::Comment));
    assert_eq!(next(), None);
}

/// An event is there as soon as its last byte is, also where its lines end with CR and an LF may follow.
#[test]
fn nothing_is_waited_for_behind_an_events_end() {
    for end in ["\n\n", "\r\r", "\r\n\r"] {
        let (read, _) = parse(&[format!("data: x{end}").as_bytes()]);
        assert_eq!(read.events.len(), 1, "{end:?}");
    }
}

#[test]
fn data_that_is_not_what_its_name_says_is_told() {
    let event =
        |name: &str, data: &'static str| Event { id: None, name: name.into(), data: Utf8Bytes::from_static(data) };
    assert_eq!(event("binary", "AAE=").message(), Ok(Some(vec![0, 1].into())));
    assert_eq!(event("text-base64", "DQ==").message(), Ok(Some("\r".into())));
    for data in ["AAE", "AAE==", "A A=", "AA\n==", "-_==", "AAH="] {
        assert_eq!(event("binary", data).message(), Err(InvalidData::NotBase64), "{data:?}");
    }
    assert_eq!(event("text-base64", "/w==").message(), Err(InvalidData::NotText));
    assert_eq!(event("join", "{}").message(), Ok(None));
}

#[test]
fn an_event_has_as_many_bytes_as_its_bound_and_no_more() {
    // Three lines of 5, 8 and 7 bytes; comments and what is behind the event's end are not its own.
    let stream = b"id: 1\n: a comment\nevent: e\ndata: x\n\ndata: another\n\n";
    let counted = |max| {
        let (read, result) = parse_with(Parser::new(max), &[stream]);
        (read.events.len(), result)
    };
    assert_eq!(counted(20), (2, Ok(())));
    assert_eq!(counted(19), (0, Err(ParseError::EventTooLong { max: 19 })));
    // A line without an end is refused as soon as it is too long, not when its end comes.
    for start in ["data: ", ": ", "x"] {
        let line = |len: usize| format!("{start}{}", "y".repeat(len - start.len()));
        assert_eq!(parse_with(Parser::new(20), &[line(20).as_bytes()]).1, Ok(()));
        assert!(parse_with(Parser::new(20), &[line(21).as_bytes()]).1.is_err());
    }
}

#[test]
fn an_error_stays_and_nothing_is_held_behind_it() {
    for (stream, error) in [
        (&b"data: x\n\ndata: \xff\n\n"[..], ParseError::NotUtf8),
        (b"data: x\n\n:\xc3\n", ParseError::NotUtf8),
        (b"data: x\n\ndata: 1234567", ParseError::EventTooLong { max: 12 }),
    ] {
        let mut parser = Parser::new(12);
        parser.push(stream);
        assert!(matches!(parser.next(), Ok(Some(Piece::Event(_)))));
        assert!((0..2).all(|_| parser.next() == Err(error)));
        parser.push(&[b'a'; 1000]);
        assert_eq!((parser.next(), parser.held()), (Err(error), (0, 0)));
    }
}

/// S7: neither a line in single bytes nor many events in one push cost more than their bytes. Squared, each of these would
/// take hours.
#[test]
fn s7_the_work_is_linear() {
    const SIZE: usize = 2 << 20;
    let mut line = b"data: ".to_vec();
    line.resize(SIZE, b'x');
    line.extend_from_slice(b"\n\n");
    let bytes: Vec<_> = line.chunks(1).collect();
    assert_eq!(parse(&bytes).0.events.len(), 1);
    let (mut parser, mut events) = (Parser::new(100), 0);
    // One byte more for each event that is read: the front goes on slowly while the end grows.
    parser.push(&b"data\n\n".repeat(SIZE / 6));
    while let Some(_piece) = parser.next().unwrap() {
        parser.push(b"\n");
        events += 1;
    }
    assert_eq!(events, SIZE / 6);
    let many_lines = [&b"data\n".repeat(SIZE / 5)[..], b"\n"].concat();
    assert_eq!(parse(&[&many_lines]).0.events.len(), 1);
}
