//! Frames on the wire (RFC 6455 §5).

mod opcode;

pub use self::opcode::Opcode;
