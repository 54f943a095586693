//! RFC 7692's own examples, and what bounds and connections hold.

use super::*;
use crate::ProtocolError;
use crate::error::{Limit, LimitExceeded};

fn params(takeover: bool) -> DeflateParams {
    DeflateParams {
        server_no_context_takeover: !takeover,
        client_no_context_takeover: !takeover,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    }
}

fn pair(params: DeflateParams) -> (Deflate, Deflate) {
    let config = DeflateConfig::default();
    (Deflate::new(Role::Server, params, &config), Deflate::new(Role::Client, params, &config))
}

fn receiver(takeover: bool) -> Deflate {
    pair(params(takeover)).1
}

/// Inflates a whole message under the default limits.
fn inflate(deflate: &mut Deflate, mut message: &[u8]) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    let done = deflate.inflate(&mut message, true, &mut out, &Bounds::assembled(&Limits::default()))?;
    assert_eq!((done, message), (Inflated::Done, &[][..]));
    Ok(out)
}

fn is_invalid(result: &Result<Vec<u8>, Error>) -> bool {
    matches!(result, Err(Error::Protocol(ProtocolError::InvalidDeflate)))
}

/// RFC 7692 §7.2.3.1–§7.2.3.6.
const EXAMPLES: [(&str, &[u8], &[u8]); 6] = [
    ("7.2.3.1 one block", &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], b"Hello"),
    ("7.2.3.3 stored", &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00], b"Hello"),
    ("7.2.3.4 a final block", &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], b"Hello"),
    ("7.2.3.5 two blocks", &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00], b"Hello"),
    ("7.2.3.6 nothing", &[0x00], b""),
    ("no bytes at all, which many senders mean by nothing", &[], b""),
];

#[test]
fn rfc7692_7_2_3_examples_inflate_in_any_order() {
    for takeover in [false, true] {
        for (name, first, plain) in EXAMPLES {
            for (after, second, plain_after) in EXAMPLES {
                let mut receiver = receiver(takeover);
                assert_eq!(inflate(&mut receiver, first).unwrap(), plain, "{name}");
                assert_eq!(inflate(&mut receiver, second).unwrap(), plain_after, "{after} after {name}");
            }
        }
    }
}

#[test]
fn rfc7692_7_2_3_1_a_message_in_two_fragments() {
    let mut receiver = receiver(false);
    let (mut out, bounds) = (Vec::new(), Bounds::assembled(&Limits::default()));
    let done = receiver.inflate(&mut [0xf2, 0x48, 0xcd].as_slice(), false, &mut out, &bounds).unwrap();
    assert_eq!(done, Inflated::Done);
    let done = receiver.inflate(&mut [0xc9, 0xc9, 0x07, 0x00].as_slice(), true, &mut out, &bounds).unwrap();
    assert_eq!((done, out.as_slice()), (Inflated::Done, b"Hello".as_slice()));
}

#[test]
fn rfc7692_7_2_3_2_a_second_message_reaches_back_into_the_first_only_with_takeover() {
    let (first, second) = ([0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], [0xf2, 0x00, 0x11, 0x00, 0x00]);
    let mut keeps = receiver(true);
    assert_eq!(inflate(&mut keeps, &first).unwrap(), b"Hello");
    assert_eq!(inflate(&mut keeps, &second).unwrap(), b"Hello");
    assert!(keeps.holds_codec());
    let mut forgets = receiver(false);
    assert_eq!(inflate(&mut forgets, &first).unwrap(), b"Hello");
    assert!(is_invalid(&inflate(&mut forgets, &second)));
}

#[test]
fn rfc7692_7_2_3_2_a_compressor_reaches_back_only_with_takeover() {
    for takeover in [false, true] {
        let (mut sender, _) = pair(params(takeover));
        let (mut first, mut second) = (Vec::new(), Vec::new());
        sender.compress(b"Hello, Hello's window", true, &mut first).unwrap();
        sender.compress(b"Hello, Hello's window", true, &mut second).unwrap();
        assert_eq!(second.len() < first.len(), takeover);
        assert_eq!(sender.holds_codec(), takeover);
    }
}

#[test]
fn rfc7692_7_2_3_4_more_data_after_a_final_block_belongs_to_the_message() {
    let hello = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    for takeover in [false, true] {
        for last in [&[][..], &[0x00], &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]] {
            let message = [&hello, &hello, last].concat();
            let whole = inflate(&mut receiver(takeover), &message).unwrap();
            assert_eq!(whole, b"Hello".repeat(2 + usize::from(last.len() > 1)));
        }
    }
}

