//! Frame streams made from a seed: valid ones, and valid ones that were then damaged.

use bowline_core::Role;
use flate2::{Compress, Compression, FlushCompress};
use rand::{RngExt, rngs::StdRng};

use crate::common::{BINARY, CLOSE, FIN, PING, PONG, RSV1, TEXT, frame, frame_masked, header};

/// A frame that has not been written yet.
struct Draft {
    first: u8,
    masked: bool,
    payload: Vec<u8>,
}

/// What `sender` might send, and whether nothing was done to it.
pub(crate) fn stream(rng: &mut StdRng, sender: Role, deflate: bool) -> (Vec<u8>, bool) {
    let mut drafts = Vec::new();
    for _ in 0..rng.random_range(1..6) {
        message(rng, sender, deflate, &mut drafts);
    }
    if rng.random_ratio(1, 3) {
        drafts.push(Draft { first: FIN | CLOSE, masked: sender == Role::Client, payload: close_payload(rng) });
    }
    let valid = rng.random_ratio(1, 3);
    if !valid {
        damage(rng, &mut drafts);
    }
    let mut bytes: Vec<u8> =
        drafts.iter().flat_map(|draft| frame_masked(draft.masked, draft.first, &draft.payload)).collect();
    if !valid && rng.random_ratio(1, 2) {
        damage_bytes(rng, sender, &mut bytes);
    }
    (bytes, valid)
}

/// A message in one to four fragments, with control frames between them.
fn message(rng: &mut StdRng, sender: Role, deflate: bool, drafts: &mut Vec<Draft>) {
    let masked = sender == Role::Client;
    let is_text = rng.random();
    let mut payload = if is_text { text(rng) } else { bytes(rng) };
    let mut opcode = if is_text { TEXT } else { BINARY };
    if deflate && rng.random() {
        payload = compress(&payload);
        opcode |= RSV1;
    }
    let mut fragments = rng.random_range(1..5);
    loop {
        if rng.random_ratio(1, 4) {
            let first = FIN | if rng.random() { PING } else { PONG };
            let len = rng.random_range(0..=125);
            drafts.push(Draft { first, masked, payload: vec![7; len] });
        }
        fragments -= 1;
        let rest = if fragments == 0 { Vec::new() } else { payload.split_off(rng.random_range(0..=payload.len())) };
        let fin = if fragments == 0 { FIN } else { 0 };
        drafts.push(Draft { first: fin | opcode, masked, payload });
        if fragments == 0 {
            return;
        }
        (payload, opcode) = (rest, 0);
    }
}

/// Mostly small, sometimes about where a length takes more bytes.
fn length(rng: &mut StdRng) -> usize {
    match rng.random_range(0..40) {
        0 => rng.random_range(65_530..65_545),
        1..5 => rng.random_range(120..130),
        _ => rng.random_range(0..24),
    }
}

fn text(rng: &mut StdRng) -> Vec<u8> {
    let len = length(rng);
    let mut text = String::new();
    while text.len() < len {
        text.push(*rng_choose(rng, &['a', ' ', '\0', 'é', '€', '\u{fffd}', '𝄞']));
    }
    text.into_bytes()
}

fn bytes(rng: &mut StdRng) -> Vec<u8> {
    (0..length(rng)).map(|_| rng.random()).collect()
}

fn close_payload(rng: &mut StdRng) -> Vec<u8> {
    let code: u16 = match rng.random_range(0..4) {
        0 => rng.random(),
        1 => rng.random_range(990..1020),
        _ => *rng_choose(rng, &[1000, 1001, 1003, 1007, 1011, 3000, 4999]),
    };
    match rng.random_range(0..8) {
        0 => Vec::new(),
        1 => vec![3],
        2 => [&code.to_be_bytes()[..], b"\xff"].concat(),
        _ => [&code.to_be_bytes()[..], "böse".as_bytes()].concat(),
    }
}

/// RFC 7692 §7.2.1, by the codec itself.
pub(crate) fn compress(payload: &[u8]) -> Vec<u8> {
    let mut codec = Compress::new(Compression::fast(), false);
    let mut out = Vec::with_capacity(payload.len() * 2 + 64);
    codec.compress_vec(payload, &mut out, FlushCompress::Sync).unwrap();
    if payload.is_empty() {
        return vec![0];
    }
    out.truncate(out.len() - 4);
    out
}

/// One to three changes to whole frames.
fn damage(rng: &mut StdRng, drafts: &mut Vec<Draft>) {
    for _ in 0..rng.random_range(1..4) {
        if drafts.is_empty() {
            return;
        }
        let at = rng.random_range(0..drafts.len());
        match rng.random_range(0..8) {
            0 => drafts[at].first = rng.random(),
            1 => drafts[at].first ^= FIN,
            2 => drafts[at].first ^= 1 << rng.random_range(0..7),
            3 => drafts[at].masked ^= true,
            4 => drop(drafts.remove(at)),
            5 => drafts.swap(0, at),
            6 => drafts[at].payload.push(0xc3),
            _ => {
                let payload = &mut drafts[at].payload;
                if !payload.is_empty() {
                    let byte = rng.random_range(0..payload.len());
                    payload[byte] = rng.random();
                }
            }
        }
    }
}

fn damage_bytes(rng: &mut StdRng, sender: Role, bytes: &mut Vec<u8>) {
    match rng.random_range(0..5) {
        0 if !bytes.is_empty() => {
            let at = rng.random_range(0..bytes.len());
            bytes[at] ^= 1 << rng.random_range(0..8);
        }
        1 => bytes.truncate(rng.random_range(0..=bytes.len())),
        // A length in more bytes than it needs, of which some are there.
        2 => {
            bytes.extend_from_slice(&[FIN | TEXT, if sender == Role::Client { 0xfe } else { 0x7e }, 0, 3]);
            bytes.extend_from_slice(&frame(sender, FIN | TEXT, b"abcdefgh")[2..]);
        }
        3 => bytes.extend_from_slice(&header(sender, FIN | BINARY, rng.random())),
        _ => bytes.extend((0..rng.random_range(0..20)).map(|_| rng.random::<u8>()).collect::<Vec<_>>()),
    }
}

fn rng_choose<'a, T>(rng: &mut StdRng, from: &'a [T]) -> &'a T {
    &from[rng.random_range(0..from.len())]
}
