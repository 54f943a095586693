//! What a peer's bytes make this process allocate, counted by the allocator; so it has a test binary of its own, with one
//! test, which nothing else allocates beside.
#![expect(clippy::unwrap_used, reason = "what fails in a test's helper fails the test")]

use std::{alloc::System, sync::Arc, time::Instant};

use bowline_core::{
    Limits, Role,
    buffer::Input,
    connection::{Config, Connection},
    handshake::Negotiated,
    message::deflate::{DeflateConfig, DeflateParams},
};
use bytes::BytesMut;
use flate2::{Compress, Compression, FlushCompress};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Counts what `run` allocates. Memory that grows counts by what it grows.
fn allocated<T>(run: impl FnOnce() -> T) -> Stats {
    let region = Region::new(ALLOCATOR);
    let result = run();
    let change = region.change();
    drop(result);
    change
}

fn connection(limits: &Limits, deflate: bool) -> Connection {
    let config = Config::default().limits(limits.clone()).deflate(DeflateConfig::default());
    let params = DeflateParams {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    let negotiated = Negotiated::assumed(Role::Client);
    let negotiated = if deflate { negotiated.with_deflate(params) } else { negotiated };
    Connection::new(&negotiated, Arc::new(config), Instant::now())
}

/// Feeds `bytes` to a new client, and gives it back with its last message.
fn receive(limits: &Limits, deflate: bool, pieces: &[&[u8]]) -> (Connection, usize) {
    let mut connection = connection(limits, deflate);
    let mut messages = 0;
    for piece in pieces {
        let mut input = Input::new(BytesMut::from(*piece));
        while let Ok(Some(_)) = connection.receive(&mut input, Instant::now) {
            messages += 1;
        }
    }
    connection.output();
    (connection, messages)
}

/// A frame of a server.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u16::try_from(payload.len()).unwrap() {
        short @ 0..=125 => frame.push(u8::try_from(short).unwrap()),
        long => {
            frame.push(126);
            frame.extend_from_slice(&long.to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// A message that inflates as far as DEFLATE goes, cut to `len` bytes.
fn bomb(len: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 << 14);
    Compress::new(Compression::best(), false).compress_vec(&[0; 1 << 20], &mut out, FlushCompress::Sync).unwrap();
    out.truncate(len);
    out
}

/// Short inputs that cost the most, and some by chance.
fn short_inputs() -> Vec<Vec<u8>> {
    let mut rng = StdRng::seed_from_u64(1);
    let mut inputs = vec![
        frame(0xc1, &bomb(62)),
        frame(0x42, &bomb(62)),
        [frame(0x42, &bomb(28)), frame(0x00, &bomb(30))].concat(),
        [vec![0x82, 127], (1_u64 << 33).to_be_bytes().to_vec(), vec![0; 54]].concat(),
        [vec![0x02, 127], (1_u64 << 33).to_be_bytes().to_vec(), vec![0; 54]].concat(),
        [vec![0xc2, 127], (1_u64 << 33).to_be_bytes().to_vec(), bomb(54)].concat(),
        [vec![0x82, 127], (1_u64 << 20).to_be_bytes().to_vec(), vec![0; 54]].concat(),
        [0x89, 0].repeat(32),
        [&[0x01, 0][..], &[0x00, 0].repeat(31)].concat(),
        [0xc1, 1, 0].repeat(21),
    ];
    for _ in 0..2_000 {
        let mut input: Vec<u8> = (0..rng.random_range(0..=64)).map(|_| rng.random()).collect();
        if let [first, second, ..] = &mut input[..] {
            *first &= 0xcb;
            *second &= 0x7f;
        }
        inputs.push(input);
    }
    inputs
}

// F1, F2: any input of up to 64 bytes, whatever it declares and however it inflates.
fn short_inputs_allocate_little() {
    let unlimited = Limits::default().max_message_size(usize::MAX);
    for limits in [Limits::default(), unlimited] {
        for (deflate, input) in
            [false, true].into_iter().flat_map(|on| short_inputs().into_iter().map(move |i| (on, i)))
        {
            assert!(input.len() <= 64);
            let stats = allocated(|| receive(&limits, deflate, &[&input]));
            assert!(stats.bytes_allocated <= 128 << 10, "{} for {input:02x?}", stats.bytes_allocated);
        }
    }
    // A header alone reserves nothing for what it declares.
    let header = [vec![0x82, 127], (1_u64 << 33).to_be_bytes().to_vec()].concat();
    let unlimited = Limits::default().max_message_size(usize::MAX);
    let before = allocated(|| receive(&unlimited, false, &[&header[..1]])).bytes_allocated;
    let after = allocated(|| receive(&unlimited, false, &[&header])).bytes_allocated;
    assert!(after - before <= 512, "{before} and then {after}");
}

/// A message in `n` fragments.
fn fragments(n: usize, size: usize) -> Vec<u8> {
    let middle = frame(0x00, &vec![7; size]);
    [frame(0x02, b""), middle.repeat(n - 2), frame(0x80, b"")].concat()
}

/// Doubling `n` must allocate at most 2.5 times as much, and move what has come only a few times more. `bytes` makes the
/// input, a single message, which comes in pieces of `cut` bytes.
fn assert_linear(what: &str, deflate: bool, cut: usize, n: usize, bytes: impl Fn(usize) -> Vec<u8>) {
    let limits = Limits::default().max_fragments(usize::MAX);
    let [single, double] = [n, 2 * n].map(|n| {
        let bytes = bytes(n);
        let pieces: Vec<_> = bytes.chunks(cut).collect();
        let mut messages = 0;
        let stats = allocated(|| {
            let (connection, count) = receive(&limits, deflate, &pieces);
            messages = count;
            connection
        });
        assert_eq!(messages, 1, "{what}");
        stats
    });
    let (few, more) = (single.bytes_allocated, double.bytes_allocated);
    assert!(more * 2 <= few * 5, "{what}: {few} bytes allocated for {n}, {more} for twice as many");
    // Each move copies at most all that has come: few moves, and the copying is in proportion, too.
    assert!(double.reallocations <= 24, "{what}: moved {} times", double.reallocations);
}

// F4, F9: the work for a message is in proportion to its bytes and fragments.
fn cost_is_linear_in_what_comes() {
    for size in [0, 1, 100] {
        assert_linear("fragments", false, usize::MAX, 4_096, |n| fragments(n, size));
        assert_linear("fragments in pieces", false, 7, 1_024, |n| fragments(n, size));
    }
    assert_linear("a frame in pieces", false, 10, 20_000, |n| frame(0x82, &vec![7; n]));
    assert_linear("a compressed frame in pieces", true, 10, 20_000, |n| {
        frame(0xc2, &[b"\x00\x00\x00\xff\xff".repeat(n / 5), vec![0]].concat())
    });
}

#[test]
fn what_a_peers_bytes_allocate() {
    short_inputs_allocate_little();
    cost_is_linear_in_what_comes();
}