#[test]
fn rfc7692_7_2_3_6_an_empty_message_is_one_byte() {
    for takeover in [false, true] {
        let (mut sender, mut receiver) = pair(params(takeover));
        for message in [&b""[..], b"a", b"", b"", b"ab"] {
            let mut wire = Vec::new();
            sender.compress(message, true, &mut wire).unwrap();
            assert_eq!(wire == [0], message.is_empty());
            assert_eq!(inflate(&mut receiver, &wire).unwrap(), message);
        }
    }
}

#[test]
fn garbage_is_not_deflate() {
    for takeover in [false, true] {
        // A reserved block type; a stored block whose lengths disagree; a distance past the beginning.
        for garbage in [&[0x07][..], &[0x00, 0x05, 0x00, 0x00, 0x00], &[0xf2, 0x00, 0x11, 0x00, 0x00]] {
            assert!(is_invalid(&inflate(&mut receiver(takeover), garbage)), "{garbage:x?}");
        }
    }
}

#[test]
fn a_message_cut_short_anywhere_is_not_deflate() {
    let text: Vec<u8> = (0..200_u32).flat_map(|n| (n * n).to_le_bytes()).collect();
    let (mut sender, _) = pair(params(false));
    let mut wire = Vec::new();
    sender.compress(&text, true, &mut wire).unwrap();
    for cut in 1..wire.len() {
        let result = inflate(&mut receiver(false), &wire[..cut]);
        assert!(is_invalid(&result), "cut to {cut} of {}: {result:?}", wire.len());
    }
}

#[test]
fn a_connection_works_on_with_a_fresh_codec_after_its_pool_got_a_used_one() {
    assert!(is_invalid(&inflate(&mut receiver(false), &[0x07])));
    assert_eq!(inflate(&mut receiver(false), EXAMPLES[0].1).unwrap(), b"Hello");
}

/// `n` zero bytes, compressed: about n / 1030 bytes.
fn bomb(n: usize) -> Vec<u8> {
    let config = DeflateConfig::default().level(9).unwrap();
    let mut wire = Vec::new();
    Deflate::new(Role::Server, params(false), &config).compress(&vec![0; n], true, &mut wire).unwrap();
    wire
}

fn limit(result: &Result<Inflated, Error>) -> Option<Limit> {
    match result {
        Err(Error::Limit(LimitExceeded { limit, .. })) => Some(*limit),
        _ => None,
    }
}

#[test]
fn f8_a_message_inflates_to_its_limit_and_not_a_byte_more() {
    let max = 300_000;
    let limits = Limits::default().max_message_size(max).max_inflate_ratio(usize::MAX);
    for (size, expected) in
        [(max - 1, None), (max, None), (max + 1, Some(Limit::MessageSize)), (max * 50, Some(Limit::MessageSize))]
    {
        let wire = bomb(size);
        for piece in [wire.len(), 97, 1] {
            let (mut receiver, mut out) = (receiver(false), Vec::new());
            let count = wire.chunks(piece).count();
            let mut result = Ok(Inflated::Done);
            for (n, mut chunk) in wire.chunks(piece).enumerate() {
                result = receiver.inflate(&mut chunk, n + 1 == count, &mut out, &Bounds::assembled(&limits));
                if result.is_err() {
                    break;
                }
            }
            assert_eq!(limit(&result), expected, "{size} in pieces of {piece}");
            assert_eq!(out.len(), size.min(max + 1));
            assert!(out.capacity() <= max + 1, "{} held for {size}", out.capacity());
        }
    }
}

#[test]
fn f8_a_ratio_is_bounded_past_the_first_64_kib() {
    let limits = Limits::default().max_inflate_ratio(100);
    let inflated = |size: usize, ratio: usize| {
        let (wire, mut out) = (bomb(size), Vec::new());
        let bounds = Bounds::assembled(&limits.clone().max_inflate_ratio(ratio));
        let result = receiver(false).inflate(&mut wire.as_slice(), true, &mut out, &bounds);
        assert!(out.capacity() <= (64 << 10).max(wire.len().saturating_mul(ratio)) + 1);
        limit(&result)
    };
    assert_eq!(inflated(64 << 10, 1), None);
    assert_eq!(inflated((64 << 10) + 1, 1), Some(Limit::InflateRatio));
    assert_eq!(inflated(500_000, 100), Some(Limit::InflateRatio));
    let exact = 500_000_usize.div_ceil(bomb(500_000).len());
    // The codec gives the last of its output before it takes the last bytes of its input, which are then not counted yet.
    assert_eq!(inflated(500_000, exact + exact / 50), None);
    assert_eq!(inflated(500_000, exact - 1), Some(Limit::InflateRatio));
}

