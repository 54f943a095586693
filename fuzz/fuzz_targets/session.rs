//! A session's messages on a WebSocket. First byte: the direction. Then messages: a byte that says whether it is binary, its
//! length in one byte, its payload.
#![no_main]

use bowline_core::{
    Message, Utf8Bytes,
    event_stream::{Parser, Piece},
    session::{ClientRecord, Record, ServerRecord, events, websocket},
};
use libfuzzer_sys::fuzz_target;

fn messages(mut data: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    while let [kind, len, rest @ ..] = data {
        let (payload, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        match Utf8Bytes::try_from(payload.to_vec()) {
            Ok(text) if kind & 1 == 0 => messages.push(text.into()),
            _ => messages.push(payload.into()),
        }
        data = rest;
    }
    messages
}

/// The items, as far as they can be read.
fn decode<R: Record>(messages: &[Message]) -> Vec<websocket::Item<R>> {
    let mut decoder = websocket::Decoder::new();
    let items = messages.iter().map_while(|message| decoder.receive(message.clone()).ok());
    items.flatten().collect()
}

/// What was read is written, and read the same again, by both codecs.
fn check<R: Record>(messages: &[Message]) {
    let items = decode::<R>(messages);
    let mut again = Vec::new();
    for item in &items {
        match item {
            websocket::Item::Record(record) => {
                again.push(websocket::encode_record(record));
                let mut out = Vec::new();
                events::append_record(&mut out, 1, record);
                let mut parser = Parser::new(out.len());
                parser.push(&out);
                let Ok(Some(Piece::Event(event))) = parser.next() else { panic!("an event") };
                assert_eq!(events::read(&event), Ok(events::Item::Record { number: 1, record: record.clone() }));
            }
            websocket::Item::Signal(signal) => again.push(websocket::encode_signal(signal)),
            websocket::Item::Publication { number, offset, message } => {
                let (first, second) = websocket::encode_publication(*number, *offset, message);
                again.push(first);
                again.extend(second);
            }
        }
    }
    assert_eq!(decode::<R>(&again), items);
}

fuzz_target!(|data: &[u8]| {
    let Some(([role], data)) = bowline_fuzz::head(data) else { return };
    let messages = messages(data);
    if role & 1 == 0 { check::<ServerRecord>(&messages) } else { check::<ClientRecord>(&messages) }
});
