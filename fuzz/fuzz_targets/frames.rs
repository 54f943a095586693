//! An end and the bytes of its peer. First byte: the role, permessage-deflate, messages in pieces; second: the cut.
#![no_main]

use bowline_core::{Role, connection::Connection};
use libfuzzer_sys::fuzz_target;

fn end(flags: u8) -> Connection {
    let role = if flags & 1 == 0 { Role::Server } else { Role::Client };
    bowline_fuzz::end(role, (flags & 2 != 0).then_some(flags & 4 != 0))
}

fuzz_target!(|data: &[u8]| {
    let Some(([flags, cut], bytes)) = bowline_fuzz::head(data) else { return };
    let whole = bowline_fuzz::see(end(flags), &[bytes]);
    assert_eq!(bowline_fuzz::see(end(flags), &bowline_fuzz::pieces(bytes, cut)), whole);
    assert_eq!(bowline_fuzz::see(end(flags), &bowline_fuzz::pieces(bytes, 1)), whole);
    assert_eq!(bowline_fuzz::see_by(end(flags), &bowline_fuzz::pieces(bytes, cut), true), whole);
    // In pieces the cuts show in the events; nothing may panic, and text is whole characters.
    let mut in_pieces = end(flags);
    in_pieces.receive_in_pieces(true);
    for event in bowline_fuzz::see(in_pieces, &bowline_fuzz::pieces(bytes, cut)).0 {
        if let bowline_core::connection::Event::Piece(piece) = event
            && piece.kind == bowline_core::message::Kind::Text
        {
            assert!(std::str::from_utf8(&piece.data).is_ok());
        }
    }
});