#[test]
fn f9_blocks_without_content_are_input_all_the_same() {
    let bounds = Bounds::assembled(&Limits::default().max_message_size(1_000));
    let most = usize::try_from(bounds.max_input()).unwrap();
    assert_eq!(most, 1_000 + 125 + 65_536);
    let flood = [0, 0, 0, 0xff, 0xff].repeat(most / 5 + 1);
    for piece in [most + 1, 1_000, 5] {
        for size in [most, most + 1] {
            let (mut receiver, mut out) = (receiver(false), Vec::new());
            let result = flood[..size]
                .chunks(piece)
                .try_fold(Inflated::Done, |_, mut chunk| receiver.inflate(&mut chunk, false, &mut out, &bounds));
            assert_eq!(limit(&result), (size > most).then_some(Limit::MessageSize));
            assert!(out.capacity() <= 16 << 10);
        }
    }
}

#[test]
fn a_streamed_message_comes_in_bounded_gulps_whatever_its_size() {
    let (size, limits) = (8 << 20, Limits::default().max_inflate_ratio(usize::MAX));
    let (wire, mut receiver, mut out) = (bomb(size), receiver(false), Vec::new());
    let (mut input, mut total, mut calls) = (wire.as_slice(), 0, 0);
    loop {
        let inflated = receiver.inflate(&mut input, true, &mut out, &Bounds::streamed(&limits)).unwrap();
        assert!(out.len() <= 64 << 10 && out.capacity() <= 64 << 10);
        total += out.len();
        calls += 1;
        out.clear();
        if inflated == Inflated::Done {
            break;
        }
    }
    assert_eq!((total, input), (size, &[][..]));
    assert!(calls <= size / (64 << 10) + 1, "{calls}");
    assert!(!receiver.holds_codec());
}

#[test]
fn a_window_of_8_bits_is_inflated_and_never_compressed_into() {
    let (mut eight, mut fifteen) = pair(DeflateParams { server_max_window_bits: 8, ..params(true) });
    assert!(!eight.should_compress(1 << 20));
    assert!(fifteen.should_compress(1 << 20));
    // Even when asked to, it reaches back no further than 256 bytes: not at all.
    let mut wire = Vec::new();
    eight.compress(&b"bowline ".repeat(1_000), true, &mut wire).unwrap();
    assert!(wire.len() > 8_000);
    assert_eq!(inflate(&mut fifteen, &wire).unwrap(), b"bowline ".repeat(1_000));
}

#[test]
fn the_threshold_decides_what_is_worth_compressing() {
    let config = DeflateConfig::default().threshold(100);
    let deflate = Deflate::new(Role::Client, params(false), &config);
    assert_eq!([0, 99, 100].map(|length| deflate.should_compress(length)), [false, false, true]);
    assert!(Deflate::new(Role::Client, params(false), &config.threshold(0)).should_compress(0));
}

#[test]
fn f14_a_connection_without_takeover_is_small_and_owns_no_codec_between_messages() {
    assert!(size_of::<Deflate>() <= 80, "{}", size_of::<Deflate>());
    let (mut sender, mut receiver) = pair(params(false));
    for _ in 0..3 {
        let mut wire = Vec::new();
        sender.compress(b"bow", false, &mut wire).unwrap();
        assert!(sender.holds_codec());
        sender.compress(b"line", true, &mut wire).unwrap();
        assert_eq!(inflate(&mut receiver, &wire).unwrap(), b"bowline");
        assert!(!sender.holds_codec() && !receiver.holds_codec());
    }
}

#[test]
fn a_message_in_pieces_may_go_from_thread_to_thread() {
    let (mut sender, mut receiver) = pair(params(false));
    let mut wire = Vec::new();
    let sender = std::thread::spawn(move || {
        sender.compress(b"bow", false, &mut wire).unwrap();
        (sender, wire)
    });
    let (mut sender, mut wire) = sender.join().unwrap();
    sender.compress(b"line", true, &mut wire).unwrap();
    assert_eq!(inflate(&mut receiver, &wire).unwrap(), b"bowline");
}
