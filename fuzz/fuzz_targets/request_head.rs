//! A server and the head of a request. First byte: how the rest is cut.
#![no_main]

use bowline_core::{
    Limits,
    handshake::{Acceptance, RequestReader},
    message::deflate::DeflateConfig,
};
use libfuzzer_sys::fuzz_target;

/// What a server makes of it, as text, and how many bytes belonged to the head.
fn serve(pieces: &[&[u8]]) -> String {
    let limits = Limits::default().max_head_size(2_048).max_headers(16);
    let mut reader = RequestReader::new(&limits);
    let config = DeflateConfig::default();
    let mut taken = 0;
    for piece in pieces {
        match reader.receive(piece) {
            Ok(None) => taken += piece.len(),
            Ok(Some((request, used))) => {
                assert!(used <= piece.len() && taken + used <= 2_048);
                let subprotocol = request.subprotocols().next();
                let answer = request.accept(&Acceptance::new().subprotocol(subprotocol).deflate(Some(&config)));
                let (answer, _) = answer.expect("an offered subprotocol, and no further headers");
                assert!(answer.starts_with(b"HTTP/1.1 101 ") && answer.ends_with(b"\r\n\r\n"));
                return format!("{} {} {:?} {answer:?}", taken + used, request.uri(), request.headers());
            }
            Err(refusal) => {
                assert!(refusal.status().is_client_error() && refusal.to_bytes().ends_with(refusal.body().as_bytes()));
                return format!("{refusal:?}");
            }
        }
        assert!(taken <= 2_048, "a head past the limit is refused at once");
    }
    "not ended".to_owned()
}

fuzz_target!(|data: &[u8]| {
    let Some(([cut], bytes)) = bowline_fuzz::head(data) else { return };
    let whole = serve(&[bytes]);
    assert_eq!(serve(&bowline_fuzz::pieces(bytes, cut)), whole);
    assert_eq!(serve(&bowline_fuzz::pieces(bytes, 1)), whole);
});
