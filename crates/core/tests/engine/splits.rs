//! However the bytes are cut, an end sees the same, says the same and sends the same.

use bowline_core::{
    Limits, Message, Role,
    connection::Event,
    message::{Kind, Piece},
};
use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    common::{FIN, ROLES, RSV1, Seen, Setup, TEXT, deflate_params, frame},
    streams::{compress, stream},
};

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![3 => 1..20_usize, 1 => 1..5_000_usize], 1..5)
}

/// Limits that random streams go past now and then.
fn limits() -> impl Strategy<Value = Limits> {
    let sizes = prop_oneof![2 => Just(1_usize << 20), 1 => 0..200_usize];
    (sizes.clone(), sizes, prop_oneof![Just(4_096_usize), 0..4_usize]).prop_map(|(message, frame, fragments)| {
        Setup::new(Role::Server)
            .limits
            .max_message_size(message)
            .max_frame_size(frame)
            .max_fragments(fragments)
            .max_inflate_ratio(2)
    })
}

/// Whole messages, as receiving in pieces would have given them.
fn as_pieces(mut seen: Seen) -> Seen {
    for event in &mut seen.events {
        if let Event::Message(message) = event {
            let (kind, data) = (message.kind(), message.as_bytes().clone());
            *event = Event::Piece(Piece { kind, data, last: true });
        }
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_split_equals_the_whole(seed: u64, cuts in cuts(), limits in limits(), server: bool, deflate: bool, takeover: bool) {
        let role = ROLES[usize::from(server)];
        let (bytes, _) = stream(&mut StdRng::seed_from_u64(seed), role.peer(), deflate);
        let setup = Setup::new(role).limits(limits).deflate(deflate.then(|| deflate_params(takeover)));
        let whole = setup.see(&bytes, &[]);
        prop_assert_eq!(&setup.see(&bytes, &cuts), &whole);
        if bytes.len() < 2_000 {
            prop_assert_eq!(&setup.see(&bytes, &[1]), &whole);
        }
    }

    #[test]
    fn messages_in_pieces_equal_whole_ones(seed: u64, cuts in cuts(), server: bool, deflate: bool) {
        let role = ROLES[usize::from(server)];
        let (bytes, _) = stream(&mut StdRng::seed_from_u64(seed), role.peer(), deflate);
        let setup = Setup::new(role).deflate(deflate.then(|| deflate_params(false)));
        let setup = Setup { limits: setup.limits.clone().max_inflate_ratio(usize::MAX), ..setup };
        let whole = as_pieces(setup.see(&bytes, &[]));
        let mut in_pieces = setup.in_pieces().see(&bytes, &cuts).joined();
        // The start of a message whose end never came, or was refused.
        in_pieces.events.retain(|event| !matches!(event, Event::Piece(Piece { last: false, .. })));
        // `max_message_size` holds for whole messages alone.
        if whole.error.as_ref().is_none_or(|error| !error.starts_with("Limit")) {
            prop_assert_eq!(in_pieces, whole);
        }
    }

    #[test]
    fn pieces_of_text_are_whole_characters(text: String, cuts in cuts()) {
        let seen = Setup::new(Role::Client).in_pieces().see(&frame(Role::Server, FIN | TEXT, text.as_bytes()), &cuts);
        for event in &seen.events {
            let Event::Piece(Piece { kind: Kind::Text, data, .. }) = event else { panic!("{event:?}") };
            prop_assert!(std::str::from_utf8(data).is_ok());
        }
        let data = text.into_bytes().into();
        prop_assert_eq!(seen.joined().events, [Event::Piece(Piece { kind: Kind::Text, data, last: true })]);
    }
}

// What comes first is judged first: text that is both not UTF-8 and too long is not UTF-8 where that shows earlier.
#[test]
fn a_message_wrong_in_two_ways_fails_alike_however_it_comes() {
    let both = [vec![0xff; 10], vec![b'a'; 200]].concat();
    let late = [vec![b'a'; 200], vec![0xff; 10]].concat();
    let setup = Setup::new(Role::Server).deflate(Some(deflate_params(false)));
    let setup = Setup { limits: setup.limits.clone().max_message_size(100), ..setup };
    for (text, code) in [(both, 1007), (late, 1009)] {
        let bytes = frame(Role::Client, FIN | RSV1 | TEXT, &compress(&text));
        let whole = setup.see(&bytes, &[]);
        assert_eq!(whole.close_codes(), [code]);
        assert_eq!(setup.see(&bytes, &[1]), whole);
    }
}

// A message in which much comes of little at first, and little of much later, is judged by what came first.
#[test]
fn the_ratio_is_counted_alike_however_the_bytes_come() {
    let noise: Vec<u8> = (0..20_000_u32).map(|n| n.wrapping_mul(0x9e37_79b9).to_le_bytes()[3]).collect();
    let text = [vec![b'a'; 300_000], noise.iter().map(|byte| b'!' + byte % 90).collect()].concat();
    let bytes = frame(Role::Client, FIN | RSV1 | TEXT, &compress(&text));
    let setup = Setup::new(Role::Server).deflate(Some(deflate_params(false)));
    for (ratio, fails) in [(100, true), (1_100, false)] {
        let setup = Setup { limits: setup.limits.clone().max_inflate_ratio(ratio), ..setup.clone() };
        let whole = setup.see(&bytes, &[]);
        assert_eq!(whole.error.is_some(), fails, "{ratio}");
        assert_eq!(whole.messages().len(), usize::from(!fails), "{ratio}");
        for cut in [1, 7, 300, 1_000] {
            assert_eq!(setup.see(&bytes, &[cut]), whole, "{ratio}, {cut}");
        }
    }
    let message = Message::text(String::from_utf8(text).unwrap());
    let setup = Setup { limits: setup.limits.clone().max_inflate_ratio(usize::MAX), ..setup };
    assert_eq!(setup.see(&bytes, &[3]).messages(), [message]);
}
