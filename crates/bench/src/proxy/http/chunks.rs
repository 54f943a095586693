//! Where a chunked body ends (RFC 9112 §7.1).

/// Not a chunked body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Looks for the end of a chunked body. Nothing is kept, so no line of it has a bound.
///
/// ```text
///   Size ──LF, not 0──→ Data ──its last byte──→ DataEnd ──LF──→ Size
///     │
///     └──LF, 0──→ Trailers ──an empty line──→ the body ends
/// ```
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chunks {
    /// In the line with the size; `None` as long as no digit came.
    Size { size: Option<u64>, in_extension: bool },
    /// So many bytes of data are to come.
    Data(u64),
    /// In the line end after the data.
    DataEnd,
    /// In the trailers, and whether their line has something in it.
    Trailers { line_has_text: bool },
}

const NEW_LINE: Chunks = Chunks::Size { size: None, in_extension: false };

impl Chunks {
    pub(super) const fn new() -> Self {
        NEW_LINE
    }

    /// How many bytes of `input` belong to the body, and whether it ends with them.
    pub(super) fn advance(&mut self, input: &[u8]) -> Result<(usize, bool), Malformed> {
        let mut at = 0;
        while at < input.len() {
            if let Self::Data(left) = self {
                let passed = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len() - at);
                at += passed;
                *left -= passed as u64;
                if *left == 0 {
                    *self = Self::DataEnd;
                }
                continue;
            }
            let byte = input[at];
            at += 1;
            if *self == (Self::Trailers { line_has_text: false }) && byte == b'\n' {
                return Ok((at, true));
            }
            self.step(byte)?;
        }
        Ok((at, false))
    }

    fn step(&mut self, byte: u8) -> Result<(), Malformed> {
        *self = match (&*self, byte) {
            (Self::Size { size: Some(0), .. }, b'\n') => Self::Trailers { line_has_text: false },
            (Self::Size { size: Some(size), .. }, b'\n') => Self::Data(*size),
            (Self::Size { size: Some(size), in_extension: true }, _) => {
                Self::Size { size: Some(*size), in_extension: true }
            }
            (Self::Size { size: Some(size), .. }, b';' | b' ' | b'\t' | b'\r') => {
                Self::Size { size: Some(*size), in_extension: true }
            }
            (Self::Size { size, .. }, byte) => {
                let digit = char::from(byte).to_digit(16).ok_or(Malformed)?;
                let size = size.unwrap_or(0).checked_mul(16).ok_or(Malformed)? + u64::from(digit);
                Self::Size { size: Some(size), in_extension: false }
            }
            (Self::DataEnd, b'\r') => Self::DataEnd,
            (Self::DataEnd, b'\n') => NEW_LINE,
            (Self::DataEnd, _) => return Err(Malformed),
            (Self::Trailers { line_has_text }, b'\r') => Self::Trailers { line_has_text: *line_has_text },
            (Self::Trailers { .. }, byte) => Self::Trailers { line_has_text: byte != b'\n' },
            (Self::Data(left), _) => Self::Data(*left),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends_at(body: &str) -> Result<Option<usize>, Malformed> {
        // However it is split, it says the same.
        let mut whole = Chunks::new();
        let expected = whole.advance(body.as_bytes()).map(|(at, ends)| ends.then_some(at));
        for split in 0..=body.len() {
            let mut chunks = Chunks::new();
            let (head, tail) = body.as_bytes().split_at(split);
            let found = chunks.advance(head).and_then(|(at, ends)| match ends {
                true => Ok(Some(at)),
                false => chunks.advance(tail).map(|(at, ends)| ends.then_some(split + at)),
            });
            assert_eq!(found, expected, "{body:?} split at {split}");
        }
        expected
    }

    /// RFC 9112 §7.1: the last chunk has size 0, and an empty line ends the trailers.
    #[test]
    fn a_body_ends_with_the_last_chunk_and_its_trailers() {
        for body in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "00000000005;a=\"1\"\r\nhello\r\n0;b\r\n\r\n",
            "A \r\n0\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n",
            "1\r\nx\r\n0\r\nX-Sum: 1\r\nX-B: 2\r\n\r\n",
            "1\nx\n0\n\n",
        ] {
            assert_eq!(ends_at(body), Ok(Some(body.len())), "{body:?}");
            assert_eq!(ends_at(&format!("{body}HTTP/1.1")), Ok(Some(body.len())), "{body:?}");
            assert_eq!(ends_at(&body[..body.len() - 1]), Ok(None), "{body:?}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_told() {
        for body in ["\r\n", "x\r\n", "-1\r\n", "1\r\nxx\r\n", ";a\r\n", "fffffffffffffffff\r\n"] {
            assert_eq!(ends_at(body), Err(Malformed), "{body:?}");
        }
        assert_eq!(ends_at("ffffffffffffffff\r\nx"), Ok(None));
    }
}
