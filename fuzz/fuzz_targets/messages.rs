//! Whole frames with permessage-deflate, and a round trip of the same bytes. First byte: the role, context takeover;
//! second: the cut. Then frames: first byte, length in one byte, payload.
#![no_main]

use bowline_core::{Message, Role, connection::Event};
use libfuzzer_sys::fuzz_target;

const KEY: [u8; 4] = [1, 2, 3, 4];

/// The frames that `data` describes, as `sender` sends them.
fn frames(sender: Role, mut data: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    while let [first, len, rest @ ..] = data {
        let len = usize::from(*len).min(rest.len());
        let (payload, rest) = rest.split_at(len);
        let mask_bit = if sender == Role::Client { 0x80 } else { 0 };
        wire.push(*first);
        match u8::try_from(len) {
            Ok(short @ 0..=125) => wire.push(mask_bit | short),
            _ => wire.extend_from_slice(&[mask_bit | 126, 0, len as u8]),
        }
        if sender == Role::Client {
            wire.extend_from_slice(&KEY);
            wire.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
        } else {
            wire.extend_from_slice(payload);
        }
        data = rest;
    }
    wire
}

fuzz_target!(|data: &[u8]| {
    let Some(([flags, cut], data)) = bowline_fuzz::head(data) else { return };
    let role = if flags & 1 == 0 { Role::Server } else { Role::Client };
    let end = |role| bowline_fuzz::end(role, Some(flags & 2 != 0));
    let bytes = frames(role.peer(), data);
    let whole = bowline_fuzz::see(end(role), &[&bytes]);
    assert_eq!(bowline_fuzz::see(end(role), &bowline_fuzz::pieces(&bytes, cut)), whole);
    assert_eq!(bowline_fuzz::see(end(role), &bowline_fuzz::pieces(&bytes, 1)), whole);

    let mut sender = end(role.peer());
    let messages: Vec<_> = data.chunks(usize::from(cut) + 1).take(16).map(Message::from).collect();
    for message in &messages {
        assert!(sender.send(message.clone()).is_ok());
    }
    let wire = bowline_fuzz::drain(&mut sender);
    let (events, _) = bowline_fuzz::see(end(role), &bowline_fuzz::pieces(&wire, cut));
    assert!(events.into_iter().eq(messages.into_iter().map(Event::Message)));
});
