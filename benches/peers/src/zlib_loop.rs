//! What zlib alone needs for a deflate echo: each message of the load generator inflated and compressed again, with one codec
//! for all and no context takeover. No sockets, no frames.
//!
//! ```text
//! zlib-loop [SECONDS [LEVEL]]
//! ```
//!
//! Level 1 unless told: Bowline's default. The output is the part of the load generator's JSON report that the figures read.

use bowline_bench::{Content, payload};
use flate2::{Compress, Compression, Decompress, DecompressError, FlushCompress, FlushDecompress};
use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use std::time::{Duration, Instant};

/// Bytes of a message, as in the cell `deflate`.
const SIZE: usize = 1024;
/// What RFC 7692 §7.2.1 leaves out on the wire.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let seconds: f64 = args.next().map_or(Ok(2.0), |seconds| seconds.parse())?;
    let level: u32 = args.next().map_or(Ok(1), |level| level.parse())?;
    if level > 9 {
        return Err("levels are 0 to 9".into());
    }
    let sent: Vec<Vec<u8>> = (0..30).map(|index| payload(Content::Json, SIZE, index)).collect();
    let mut client = Compress::new(Compression::default(), false);
    let mut compress = |message: &Vec<u8>| {
        let mut wire = Vec::with_capacity(2 * SIZE);
        client.reset();
        client.compress_vec(message, &mut wire, FlushCompress::Sync).map(|_| wire)
    };
    let wires = sent.iter().map(&mut compress).collect::<Result<Vec<_>, _>>()?;

    let (mut inflater, mut deflater) = (Decompress::new(false), Compress::new(Compression::new(level), false));
    let (mut message, mut answer) = (Vec::with_capacity(2 * SIZE), Vec::with_capacity(2 * SIZE));
    let end = Instant::now() + Duration::try_from_secs_f64(seconds)?;
    let (start, mut count) = (cpu_seconds(), 0_u32);
    while Instant::now() < end {
        for (wire, sent) in wires.iter().zip(&sent) {
            inflate(&mut inflater, wire, &mut message)?;
            answer.clear();
            deflater.reset();
            deflater.compress_vec(&message, &mut answer, FlushCompress::Sync)?;
            if message != *sent || !answer.ends_with(&TAIL) {
                return Err("a message came out different".into());
            }
            count += 1;
        }
    }
    let per_cpu_second = f64::from(count) / (cpu_seconds() - start);
    println!(r#"{{"server":{{"per_cpu_second":{per_cpu_second}}},"verdict":"fine"}}"#);
    Ok(())
}

fn inflate(codec: &mut Decompress, wire: &[u8], message: &mut Vec<u8>) -> Result<(), DecompressError> {
    message.clear();
    codec.reset(false);
    codec.decompress_vec(wire, message, FlushDecompress::Sync).map(|_| ())
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // Days at most: the numbers fit.
    f64::from(u32::try_from(time.tv_sec).unwrap_or(0)) + f64::from(u32::try_from(time.tv_nsec).unwrap_or(0)) / 1e9
}
