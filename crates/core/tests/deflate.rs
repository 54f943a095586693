//! permessage-deflate against itself and against flate2 as a peer of its own: any parameters, any data, any cuts.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use bowline_core::message::deflate::{Bounds, Deflate, DeflateConfig, DeflateParams, Inflated};
use bowline_core::{Limits, Role};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use proptest::prelude::*;

const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

fn params(takeover: bool, bits: u8) -> DeflateParams {
    DeflateParams {
        server_no_context_takeover: !takeover,
        client_no_context_takeover: !takeover,
        server_max_window_bits: bits,
        client_max_window_bits: bits,
    }
}

fn deflate(role: Role, params: DeflateParams, level: u32) -> Deflate {
    Deflate::new(role, params, &DeflateConfig::default().level(level).unwrap())
}

/// Bounds that these tests' data never meets.
fn limits() -> Limits {
    Limits::default().max_inflate_ratio(usize::MAX)
}

/// Payloads that compress well, badly, and across more than a window.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::collection::vec(prop::sample::select(vec!["bow", "line ", "\"knot\":", "{}", "0"]), 0..400);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..2_000),
        words.prop_map(|words| words.concat().into_bytes()),
        (any::<u8>(), 0..100_000_usize).prop_map(|(byte, n)| vec![byte; n]),
        (prop::collection::vec(any::<u8>(), 1..700), 1..80_usize).prop_map(|(unit, n)| unit.repeat(n)),
    ]
}

/// Mostly the default.
fn level() -> impl Strategy<Value = u32> {
    prop_oneof![Just(1), 0..=9_u32]
}

/// Where `data` is cut, into pieces of `cuts` bytes, again and again; `[]` leaves it whole.
fn pieces<'a>(mut data: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts.iter().cycle() {
        if data.len() <= *cut {
            break;
        }
        let (piece, rest) = data.split_at(*cut);
        pieces.push(piece);
        data = rest;
    }
    pieces.push(data);
    pieces
}

fn compress(sender: &mut Deflate, payload: &[u8], cuts: &[usize]) -> Vec<u8> {
    let (pieces, mut wire) = (pieces(payload, cuts), Vec::new());
    for (n, piece) in pieces.iter().enumerate() {
        sender.compress(piece, n + 1 == pieces.len(), &mut wire).unwrap();
    }
    wire
}

/// Inflates in pieces, taking `out` away after each call where `streamed`.
fn inflate(receiver: &mut Deflate, wire: &[u8], cuts: &[usize], streamed: bool) -> Vec<u8> {
    let bounds = if streamed { Bounds::streamed(&limits()) } else { Bounds::assembled(&limits()) };
    let (pieces, mut whole, mut out) = (pieces(wire, cuts), Vec::new(), Vec::new());
    for (n, mut piece) in pieces.iter().copied().enumerate() {
        while receiver.inflate(&mut piece, n + 1 == pieces.len(), &mut out, &bounds).unwrap() == Inflated::More {
            assert!(streamed && !out.is_empty());
            whole.append(&mut out);
        }
        assert!(piece.is_empty());
        if streamed {
            whole.append(&mut out);
        }
    }
    whole.append(&mut out);
    whole
}

/// flate2 as the sender, written after RFC 7692 §7.2.1 alone.
fn raw_compress(codec: &mut Compress, payload: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(payload.len() + payload.len() / 4 + 1_000);
    codec.compress_vec(payload, &mut wire, FlushCompress::Sync).unwrap();
    if !wire.ends_with(&TAIL) {
        return vec![0];
    }
    wire.truncate(wire.len() - TAIL.len());
    wire
}

