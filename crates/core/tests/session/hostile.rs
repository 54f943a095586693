//! What no peer that keeps to the protocol sends.

use bowline_core::{
    Message, Utf8Bytes,
    event_stream::Event,
    session::{BadRecord, ClientRecord, Record, ServerRecord, events, websocket},
};
use proptest::prelude::*;

fn event(id: Option<&str>, name: &str, data: impl Into<Utf8Bytes>) -> Event {
    Event { id: id.map(Into::into), name: name.into(), data: data.into() }
}

/// What is wrong with an event, which must be something over HTTP and, without its `id`, on a WebSocket.
fn wrong<R: Record>(name: &str, data: &str) -> BadRecord {
    let of_event = events::read::<R>(&event(Some("1"), name, data)).expect_err(data);
    let text = format!("\u{1e}event: {name}\ndata: {data}");
    let of_message = websocket::Decoder::<R>::new().receive(text.into()).expect_err(data);
    assert_eq!(of_event, of_message);
    of_event
}

fn decode<R: Record>(messages: &[Message]) -> Result<Vec<websocket::Item<R>>, BadRecord> {
    let mut decoder = websocket::Decoder::new();
    messages.iter().filter_map(|message| decoder.receive(message.clone()).transpose()).collect()
}

#[test]
fn an_id_is_a_number_from_1_on() {
    let long = "1".repeat(1 << 20);
    for id in [
        "",
        "0",
        "-1",
        "+1",
        "1.5",
        " 1",
        "1 ",
        "0x1",
        "1e3",
        "١",
        "18446744073709551616",
        "000000000000000000001",
        "01",
        "00",
        &long,
    ] {
        let error = events::read::<ClientRecord>(&event(Some(id), "", "x")).unwrap_err();
        assert!(error.to_string().starts_with("an id is neither"), "{error}");
        assert!(error.to_string().len() < 256);
    }
    assert!(events::read::<ClientRecord>(&event(None, "", "x")).is_err());
    assert!(events::read::<ServerRecord>(&event(None, "", "x")).is_err());
    let most = events::read::<ClientRecord>(&event(Some("18446744073709551615"), "", "x"));
    assert!(matches!(most, Ok(events::Item::Record { number: u64::MAX, .. })));
}

