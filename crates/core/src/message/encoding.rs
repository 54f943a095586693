//! One encoding of a message for all connections that are alike.

use super::{
    Message,
    deflate::{Deflate, Sort},
};
use crate::{
    error::Error,
    frame::{Header, Opcode},
};

/// How a server's frames look on a connection, where that depends on nothing but what the handshake agreed on: all
/// connections with the same encoding can be given the same bytes.
///
/// [`Connection::shared_encoding`](crate::connection::Connection::shared_encoding) tells a connection's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    deflated: Option<Deflated>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Deflated {
    sort: Sort,
    threshold: usize,
}

impl Encoding {
    /// Frames as RFC 6455 alone has them.
    pub const PLAIN: Self = Self { deflated: None };

    /// The encoding of a connection with `deflate`; `None` where it depends on the messages before.
    pub(crate) fn with(deflate: &Deflate) -> Option<Self> {
        let threshold = deflate.threshold();
        deflate.shared_sort().map(|sort| Self { deflated: Some(Deflated { sort, threshold }) })
    }

    /// Appends a message as one frame of a server.
    ///
    /// # Errors
    /// [`Error::Io`] where the codec itself is at fault; `out` is as it was.
    pub fn encode(self, message: &Message, out: &mut Vec<u8>) -> Result<(), Error> {
        let payload = message.as_bytes();
        match self.deflated.map(|Deflated { sort, threshold }| Deflate::shared(sort, threshold)) {
            Some(mut deflate) if deflate.should_compress(payload.len()) => {
                let mut compressed = crate::buffer::borrow_write_buffer();
                let result = deflate.compress(payload, true, &mut compressed);
                if result.is_ok() {
                    append(message, true, &compressed, out);
                }
                crate::buffer::return_write_buffer(compressed);
                result
            }
            _ => {
                append(message, false, payload, out);
                Ok(())
            }
        }
    }
}

fn append(message: &Message, rsv1: bool, payload: &[u8], out: &mut Vec<u8>) {
    let opcode = Opcode::from(message.kind());
    out.reserve(Header::MAX_SIZE + payload.len());
    Header { fin: true, rsv1, opcode, mask: None, len: payload.len() as u64 }.encode(out);
    out.extend_from_slice(payload);
}
