//! An event stream. First byte: the bound on an event, in 16 bytes; second: the cut. Then the stream.
#![no_main]

use bowline_core::{
    event_stream::{ParseError, Parser, Piece, message},
    session::{ClientRecord, ServerRecord, events},
};
use libfuzzer_sys::fuzz_target;

fn see(max: usize, pieces: &[&[u8]]) -> (Vec<Piece>, Result<(), ParseError>) {
    let (mut parser, mut seen) = (Parser::new(max), Vec::new());
    for piece in pieces {
        parser.push(piece);
        loop {
            match parser.next() {
                Ok(Some(piece)) => seen.push(piece),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(parser.next(), Err(error));
                    return (seen, Err(error));
                }
            }
        }
    }
    (seen, Ok(()))
}

fuzz_target!(|data: &[u8]| {
    let Some(([max, cut], data)) = bowline_fuzz::head(data) else { return };
    let max = usize::from(max) * 16;
    let whole = see(max, &[data]);
    assert_eq!(see(max, &bowline_fuzz::pieces(data, cut)), whole);
    assert_eq!(see(max, &bowline_fuzz::pieces(data, 1)), whole);
    for piece in whole.0 {
        let Piece::Event(event) = piece else { continue };
        assert!(event.name.len() + event.data.len() <= max);
        let _ = (events::read::<ClientRecord>(&event), events::read::<ServerRecord>(&event));
        // A message that was read is written, and read the same again.
        let Ok(Some(sent)) = event.message() else { continue };
        let mut out = Vec::new();
        message(&mut out, None, &sent);
        let (again, _) = see(usize::MAX, &[&out]);
        let [Piece::Event(again)] = &again[..] else { panic!("one event") };
        assert_eq!(again.message(), Ok(Some(sent)));
    }
});
