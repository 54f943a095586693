//! Compressing messages before a run, and inflating answers in it (RFC 7692 §7.2).

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// What ends a message's compressed form and is left out on the wire (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Compresses one message by itself: without a context, as either side may (RFC 7692 §7.1.1).
pub(crate) fn compress(payload: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut codec = Compress::new(Compression::default(), false);
    // Stored blocks, the worst case, add five bytes to each 16 KiB; and a flush needs a few.
    let mut out = Vec::with_capacity(payload.len() + payload.len() / 1024 + 64);
    codec.compress_vec(payload, &mut out, FlushCompress::Sync).map_err(|_| "compressing failed")?;
    if codec.total_in() != payload.len() as u64 || !out.ends_with(&TAIL) {
        return Err("compressing did not end");
    }
    out.truncate(out.len() - TAIL.len());
    Ok(out)
}

/// Inflates the answers on one connection.
#[derive(Debug)]
pub(crate) struct Inflater {
    codec: Decompress,
}

impl Inflater {
    pub(crate) fn new() -> Self {
        Self { codec: Decompress::new(false) }
    }

    /// Inflates one message into `out`, which is emptied first; at most `max` bytes of it.
    ///
    /// The context is kept: a server that does without refers to nothing in it.
    pub(crate) fn inflate(&mut self, payload: &[u8], out: &mut Vec<u8>, max: usize) -> Result<(), &'static str> {
        out.clear();
        out.reserve(max + 1);
        for part in [payload, &TAIL] {
            let mut rest = part;
            while !rest.is_empty() {
                let before = self.codec.total_in();
                let status = self
                    .codec
                    .decompress_vec(rest, out, FlushDecompress::Sync)
                    .map_err(|_| "an answer can't be inflated")?;
                let taken = usize::try_from(self.codec.total_in() - before).unwrap_or(rest.len());
                rest = &rest[taken..];
                if out.len() > max {
                    return Err("an answer inflates to more than was sent");
                }
                match status {
                    // RFC 7692 §7.2.3.5: a final block may end a message; what follows begins anew.
                    Status::StreamEnd => self.codec.reset(false),
                    _ if taken == 0 => return Err("an answer can't be inflated"),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Content, payload};

    #[test]
    fn messages_come_back() {
        let mut inflater = Inflater::new();
        let mut out = Vec::new();
        for index in 0..5 {
            let message = payload(Content::Json, 1024, index);
            let wire = compress(&message).unwrap();
            assert!(wire.len() < 512, "{}", wire.len());
            inflater.inflate(&wire, &mut out, 1024).unwrap();
            assert_eq!(out, message);
        }
    }

    #[test]
    fn too_long_and_broken_answers_are_errors() {
        let wire = compress(&payload(Content::Json, 1024, 0)).unwrap();
        let mut out = Vec::new();
        assert!(Inflater::new().inflate(&wire, &mut out, 1023).unwrap_err().contains("more"));
        assert!(Inflater::new().inflate(&[0xff; 20], &mut out, 1024).is_err());
    }
}