/// flate2 as the receiver, written after RFC 7692 §7.2.2 alone.
fn raw_inflate(codec: &mut Decompress, wire: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(size + 100);
    codec.decompress_vec(&[wire, &TAIL].concat(), &mut out, FlushDecompress::None).unwrap();
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_compressed_inflates_to_itself(
        messages in prop::collection::vec((payload(), prop::collection::vec(1..5_000_usize, 0..4)), 1..5),
        wire_cuts in prop::collection::vec(1..300_usize, 0..4),
        (takeover, streamed, bits, level) in (any::<bool>(), any::<bool>(), 9..=15_u8, level()),
    ) {
        let mut sender = deflate(Role::Server, params(takeover, bits), level);
        let mut receiver = deflate(Role::Client, params(takeover, bits), level);
        for (payload, cuts) in &messages {
            let wire = compress(&mut sender, payload, cuts);
            prop_assert_eq!(&inflate(&mut receiver, &wire, &wire_cuts, streamed), payload);
        }
    }

    #[test]
    fn flate2_inflates_what_is_compressed_within_the_window_agreed_on(
        messages in prop::collection::vec(payload(), 1..5),
        cuts in prop::collection::vec(1..5_000_usize, 0..4),
        (takeover, bits, level) in (any::<bool>(), 9..=15_u8, level()),
    ) {
        let mut sender = deflate(Role::Client, params(takeover, bits), level);
        let mut codec = Decompress::new_with_window_bits(false, bits);
        for payload in &messages {
            let wire = compress(&mut sender, payload, &cuts);
            prop_assert!(!wire.ends_with(&TAIL));
            prop_assert_eq!(&raw_inflate(&mut codec, &wire, payload.len()), payload);
            if !takeover {
                codec = Decompress::new_with_window_bits(false, bits);
            }
        }
    }

    #[test]
    fn what_flate2_compresses_is_inflated(
        messages in prop::collection::vec(payload(), 1..5),
        cuts in prop::collection::vec(1..300_usize, 0..4),
        (takeover, streamed, bits, level) in (any::<bool>(), any::<bool>(), 9..=15_u8, level()),
    ) {
        let mut codec = Compress::new_with_window_bits(Compression::new(level), false, bits);
        let mut receiver = deflate(Role::Server, params(takeover, bits), level);
        for payload in &messages {
            let wire = raw_compress(&mut codec, payload);
            prop_assert_eq!(&inflate(&mut receiver, &wire, &cuts, streamed), payload);
            if !takeover {
                codec.reset();
            }
        }
    }

    #[test]
    fn any_bytes_inflate_alike_whole_and_in_pieces(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        cuts in prop::collection::vec(1..40_usize, 1..4),
        takeover in any::<bool>(),
    ) {
        let run = |cuts: &[usize]| {
            let mut receiver = deflate(Role::Server, params(takeover, 15), 1);
            let (pieces, mut out) = (pieces(&bytes, cuts), Vec::new());
            let end = pieces.iter().copied().enumerate().try_for_each(|(n, mut piece)| {
                receiver.inflate(&mut piece, n + 1 == pieces.len(), &mut out, &Bounds::assembled(&limits())).map(drop)
            });
            end.map(|()| out).map_err(|error| error.to_string())
        };
        prop_assert_eq!(run(&[usize::MAX]), run(&cuts));
    }
}

/// What each role sends follows the parameters named for it, in all combinations of takeover and small windows.
#[test]
fn each_direction_follows_its_own_parameters() {
    let message: Vec<u8> = (0..2_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 7).to_le_bytes()).collect();
    let repeated = message.repeat(2);
    for (server_forgets, client_forgets) in [(false, false), (false, true), (true, false), (true, true)] {
        for (server_bits, client_bits) in [(9, 15), (15, 9), (15, 15)] {
            let params = DeflateParams {
                server_no_context_takeover: server_forgets,
                client_no_context_takeover: client_forgets,
                server_max_window_bits: server_bits,
                client_max_window_bits: client_bits,
            };
            for (role, forgets, bits) in
                [(Role::Server, server_forgets, server_bits), (Role::Client, client_forgets, client_bits)]
            {
                let mut sender = deflate(role, params, 6);
                let mut receiver = deflate(role.peer(), params, 6);
                let wires = [(); 2].map(|()| compress(&mut sender, &repeated, &[]));
                for wire in &wires {
                    assert_eq!(inflate(&mut receiver, wire, &[], false), repeated);
                }
                // The repetition is 8,000 bytes back: out of a small window's reach.
                assert_eq!(wires[0].len() < message.len() * 3 / 2, bits == 15, "{params:?}");
                assert_eq!(wires[1].len() < wires[0].len() / 2, !forgets && bits == 15, "{params:?}");
                assert_eq!((sender.holds_codec(), receiver.holds_codec()), (!forgets, !forgets), "{params:?}");
            }
        }
    }
}
