//! What one end sends, the other receives: any messages, sent whole, prepared or in pieces, cut on the wire anywhere.

use bowline_core::{
    Limits, Message, Role, Utf8Bytes,
    connection::Event,
    message::{Kind, Outgoing, Piece, Prepared, deflate::DeflateParams},
};
use bytes::Bytes;
use proptest::prelude::*;

use crate::common::{Pair, ROLES, Setup, drain, frames};

/// Sizes about where a length takes more bytes, and about where payloads are shared rather than copied.
const EDGES: [usize; 13] =
    [0, 1, 125, 126, 127, 8_191, 8_192, 16_384, 65_535, 65_536, (128 << 10) - 1, 128 << 10, (128 << 10) + 1];

#[derive(Clone, Debug)]
enum Way {
    Whole,
    Uncompressed,
    Prepared,
    Pieces(Vec<usize>),
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 0..300_usize, 1 => prop::sample::select(&EDGES[..])]
}

/// A message in few words, since a failure prints it.
#[derive(Clone, Debug)]
struct Sample {
    /// What a text repeats; binary data without.
    unit: Option<&'static str>,
    size: usize,
    seed: u8,
}

impl Sample {
    fn message(&self) -> Message {
        let byte = |n: usize| (n.wrapping_mul(usize::from(self.seed) | 1) >> 4).to_le_bytes()[0];
        match self.unit {
            Some(unit) => Message::text(unit.repeat(self.size / unit.len()) + &"x".repeat(self.size % unit.len())),
            None => Message::binary((0..self.size).map(byte).collect::<Vec<_>>()),
        }
    }
}

fn sample() -> impl Strategy<Value = Sample> {
    let unit = prop::option::of(prop::sample::select(vec!["a", "é", "€", "𝄞", "{\"knot\":1},"]));
    (unit, size(), any::<u8>()).prop_map(|(unit, size, seed)| Sample { unit, size, seed })
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1..40_usize, 1..200_000_usize], 1..4)
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![Just(Way::Whole), Just(Way::Uncompressed), Just(Way::Prepared), cuts().prop_map(Way::Pieces)]
}

fn params() -> impl Strategy<Value = Option<DeflateParams>> {
    let params =
        (any::<bool>(), any::<bool>(), 8..=15_u8, 8..=15_u8).prop_map(|(server, client, of_server, of_client)| {
            DeflateParams {
                server_no_context_takeover: server,
                client_no_context_takeover: client,
                server_max_window_bits: of_server,
                client_max_window_bits: of_client,
            }
        });
    prop::option::of(params)
}

fn pair(deflate: Option<DeflateParams>) -> Pair {
    let limits = Limits::default().max_inflate_ratio(usize::MAX).max_fragments(usize::MAX);
    Pair::new(deflate, |config| config.limits(limits.clone()))
}

/// Sends `message` and a Ping after (or, in pieces, amid) it.
fn send(pair: &mut Pair, from: Role, message: &Message, way: &Way) {
    let end = pair.end(from);
    match way {
        Way::Whole => end.send(message.clone()).unwrap(),
        Way::Uncompressed => end.send(Outgoing::uncompressed(message.clone())).unwrap(),
        Way::Prepared => end.send(Prepared::new(message.clone())).unwrap(),
        Way::Pieces(cuts) => {
            let pieces = crate::common::pieces(message.as_bytes(), cuts);
            for (n, piece) in pieces.iter().enumerate() {
                let (data, last) = (Bytes::copy_from_slice(piece), n + 1 == pieces.len());
                end.send_piece(Piece { kind: message.kind(), data, last }).unwrap();
                if n == 0 {
                    end.ping(Bytes::from_static(b"?")).unwrap();
                }
            }
        }
    }
}

