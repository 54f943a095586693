//! Compressed messages that cost more than they say (threats.md F8, F9), and the examples of RFC 7692.

use bowline_core::{Limits, Message, Role};

use crate::{
    common::{BINARY, CONTINUATION, FIN, PING, RSV1, Seen, Setup, TEXT, deflate_params, frame},
    streams::compress,
};

fn setup(limits: Limits) -> Setup {
    Setup::new(Role::Server).limits(limits).deflate(Some(deflate_params(false)))
}

fn see(limits: Limits, payload: &[u8]) -> Seen {
    setup(limits).see(&frame(Role::Client, FIN | RSV1 | BINARY, payload), &[])
}

/// Frames, each by its first byte and payload.
type Frames<'a> = Vec<(u8, &'a [u8])>;

// RFC 7692 §7.2.3: its examples, as a server that takes the client's context over receives them.
#[test]
fn rfc7692_7_2_3_examples() {
    let hello: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let examples: [(bool, Frames<'_>, &[&str]); 7] = [
        // §7.2.3.1: one frame, and two fragments.
        (false, vec![(FIN | RSV1 | TEXT, hello)], &["Hello"]),
        (false, vec![(RSV1 | TEXT, &hello[..3]), (FIN | CONTINUATION, &hello[3..])], &["Hello"]),
        // §7.2.3.2: the same again, and as a reference to the window.
        (true, vec![(FIN | RSV1 | TEXT, hello), (FIN | RSV1 | TEXT, hello)], &["Hello", "Hello"]),
        (true, vec![(FIN | RSV1 | TEXT, hello), (FIN | RSV1 | TEXT, b"\xf2\x00\x11\x00\x00")], &["Hello", "Hello"]),
        // §7.2.3.3: a block without compression.
        (false, vec![(FIN | RSV1 | TEXT, b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00")], &["Hello"]),
        // §7.2.3.4: a block with BFINAL set.
        (false, vec![(FIN | RSV1 | TEXT, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00")], &["Hello"]),
        // §7.2.3.5: two blocks in one message.
        (false, vec![(FIN | RSV1 | TEXT, b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")], &["Hello"]),
    ];
    for (takeover, sent, texts) in examples {
        let bytes: Vec<u8> = sent.iter().flat_map(|(first, payload)| frame(Role::Client, *first, payload)).collect();
        let setup = Setup::new(Role::Server).deflate(Some(deflate_params(takeover)));
        for cuts in [&[][..], &[1]] {
            let seen = setup.see(&bytes, cuts);
            assert_eq!(seen.error, None);
            assert_eq!(seen.messages(), texts.iter().map(|&text| Message::text(text)).collect::<Vec<_>>());
        }
    }
}

// F8: the limit holds inside the inflating loop, over all fragments.
#[test]
fn f8_a_bomb_is_refused_at_the_message_limit() {
    let limits = Limits::default().max_message_size(100_000).max_inflate_ratio(usize::MAX);
    let exact = compress(&vec![0; 100_000]);
    assert_eq!(see(limits.clone(), &exact).messages()[0].len(), 100_000);
    for size in [100_001, 100_000_000] {
        let seen = see(limits.clone(), &compress(&vec![0; size]));
        assert_eq!(seen.error.as_deref(), Some("Limit(LimitExceeded { limit: MessageSize, max: 100000 })"));
        assert_eq!(seen.close_codes(), [1009]);
    }
    let bomb = compress(&vec![0; 100_001]);
    let fragments: Vec<u8> = (0..bomb.len())
        .flat_map(|at| {
            let fin = if at + 1 == bomb.len() { FIN } else { 0 };
            let opcode = if at == 0 { RSV1 | BINARY } else { CONTINUATION };
            [frame(Role::Client, fin | opcode, &bomb[at..=at]), frame(Role::Client, FIN | PING, b"")].concat()
        })
        .collect();
    assert_eq!(setup(limits.max_control_rate(u32::MAX)).see(&fragments, &[]).close_codes(), [1009]);
}

#[test]
fn f8_a_message_may_inflate_by_the_ratio_past_64_kib() {
    let limits = |ratio| Limits::default().max_message_size(1 << 24).max_inflate_ratio(ratio);
    let free = compress(&[0; 64 << 10]);
    assert_eq!(see(limits(1), &free).messages().len(), 1, "64 KiB may come of anything");
    let past = see(limits(1), &compress(&[0; (64 << 10) + 1]));
    assert_eq!(past.error.as_deref(), Some("Limit(LimitExceeded { limit: InflateRatio, max: 1 })"));
    assert_eq!(past.close_codes(), [1009]);
    let zeros = compress(&vec![0; 1 << 23]);
    assert_eq!(see(limits(1_031), &zeros).messages().len(), 1, "DEFLATE reaches 1,030:1");
    let ratio = (1 << 23) / zeros.len();
    assert_eq!(see(limits(ratio - 1), &zeros).close_codes(), [1009], "it reached {ratio}:1");
}

// F9: blocks without content are input without output; the header that announces too many is refused.
#[test]
fn f9_empty_blocks_are_bounded() {
    let limits = Limits::default().max_message_size(8_000);
    let most = 8_000 + 1_000 + (64 << 10);
    let blocks = |size: usize| [b"\x00\x00\x00\xff\xff".repeat(size / 5), vec![0; 1]].concat();
    let within = blocks(most - 5);
    assert!(within.len() <= most);
    assert_eq!(see(limits.clone(), &within).messages(), [Message::binary(Vec::new())]);
    let header = crate::common::header(Role::Client, FIN | RSV1 | BINARY, most as u64);
    assert_eq!(setup(limits.clone()).see(&header, &[]).error, None);
    let header = crate::common::header(Role::Client, FIN | RSV1 | BINARY, most as u64 + 1);
    assert_eq!(setup(limits.clone()).see(&header, &[]).close_codes(), [1009], "from the header alone");
    let fragments: Vec<u8> = (0..)
        .map(|n| frame(Role::Client, if n == 0 { RSV1 | BINARY } else { CONTINUATION }, &within[..30_000]))
        .take(3)
        .flatten()
        .collect();
    assert_eq!(setup(limits).see(&fragments, &[]).close_codes(), [1009], "over all fragments");
}

// An empty compressed message is the byte 00 (RFC 7692 §7.2.3.6); some engines spin on one that follows another message.
#[test]
fn rfc7692_7_2_3_6_an_empty_message_after_another() {
    for takeover in [false, true] {
        let setup = Setup::new(Role::Server).deflate(Some(deflate_params(takeover)));
        for empty in [&[0][..], &[]] {
            let bytes = [
                frame(Role::Client, FIN | RSV1 | TEXT, &compress(b"Hello")),
                frame(Role::Client, FIN | RSV1 | TEXT, empty),
                frame(Role::Client, FIN | RSV1 | TEXT, empty),
                frame(Role::Client, FIN | RSV1 | TEXT, &compress(b"Hello")),
            ]
            .concat();
            for setup in [setup.clone(), setup.clone().in_pieces()] {
                let seen = setup.see(&bytes, &[]).joined();
                assert_eq!((seen.events.len(), &seen.error), (4, &None), "{seen:?}");
            }
        }
    }
}

// A flush whose room is filled exactly makes zlib add an empty block; five bytes for nothing.
#[test]
fn no_empty_block_is_sent_too_many() {
    for len in 0..600_usize {
        let message: Vec<u8> = (0..len).map(|n| (n.wrapping_mul(53) >> 4).to_le_bytes()[0]).collect();
        let mut end = Setup::new(Role::Server).deflate(Some(deflate_params(false))).connection();
        end.send(message).unwrap();
        let sent = crate::common::frames(Role::Server, &crate::common::drain(&mut end, usize::MAX));
        assert!(!sent[0].1.ends_with(b"\x00\x00\xff\xff\x00"), "{len}: {:02x?}", sent[0].1);
    }
}
