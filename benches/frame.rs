//! What is done to every byte or frame, in cache: masking, the UTF-8 check, headers; each beside its plainest form.
//!
//! `cargo bench --bench frame`

use std::hint::black_box;
use std::time::Duration;

use bowline_core::frame::{Header, MaskingKey, Opcode, Peek, apply_mask};
use bowline_core::{Role, Utf8Bytes};
use bytes::Bytes;
use criterion::{Criterion, Throughput};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn byte_by_byte(payload: &mut [u8], key: [u8; 4]) {
    for (at, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[at % 4];
    }
}

fn mask(criterion: &mut Criterion) {
    for size in [16, 125, 1 << 10, 64 << 10] {
        let mut payload = vec![b'x'; size];
        let mut group = criterion.benchmark_group(format!("mask {size} B"));
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function("apply_mask", |bencher| {
            bencher.iter(|| apply_mask(black_box(&mut payload), black_box(KEY)));
        });
        // Where a payload is in what was read: behind a header of 6 bytes, off the alignment of vectors.
        let mut frame = vec![b'x'; 6 + size];
        group.bench_function("apply_mask, behind a header", |bencher| {
            bencher.iter(|| apply_mask(black_box(&mut frame[6..]), black_box(KEY)));
        });
        group.bench_function("byte by byte", |bencher| {
            bencher.iter(|| byte_by_byte(black_box(&mut payload), black_box(KEY)));
        });
        group.finish();
    }
}

/// `size` bytes at most of one sentence over and over, whole characters only.
fn text(sentence: &str, size: usize) -> Bytes {
    Bytes::from(sentence.repeat(size / sentence.len()))
}

fn utf8(criterion: &mut Criterion) {
    let texts = [
        ("ASCII", text("What is done to every byte of every message must cost next to nothing. ", 64 << 10)),
        (
            "mixed",
            text(
                "Größe zählt, Ωμέγα, связь, 快速的网络套接字, ソケット, 소켓, πλέξη, naïve café 🪢🚀 and so on. ",
                64 << 10,
            ),
        ),
    ];
    for (name, text) in texts {
        let mut group = criterion.benchmark_group(format!("UTF-8 check, 64 KiB {name}"));
        group.throughput(Throughput::Bytes(text.len() as u64));
        // The bytes are shared, as those of a message are with the buffer they came in.
        group.bench_function("Utf8Bytes", |bencher| {
            bencher.iter(|| Utf8Bytes::try_from(black_box(&text).clone()));
        });
        group.bench_function("std", |bencher| {
            bencher.iter(|| std::str::from_utf8(black_box(&text)).is_ok());
        });
        group.finish();
    }
}

fn header(criterion: &mut Criterion) {
    for len in [16, 1 << 10, 64 << 10] {
        let header = Header { fin: true, rsv1: false, opcode: Opcode::Text, mask: Some(MaskingKey::new(KEY)), len };
        let mut bytes = Vec::with_capacity(Header::MAX_SIZE);
        header.encode(&mut bytes);
        assert_eq!(Header::parse(&bytes, Role::Client, false), Ok(Some((header, bytes.len()))));
        let mut group = criterion.benchmark_group(format!("header of {len} B"));
        group.throughput(Throughput::Elements(1));
        group.bench_function("parse", |bencher| {
            bencher.iter(|| Header::parse(black_box(&bytes), Role::Client, false));
        });
        // What a payload of 64 KiB is too long for.
        if Peek::at(&bytes, Role::Client).is_some() {
            group.bench_function("peek", |bencher| bencher.iter(|| Peek::at(black_box(&bytes), Role::Client)));
        }
        group.bench_function("encode", |bencher| {
            bencher.iter(|| {
                bytes.clear();
                black_box(&header).encode(black_box(&mut bytes));
            });
        });
        group.finish();
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    mask(&mut criterion);
    utf8(&mut criterion);
    header(&mut criterion);
    criterion.final_summary();
}
