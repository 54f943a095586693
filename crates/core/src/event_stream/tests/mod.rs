//! What is written comes back as it was, read as the HTML Standard says.

mod parse;
mod reference;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use self::reference::{Dispatched, read};
use super::*;
use crate::Message;

fn decode(event: &Dispatched) -> Message {
    let bytes = || STANDARD.decode(&event.data).expect("base64");
    match event.name.as_str() {
        "message" => Message::text(event.data.as_str()),
        "binary" => Message::from(bytes()),
        "text-base64" => Message::text(String::from_utf8(bytes()).expect("text")),
        other => panic!("an event {other:?}"),
    }
}

/// Characters that mean something to the format, and others.
fn text() -> impl Strategy<Value = String> {
    let one = prop_oneof![
        Just('\n'),
        Just('\r'),
        Just(' '),
        Just(':'),
        Just('\0'),
        Just('\u{feff}'),
        Just('\u{2028}'),
        Just('\u{85}'),
        Just('d'),
        any::<char>(),
    ];
    proptest::collection::vec(one, 0..24).prop_map(|characters| characters.into_iter().collect())
}

fn any_message() -> impl Strategy<Value = Message> {
    let binary = proptest::collection::vec(any::<u8>(), 0..40).prop_map(Message::from);
    prop_oneof![3 => text().prop_map(Message::text), 1 => binary]
}

proptest! {
    #[test]
    fn messages_come_back_exactly(
        sent in proptest::collection::vec((any_message(), "[^\r\n\0]{0,8}", text()), 0..8),
    ) {
        let mut out = Vec::new();
        for (sent, last, between) in &sent {
            comment(&mut out, between);
            message(&mut out, Some(Field::new(last).unwrap()), sent);
            retry(&mut out, Duration::from_millis(7));
        }
        let read = read(&out);
        prop_assert_eq!(read.events.len(), sent.len());
        for (event, (sent, last, _)) in read.events.iter().zip(&sent) {
            prop_assert_eq!(&decode(event), sent);
            prop_assert_eq!(&event.last_event_id, last);
        }
        prop_assert_eq!(read.retry, (!sent.is_empty()).then_some(7));
    }

    #[test]
    fn events_with_names_come_back_exactly(name in "[^\r\n\0]{1,8}", data in text()) {
        let lines = Lines::new(&data);
        prop_assert_eq!(lines.is_err(), data.contains('\r'));
        if let Ok(lines) = lines {
            let mut out = Vec::new();
            event(&mut out, None, Some(Field::new(&name).unwrap()), lines);
            let expected = Dispatched { name, data, ..Dispatched::default() };
            prop_assert_eq!(read(&out).events, [expected]);
        }
    }
}

#[test]
fn the_bytes_of_each_kind() {
    let written = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    };
    let of = |sent: Message| written(&|out| message(out, Field::new("a-1").ok(), &sent));
    assert_eq!(of("hello".into()), "id: a-1\ndata: hello\n\n");
    assert_eq!(of("".into()), "id: a-1\ndata: \n\n");
    assert_eq!(of(" a\n\nb\n".into()), "id: a-1\ndata:  a\ndata: \ndata: b\ndata: \n\n");
    assert_eq!(of("a\rb".into()), "id: a-1\nevent: text-base64\ndata: YQ1i\n\n");
    assert_eq!(of(vec![0xff].into()), "id: a-1\nevent: binary\ndata: /w==\n\n");
    assert_eq!(of(Vec::new().into()), "id: a-1\nevent: binary\ndata: \n\n");
    assert_eq!(written(&|out| message(out, None, &"x".into())), "data: x\n\n");
    assert_eq!(written(&|out| id(out, Field::new("e-0").unwrap())), "id: e-0\n\n");
    assert_eq!(written(&|out| retry(out, Duration::from_secs(2))), "retry: 2000\n\n");
    assert_eq!(written(&|out| retry(out, Duration::MAX)), format!("retry: {}\n\n", u64::MAX));
    assert_eq!(written(&|out| comment(out, "")), ":\n\n");
    assert_eq!(written(&|out| comment(out, "a\r\ndata: b")), ": a\n:\n: data: b\n\n");
}

/// Lines of one character would make a message seven times as long.
#[test]
fn a_text_of_many_lines_goes_in_base64() {
    let written = |lines: usize, line: &str| {
        let mut out = Vec::new();
        message(&mut out, None, &line.repeat(lines).into());
        String::from_utf8(out).unwrap()
    };
    assert!(written(2, "two\n").starts_with("data: two\n"));
    // Six bytes for each line but the first, a third of the text, and 2 KiB.
    assert!(written(361, "\n").starts_with("data: \n"));
    assert!(written(362, "\n").starts_with("event: text-base64\n"));
    for line in ["\n", "x\n", "four\n", "a line of seventeen\n", "a\r"] {
        let len = line.len() * 50_000;
        assert!(written(50_000, line).len() < len / 3 * 4 + (3 << 10), "{line:?}");
    }
}

/// The place is known before the first event: a reader that comes back after none has missed none.
#[test]
fn an_id_alone_is_remembered_and_dispatches_nothing() {
    let mut out = Vec::new();
    id(&mut out, Field::new("e-3").unwrap());
    let read = read(&out);
    assert_eq!((read.last_event_id.as_str(), read.events.len()), ("e-3", 0));
}

#[test]
fn a_field_has_no_line_end_and_no_nul() {
    for text in ["a\rb", "a\n", "\0"] {
        assert_eq!(Field::new(text), Err(InvalidField), "{text:?}");
    }
    for text in ["", " ", "ü:"] {
        assert_eq!(Field::new(text).map(Field::as_str), Ok(text));
    }
}
