//! A message encoded once for any number of connections.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;

use super::{
    Kind, Message,
    deflate::{Deflate, Sort},
};
use crate::{
    error::Error,
    frame::{Header, Opcode},
};

/// A message that is encoded to wire bytes once for each kind of connection it goes to: plain, and each set of
/// permessage-deflate parameters; lazily, at the first such connection. Cloning is O(1); clones share the bytes.
///
/// The bytes serve connections of servers, whose frames have no mask. A client encodes the message each time, as does a
/// server that agreed to context takeover: there the bytes depend on the messages before.
#[derive(Clone, Debug)]
pub struct Prepared(Arc<Variants>);

#[derive(Debug)]
struct Variants {
    message: Message,
    plain: OnceLock<Bytes>,
    /// At most one for each window size and level: a few tens where configurations differ, one in practice.
    deflated: Mutex<Vec<(Sort, Bytes)>>,
}

impl Prepared {
    /// The message, not yet encoded.
    #[must_use]
    pub fn new(message: impl Into<Message>) -> Self {
        Self(Arc::new(Variants { message: message.into(), plain: OnceLock::new(), deflated: Mutex::default() }))
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.0.message
    }

    /// The wire bytes without compression.
    pub(crate) fn plain(&self) -> Bytes {
        self.0.plain.get_or_init(|| encode(self.0.message.kind(), self.0.message.as_bytes(), false)).clone()
    }

    /// The wire bytes as compressed by `deflate`, which forgets its window after each message.
    pub(crate) fn deflated(&self, key: Sort, deflate: &mut Deflate) -> Result<Bytes, Error> {
        // Held while compressing: whoever else wants the same variant waits for it rather than making it again.
        let mut variants = self.0.deflated.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = variants.iter().find(|(of, _)| *of == key) {
            return Ok(bytes.clone());
        }
        let mut payload = Vec::new();
        deflate.compress(self.0.message.as_bytes(), true, &mut payload)?;
        let bytes = encode(self.0.message.kind(), &payload, true);
        variants.push((key, bytes.clone()));
        Ok(bytes)
    }
}

fn encode(kind: Kind, payload: &[u8], rsv1: bool) -> Bytes {
    let opcode = Opcode::from(kind);
    let mut bytes = Vec::with_capacity(payload.len() + Header::MAX_SIZE);
    Header { fin: true, rsv1, opcode, mask: None, len: payload.len() as u64 }.encode(&mut bytes);
    bytes.extend_from_slice(payload);
    bytes.into()
}
