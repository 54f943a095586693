//! permessage-deflate beside a bare loop over the same zlib: what the codec's pool, bounds and checks cost.
//!
//! `cargo bench --bench deflate`; the payload is JSON as a chat or push service sends it.

use std::hint::black_box;
use std::time::Duration;

use bowline_core::message::deflate::{Bounds, Deflate, DeflateConfig, DeflateParams};
use bowline_core::{Limits, Role};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// `size` bytes of JSON records that differ as real ones do.
fn json(size: usize) -> Vec<u8> {
    let mut text = String::from("[");
    let mut n = 88_172_645_463_325_252_u64;
    while text.len() < size {
        n ^= n << 13;
        n ^= n >> 7;
        n ^= n << 17;
        let (user, room, price) = (n % 9_973, n % 31, n % 100_000);
        text +=
            &format!(r#"{{"id":"{n:016x}","user":"user{user}","room":"room-{room}","price":{price},"read":false}},"#);
    }
    text.truncate(size);
    text.into_bytes()
}

fn pair(takeover: bool, level: u32) -> (Deflate, Deflate) {
    let params = DeflateParams {
        server_no_context_takeover: !takeover,
        client_no_context_takeover: !takeover,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    let config = DeflateConfig::default().level(level).unwrap_or_default();
    (Deflate::new(Role::Server, params, &config), Deflate::new(Role::Client, params, &config))
}

/// One message there and back by the codec. Both buffers are reused.
fn codec(group: &mut BenchmarkGroup<'_, WallTime>, payload: &[u8], takeover: bool, level: u32) {
    let (mut sender, mut receiver) = pair(takeover, level);
    let bounds = Bounds::assembled(&Limits::default());
    let (mut wire, mut out) = (Vec::with_capacity(payload.len() * 2), Vec::with_capacity(payload.len() * 2));
    let name = if takeover { "codec, takeover" } else { "codec" };
    group.bench_function(format!("{name}, level {level}"), |bencher| {
        bencher.iter(|| {
            wire.clear();
            out.clear();
            sender.compress(black_box(payload), true, &mut wire).and_then(|()| {
                let mut input = wire.as_slice();
                receiver.inflate(&mut input, true, &mut out, &bounds)
            })
        });
    });
    // A filter may have left it out.
    assert!(out.is_empty() || out == payload);
}

/// The same by flate2 alone: reset, one call, four bytes off or on.
fn bare(group: &mut BenchmarkGroup<'_, WallTime>, payload: &[u8], takeover: bool, level: u32) {
    let (mut sender, mut receiver) = (Compress::new(Compression::new(level), false), Decompress::new(false));
    let (mut wire, mut out) = (Vec::with_capacity(payload.len() * 2), Vec::with_capacity(payload.len() * 2));
    let name = if takeover { "bare, takeover" } else { "bare" };
    group.bench_function(format!("{name}, level {level}"), |bencher| {
        bencher.iter(|| {
            wire.clear();
            out.clear();
            if !takeover {
                sender.reset();
                receiver.reset(false);
            }
            let sent = sender.compress_vec(black_box(payload), &mut wire, FlushCompress::Sync).is_ok();
            wire.truncate(wire.len() - TAIL.len());
            let received = receiver.decompress_vec(&wire, &mut out, FlushDecompress::None).is_ok();
            sent && received && receiver.decompress_vec(&TAIL, &mut out, FlushDecompress::None).is_ok()
        });
    });
    if !out.is_empty() {
        assert_eq!(out, payload);
        println!("{name}, level {level}: {} bytes become {}", payload.len(), wire.len());
    }
}

/// Compressing and inflating apart, at the default level.
fn halves(group: &mut BenchmarkGroup<'_, WallTime>, payload: &[u8]) {
    let (mut sender, mut receiver) = pair(false, 1);
    let bounds = Bounds::assembled(&Limits::default());
    let (mut wire, mut out) = (Vec::with_capacity(payload.len() * 2), Vec::with_capacity(payload.len() * 2));
    group.bench_function("codec, compress", |bencher| {
        bencher.iter(|| {
            wire.clear();
            sender.compress(black_box(payload), true, &mut wire)
        });
    });
    if wire.is_empty() {
        return;
    }
    group.bench_function("codec, inflate", |bencher| {
        bencher.iter(|| {
            out.clear();
            receiver.inflate(&mut black_box(wire.as_slice()), true, &mut out, &bounds)
        });
    });
    group.bench_function("codec, inflate into a new buffer", |bencher| {
        bencher.iter(|| {
            let mut out = Vec::new();
            receiver.inflate(&mut black_box(wire.as_slice()), true, &mut out, &bounds).map(|_| out)
        });
    });
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for size in [128, 1 << 10, 16 << 10] {
        let payload = json(size);
        let mut group = criterion.benchmark_group(format!("deflate {size} B"));
        group.throughput(Throughput::Bytes(size as u64));
        for level in [1, 2, 6] {
            bare(&mut group, &payload, false, level);
            codec(&mut group, &payload, false, level);
        }
        bare(&mut group, &payload, true, 1);
        codec(&mut group, &payload, true, 1);
        halves(&mut group, &payload);
        group.finish();
    }
    criterion.final_summary();
}
