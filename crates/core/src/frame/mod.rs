//! Frames on the wire (RFC 6455 §5): headers, masking, and a decoder that takes any split of the bytes.

mod decode;
mod header;
mod mask;
mod opcode;

pub use self::{
    decode::{Decoder, Payload},
    header::{Header, Peek},
    mask::{MaskingKey, apply_mask},
    opcode::Opcode,
};