#[test]
fn a_place_is_only_for_what_has_one() {
    let place = "AAAAAAAAAAAAAAAAAAAAAA-1";
    let gap = |to: &str| format!(r#"{{"room":"r","from":"{place}","to":"{to}","reason":"slow"}}"#);
    let read = |id: Option<&str>, name: &str, data: &str| events::read::<ServerRecord>(&event(id, name, data));
    assert!(read(Some(place), "", "x").is_ok());
    assert!(read(Some(place), "gap", &gap(place)).is_ok());
    for (id, name, data) in [
        (Some("AAAAAAAAAAAAAAAAAAAAAA-0"), "", "x"),
        (Some("AAAAAAAAAAAAAAAAAAAAAB-1"), "", "x"),
        (Some("AAAAAAAAAAAAAAAAAAAAAA-2"), "gap", &gap(place)),
        (Some("1"), "gap", &gap(place)),
        (None, "gap", &gap(place)),
        (Some(place), "left", r#"{"room":"r"}"#),
        (Some(place), "superseded", ""),
        (Some("1"), "superseded", ""),
        (Some("1"), "ack", "1"),
    ] {
        assert!(read(id, name, data).is_err(), "{id:?} {name}");
    }
    // No publication comes from a client.
    assert!(events::read::<ClientRecord>(&event(Some(place), "", "x")).is_err());
}

#[test]
fn unknown_kinds_and_those_of_the_other_end_are_errors() {
    for kind in ["x", "Join", "join ", "message2", "öpen", &"k".repeat(1 << 20)] {
        let error = wrong::<ClientRecord>(kind, "{}").to_string();
        assert!(error.starts_with("an event of an unknown kind") && error.len() < 256, "{error}");
        wrong::<ServerRecord>(kind, "{}");
    }
    for kind in ["joined", "left", "published", "failed", "open", "gap", "presence", "superseded"] {
        assert!(wrong::<ClientRecord>(kind, r#"{"room":"r"}"#).to_string().contains(kind));
    }
    for kind in ["join", "leave", "publish"] {
        assert!(wrong::<ServerRecord>(kind, r#"{"room":"r"}"#).to_string().contains(kind));
    }
}

#[test]
fn data_that_its_kind_does_not_have_is_an_error() {
    for (kind, data) in [
        ("join", ""),
        ("join", "{}"),
        ("join", "[]"),
        ("join", r#"["r",null,null]"#),
        ("leave", r#" ["r"]"#),
        ("join", r#"{"room":7}"#),
        ("join", r#"{"room":"r"} x"#),
        ("join", r#"{"room":"r","room":"s"}"#),
        ("join", r#"{"room":"r","history":-1}"#),
        ("join", r#"{"room":"r","history":1.5}"#),
        ("join", r#"{"room":"r","history":18446744073709551616}"#),
        ("join", r#"{"room":"r","after":"1"}"#),
        ("join", r#"{"room":"r","after":"AAAAAAAAAAAAAAAAAAAAAA-1","history":1}"#),
        ("publish", r#"{"room":"r"}"#),
        ("publish", r#"{"room":"r","text":"a","base64":"AA=="}"#),
        ("publish", r#"{"room":"r","base64":"AA"}"#),
        ("publish", r#"{"room":"r","text_base64":"/w=="}"#),
        ("close", r#"{"code":1005}"#),
        ("close", r#"{"code":70000}"#),
        ("close", r#"{"code":"1000"}"#),
        ("close", &format!(r#"{{"code":1000,"reason":"{}"}}"#, "x".repeat(124))),
        ("binary", "AA"),
        ("text-base64", "/w=="),
    ] {
        wrong::<ClientRecord>(kind, data);
    }
    for (kind, data) in [
        ("joined", r#"{"room":"r","number":1,"position":"1"}"#),
        ("joined", r#"[1,"r",1,"AAAAAAAAAAAAAAAAAAAAAA-1"]"#),
        ("joined", r#"{"room":"r","number":-1,"position":"AAAAAAAAAAAAAAAAAAAAAA-1"}"#),
        ("members", r#"{"to":1,"room":"r","members":[{"session":"x","identity":null}]}"#),
        ("failed", r#"{"to":1,"error":"because"}"#),
        ("published", r#"{"position":"AAAAAAAAAAAAAAAAAAAAAA-1"}"#),
    ] {
        wrong::<ServerRecord>(kind, data);
    }
    let number =
        r#"{"room":"r","from":"AAAAAAAAAAAAAAAAAAAAAA-1","to":"AAAAAAAAAAAAAAAAAAAAAA-2","reason":"slow","number":1}"#;
    let other = r#"{"room":"r","from":"AAAAAAAAAAAAAAAAAAAAAA-1","to":"AAAAAAAAAAAAAAAAAAAAAQ-2","reason":"epoch"}"#;
    for (kind, data) in [
        ("gap", number),
        ("gap", other),
        ("ack", "-1"),
        ("ack", ""),
        ("presence", r#"{"room":"r","presence":"joined"}"#),
    ] {
        let text = format!("\u{1e}event: {kind}\ndata: {data}");
        assert!(decode::<ServerRecord>(&[text.into()]).is_err(), "{data}");
    }
}

/// What is not known is passed over (section 2), however deep or long: it is neither kept nor recursed into without bound.
#[test]
fn s7_json_is_no_bomb() {
    const SIZE: usize = 1 << 20;
    let join = |value: &str| format!(r#"{{"x":{value},"room":"r"}}"#);
    let many = format!("[{}0]", "0,".repeat(SIZE / 2));
    let members = format!("{{{}\"z\":0}}", "\"y\":0,".repeat(SIZE / 6));
    for value in ["1e400", "\"\\ud83d\\ude00\"", "[[[{}]]]", &many, &members] {
        assert!(ClientRecord::parse("join", &join(value)).is_ok());
    }
    let nested = join(&format!("{}{}", "[".repeat(SIZE), "]".repeat(SIZE)));
    for data in [&nested, &"[".repeat(SIZE), &"{\"x\":".repeat(SIZE / 5)] {
        // Passed over or refused; what matters is that it comes back.
        let _ = ClientRecord::parse("join", data);
        assert!(ClientRecord::parse("leave", &data[..data.len() / 2]).is_err());
    }
    let digits = format!(r#"{{"room":"r","history":{}}}"#, "9".repeat(SIZE));
    assert!(wrong::<ClientRecord>("join", &digits).to_string().len() < 256);
}

/// A secret that is one nearly must not come into a log by way of an error.
#[test]
fn errors_are_short_escaped_and_show_no_secret() {
    let open = r#"{"version":1,"session":"a.SECRETsecretSECRETs","id":"0","ack":0,"from":0,"ttl":1}"#;
    assert!(!wrong::<ServerRecord>("open", open).to_string().to_lowercase().contains("secretsecret"));
    let version = r#"{"version":2,"id":"00000000000000000000000000000000","ack":0,"from":0,"ttl":1}"#;
    assert_eq!(wrong::<ServerRecord>("open", version).to_string(), "open is of another version than 1: 2");
    let escaped = wrong::<ClientRecord>("\u{1b}[31m", "").to_string();
    assert!(!escaped.contains('\u{1b}'), "{escaped}");
}

#[test]
fn what_follows_the_separator_is_one_of_three() {
    for text in
        ["\u{1e}", "\u{1e} ", "\u{1e}\n", "\u{1e}:", "\u{1e}é", "\u{1e}-1.1 x", "\u{1e}\u{feff}event: leave\ndata: {}"]
    {
        assert!(decode::<ClientRecord>(&[text.into()]).is_err(), "{text:?}");
        assert!(decode::<ServerRecord>(&[text.into()]).is_err(), "{text:?}");
    }
    // One event, without an id, and nothing else.
    let leave = "event: leave\ndata: {\"room\":\"r\"}";
    assert!(decode::<ClientRecord>(&[format!("\u{1e}{leave}").into()]).is_ok());
    for text in [
        format!("\u{1e}id: 1\n{leave}"),
        format!("\u{1e}{leave}\n\n{leave}"),
        format!("\u{1e}{leave}\n: a comment"),
        format!("\u{1e}retry: 1\n{leave}"),
        "\u{1e}event: leave".to_owned(),
        "\u{1e}x".to_owned(),
    ] {
        assert!(decode::<ClientRecord>(&[text.as_str().into()]).is_err(), "{text:?}");
    }
}

#[test]
fn a_publication_is_a_header_and_a_message_of_a_server() {
    let most = format!("\u{1e}{0}.{0} x", u64::MAX);
    assert!(decode::<ServerRecord>(&[most.as_str().into()]).is_ok());
    assert!(decode::<ClientRecord>(&[most.as_str().into()]).is_err());
    let long = format!("\u{1e}{} x", "1".repeat(1 << 20));
    for text in [
        "\u{1e}7",
        "\u{1e}7 x",
        "\u{1e}7. x",
        "\u{1e}7.0 x",
        "\u{1e}7.1.1 x",
        "\u{1e}7.x x",
        "\u{1e}7.-1 x",
        "\u{1e}7.1\nx",
        "\u{1e}18446744073709551616.1 x",
        "\u{1e}1.18446744073709551616 x",
        "\u{1e}7.1é",
        &long,
    ] {
        assert!(decode::<ServerRecord>(&[text.into()]).is_err(), "{text:?}");
    }
    // Behind a header without a text comes a binary message, and none else.
    let header = Message::from("\u{1e}7.1");
    assert_eq!(decode::<ServerRecord>(std::slice::from_ref(&header)), Ok(vec![]));
    assert!(decode::<ServerRecord>(&[header.clone(), "x".into()]).is_err());
    assert!(decode::<ServerRecord>(&[header.clone(), header.clone()]).is_err());
    let items = decode::<ServerRecord>(&[header, vec![1].into(), vec![2].into()]).unwrap();
    assert!(matches!(
        &items[..],
        [websocket::Item::Publication { .. }, websocket::Item::Record(ServerRecord::Message(_))]
    ));
}

fn texts() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "\u{1e}",
        "7",
        ".",
        "1",
        " ",
        "event: ",
        "data: ",
        "join",
        "members",
        "ack",
        "gap",
        "\n",
        "\r",
        "{",
        "}",
        "\"room\":",
        "\"r\"",
        "x",
        ",",
        "\"to\":1",
        "[",
        "]",
        "id: ",
        "é",
    ]);
    proptest::collection::vec(words, 0..20).prop_map(|words| format!("\u{1e}{}", words.concat()))
}

proptest! {
    /// Nothing panics; and what can be read, written and read again, is the same.
    #[test]
    fn what_is_read_at_all_is_read_the_same_again(texts in proptest::collection::vec(texts(), 1..4), binary: Vec<u8>) {
        let mut messages: Vec<_> = texts.into_iter().map(Message::from).collect();
        messages.push(binary.into());
        if let Ok(items) = decode::<ClientRecord>(&messages) {
            let again: Vec<_> = items.iter().map(|item| match item {
                websocket::Item::Record(record) => websocket::encode_record(record),
                websocket::Item::Signal(signal) => websocket::encode_signal(signal),
                websocket::Item::Publication { .. } => panic!("of a client"),
            }).collect();
            prop_assert_eq!(decode::<ClientRecord>(&again), Ok(items));
        }
        let _ = decode::<ServerRecord>(&messages);
    }

    #[test]
    fn no_event_panics(id: Option<String>, name: String, data: String, known in 0_usize..12) {
        let names = ["join", "publish", "close", "open", "gap", "presence", "members", "ack", "binary", "text-base64", "", &name];
        let event = event(id.as_deref(), names[known], data);
        let _ = (events::read::<ClientRecord>(&event), events::read::<ServerRecord>(&event));
    }
}
