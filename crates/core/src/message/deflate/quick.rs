//! Level 1 for whole messages without context takeover: greedy matches, fixed codes (RFC 1951 §3.2.6), no state.
//!
//! zlib's level 1 is the same algorithm and gives the same sizes, but its hash table of 128 KiB must be cleared for each
//! message that may not refer to the last one: 3.8 of the 5.3 µs that 1 KiB of JSON took. Here the table is 8 KiB on the
//! stack; the same message takes 1.1 µs, and no compressor of 370 KiB.

/// The longest message: positions in it, counted from 1, fit the table's 16 bits.
pub(super) const MAX_LENGTH: usize = u16::MAX as usize;

const HASH_BITS: u32 = 12;
const MIN_MATCH: usize = 4;
const MAX_MATCH: usize = 258;

/// Appends `payload`, compressed into a window of 2^`window_bits` bytes, up to and with the first byte of the empty stored
/// block that ends a message (RFC 7692 §7.2.1). `payload` has at most [`MAX_LENGTH`] bytes.
pub(super) fn compress(payload: &[u8], window_bits: u8, out: &mut Vec<u8>) {
    let window = 1 << window_bits.min(15);
    // Where a hash was last seen, counted from 1; 0 is nowhere.
    let mut seen = [0_u16; 1 << HASH_BITS];
    out.reserve(payload.len() / 2 + 16);
    let mut bits = Bits { held: 0, count: 0, out };
    // BFINAL 0, BTYPE 01.
    bits.put(Code { bits: 0b010, count: 3 });
    let mut place = 0;
    while let Some(rest @ [byte, ..]) = payload.get(place..) {
        if let Some(word) = rest.first_chunk::<MIN_MATCH>() {
            let hash = u32::from_le_bytes(*word).wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS);
            let slot = &mut seen[hash as usize];
            let earlier = usize::from(*slot).checked_sub(1);
            *slot = u16::try_from(place + 1).unwrap_or(0);
            if let Some(earlier) = earlier
                && place - earlier <= window
                && payload[earlier..].starts_with(word)
            {
                let length = common_prefix(rest, &payload[earlier..]);
                bits.put(TABLES.lengths[length - 3]);
                bits.put_distance(place - earlier);
                place += length;
                continue;
            }
        }
        bits.put(TABLES.literals[usize::from(*byte)]);
        place += 1;
    }
    // The end of the block, then BFINAL 0 and BTYPE 00 of an empty stored one.
    bits.put(Code { bits: 0, count: 7 + 3 });
    bits.finish();
}

/// How many bytes two slices have in common, at most [`MAX_MATCH`]; `later` is the shorter one.
fn common_prefix(later: &[u8], earlier: &[u8]) -> usize {
    let later = &later[..later.len().min(MAX_MATCH)];
    let mut length = 0;
    for (a, b) in later.as_chunks::<8>().0.iter().zip(earlier.as_chunks::<8>().0) {
        let difference = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if difference != 0 {
            return length + (difference.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    length + later[length..].iter().zip(&earlier[length..]).take_while(|(a, b)| a == b).count()
}

/// Bits on their way out, lowest first (RFC 1951 §3.1.1).
struct Bits<'a> {
    held: u64,
    count: u32,
    out: &'a mut Vec<u8>,
}

impl Bits<'_> {
    /// At most 32 bits.
    fn put(&mut self, code: Code) {
        self.held |= u64::from(code.bits) << self.count;
        self.count += code.count;
        if self.count >= 32 {
            self.out.extend_from_slice(&self.held.to_le_bytes()[..4]);
            self.held >>= 32;
            self.count -= 32;
        }
    }

    fn put_distance(&mut self, distance: usize) {
        let from_zero = distance - 1;
        let code = if from_zero < 256 { TABLES.near[from_zero] } else { TABLES.far[from_zero >> 7] };
        let extra = u32::try_from(distance).unwrap_or(0).wrapping_sub(code.base);
        self.put(Code { bits: code.code.bits | extra << 5, count: code.code.count });
    }

    fn finish(self) {
        let bytes = self.count.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.held.to_le_bytes()[..bytes]);
    }
}

/// Bits as they go out.
#[derive(Clone, Copy)]
struct Code {
    bits: u32,
    count: u32,
}

/// A distance's code with the count of its extra bits, and the least distance that has it.
#[derive(Clone, Copy)]
struct Distance {
    code: Code,
    base: u32,
}

/// The codes of RFC 1951 §3.2.5 and §3.2.6, looked up by what they stand for.
struct Tables {
    literals: [Code; 256],
    /// By length less 3, extra bits included.
    lengths: [Code; 256],
    /// By distance less 1, up to 256.
    near: [Distance; 256],
    /// By distance less 1, in steps of 128.
    far: [Distance; 256],
}

static TABLES: Tables = Tables::new();