/// What came, but for Pings and Pongs.
fn messages(events: Vec<Event>) -> Vec<Event> {
    events.into_iter().filter(|event| !matches!(event, Event::Ping(_) | Event::Pong(_))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_sent_is_received_and_echoed(
        sent in prop::collection::vec((sample(), way()), 1..5), params in params(), cuts in cuts(), server: bool,
    ) {
        let from = ROLES[usize::from(server)];
        let mut pair = pair(params);
        let sent: Vec<_> = sent.into_iter().map(|(sample, way)| (sample.message(), way)).collect();
        for (message, way) in &sent {
            send(&mut pair, from, message, way);
        }
        let expected: Vec<_> = sent.iter().map(|(message, _)| Event::Message(message.clone())).collect();
        let received = messages(pair.carry(from, &cuts).unwrap());
        prop_assert!(received == expected);
        for event in received {
            let Event::Message(message) = event else { continue };
            pair.end(from.peer()).send(message).unwrap();
        }
        prop_assert!(messages(pair.carry(from.peer(), &cuts).unwrap()) == expected);
        prop_assert!(pair.client.is_open() && pair.server.is_open());
    }

    // A prepared message is the same message on the wire, for whichever kind of connection it is encoded.
    #[test]
    fn prepared_equals_sent(sample in sample(), variants in prop::collection::vec(params(), 1..4), server: bool) {
        let role = ROLES[usize::from(server)];
        let message = sample.message();
        let prepared = Prepared::new(message.clone());
        for deflate in variants.iter().chain(&variants) {
            let setup = Setup::new(role).deflate(*deflate);
            let [mut with, mut without] = [setup.connection(), setup.connection()];
            with.send(&prepared).unwrap();
            without.send(message.clone()).unwrap();
            let [prepared, sent] = [with, without].map(|mut end| drain(&mut end, 4_096));
            let peer = Setup { limits: Limits::default().max_inflate_ratio(usize::MAX), ..Setup::new(role.peer()) };
            let received = peer.deflate(*deflate).see(&prepared, &[]);
            prop_assert!(received.messages() == [message.clone()]);
            if message.len() < 4_096 {
                prop_assert_eq!(frames(role, &prepared), frames(role, &sent));
            }
        }
    }

    #[test]
    fn text_may_be_cut_inside_a_character(text: String, cuts in cuts()) {
        let mut pair = pair(None);
        send(&mut pair, Role::Server, &Message::text(text.clone()), &Way::Pieces(cuts));
        let received = messages(pair.carry(Role::Server, &[]).unwrap());
        prop_assert_eq!(received, [Event::Message(Message::text(text))]);
    }
}

// F15, RFC 6455 §5.3: the masking key of every frame is fresh and unpredictable.
#[test]
fn f15_every_frame_has_a_key_of_its_own() {
    let mut client = Setup::new(Role::Client).connection();
    let mut keys = std::collections::HashSet::new();
    for _ in 0..1_000 {
        client.send(Message::binary(vec![0; 4])).unwrap();
        let wire = drain(&mut client, usize::MAX);
        keys.insert(<[u8; 4]>::try_from(&wire[2..6]).unwrap());
    }
    // 1,000 keys of 32 bits: two alike once in 8,600 runs.
    assert!(keys.len() >= 998, "{}", keys.len());
}

// RFC 6455 §5.4: messages don't interleave; what can't be sent comes back, and the one begun can be ended.
#[test]
fn rfc6455_5_4_a_message_in_pieces_is_finished_before_another_begins() {
    let mut pair = pair(None);
    let piece = |kind, data: &'static [u8], last| Piece { kind, data: data.into(), last };
    pair.server.send_piece(piece(Kind::Text, b"bow", false)).unwrap();
    assert!(pair.server.send("other").unwrap_err().into_rejected().is_some());
    assert!(pair.server.send_piece(piece(Kind::Binary, b"x", false)).unwrap_err().into_rejected().is_some());
    assert!(pair.server.send_piece(piece(Kind::Text, b"\xff", true)).unwrap_err().into_rejected().is_some());
    assert!(pair.server.send_piece(piece(Kind::Text, b"\xc3", true)).unwrap_err().into_rejected().is_some());
    pair.server.send_piece(piece(Kind::Text, b"line", true)).unwrap();
    pair.server.send("other").unwrap();
    let received = pair.carry(Role::Server, &[1]).unwrap();
    let texts = ["bowline", "other"].map(|text| Event::Message(Message::Text(Utf8Bytes::from(text))));
    assert_eq!(received, texts);
}