impl Tables {
    const fn new() -> Self {
        let none = Distance { code: Code { bits: 0, count: 0 }, base: 0 };
        let mut tables =
            Self { literals: [none.code; 256], lengths: [none.code; 256], near: [none; 256], far: [none; 256] };
        let mut byte = 0_u32;
        while byte < 256 {
            tables.literals[byte as usize] = symbol(byte);
            byte += 1;
        }
        let (mut code, mut next) = (257, 0);
        while code < 285 {
            let extra = if code < 265 { 0 } else { (code - 261) / 4 };
            let prefix = symbol(code);
            let mut n = 0_u32;
            while n < 1 << extra && next < 256 {
                tables.lengths[next] = Code { bits: prefix.bits | n << prefix.count, count: prefix.count + extra };
                (n, next) = (n + 1, next + 1);
            }
            code += 1;
        }
        tables.lengths[255] = symbol(285);
        tables.fill_distances();
        tables
    }

    const fn fill_distances(&mut self) {
        let (mut code, mut base) = (0_u32, 1_u32);
        while code < 30 {
            let extra = if code < 4 { 0 } else { code / 2 - 1 };
            let bits = code.reverse_bits() >> (32 - 5);
            let distance = Distance { code: Code { bits, count: 5 + extra }, base };
            let end = base + (1 << extra);
            let mut from_zero = base - 1;
            while from_zero < end - 1 {
                if from_zero < 256 {
                    self.near[from_zero as usize] = distance;
                    from_zero += 1;
                } else {
                    self.far[(from_zero >> 7) as usize] = distance;
                    from_zero += 128;
                }
            }
            (code, base) = (code + 1, end);
        }
    }
}

/// The fixed code of a literal or length (RFC 1951 §3.2.6), its first bit lowest.
const fn symbol(symbol: u32) -> Code {
    let (code, count) = match symbol {
        0..144 => (0x30 + symbol, 8),
        144..256 => (0x190 + symbol - 144, 9),
        256..280 => (symbol - 256, 7),
        _ => (0xc0 + symbol - 280, 8),
    };
    Code { bits: code.reverse_bits() >> (32 - count), count }
}

#[cfg(test)]
mod tests {
    use super::super::TAIL;
    use super::*;

    fn compressed(payload: &[u8], window_bits: u8) -> Vec<u8> {
        let mut out = Vec::new();
        compress(payload, window_bits, &mut out);
        let mut whole = Vec::with_capacity(payload.len() + 1);
        let mut codec = flate2::Decompress::new(false);
        codec.decompress_vec(&[&out[..], &TAIL].concat(), &mut whole, flate2::FlushDecompress::None).unwrap();
        assert_eq!(whole, payload);
        assert_eq!(codec.total_in(), (out.len() + TAIL.len()) as u64);
        out
    }

    /// Bytes without repetition of four.
    fn noise(length: usize) -> Vec<u8> {
        let mut n = 1_u32;
        let mut next = || {
            n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            n.to_be_bytes()[0]
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn rfc1951_3_2_5_each_length_and_distance_has_its_code() {
        for length in 4..=600 {
            compressed(&[&b"abcd"[..], &vec![b'd'; length]].concat(), 15);
        }
        let distances =
            (4..600).chain((600..32_768).step_by(61)).chain([16_384, 16_385, 24_576, 24_577, 32_767, 32_768]);
        for distance in distances {
            let noise = noise(distance);
            compressed(&[&noise[..], &noise[..distance.min(20)]].concat(), 15);
        }
    }

    #[test]
    fn rfc7692_7_1_2_nothing_is_repeated_from_beyond_the_window() {
        for bits in 8..=15 {
            let repeated_after = |distance: usize| {
                // Zeros between, which leave the table as it is.
                let mut message = [&noise(40)[..], &vec![0; distance - 40]].concat();
                let before = compressed(&message, bits).len();
                message.extend_from_within(..40);
                compressed(&message, bits).len() - before
            };
            let window = 1 << bits;
            assert!(repeated_after(window) < 10, "{bits}: {}", repeated_after(window));
            assert!(repeated_after(window + 1) > 30, "{bits}: {}", repeated_after(window + 1));
        }
    }

    #[test]
    fn it_compresses_as_well_as_zlib_at_level_1() {
        let mut codec = flate2::Compress::new(flate2::Compression::new(1), false);
        for records in [1, 10, 100, 700_u64] {
            let json: String = (0..records)
                .map(|n| {
                    format!(r#"{{"id":"{:016x}","room":"room-{}","price":{}}},"#, n * n * 77_777, n % 31, n * 7_919)
                })
                .collect();
            let mut zlib = Vec::with_capacity(json.len() * 2);
            codec.reset();
            codec.compress_vec(json.as_bytes(), &mut zlib, flate2::FlushCompress::Sync).unwrap();
            let quick = compressed(json.as_bytes(), 15).len();
            assert!(quick * 100 <= zlib.len() * 106, "{quick} against {} of {}", zlib.len(), json.len());
        }
    }

    #[test]
    fn the_longest_message_is_whole() {
        for length in [0, 1, 3, 4, 5, MAX_LENGTH - 1, MAX_LENGTH] {
            compressed(&noise(length), 15);
            compressed(&vec![7; length], 15);
        }
    }
}
