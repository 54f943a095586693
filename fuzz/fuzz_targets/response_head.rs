//! A client and the head of a response. First byte: how the rest is cut. Where its head has the `Sec-WebSocket-Accept` of
//! RFC 6455 §1.3, it gets the one that fits the client's own key, which is another one each time.
#![no_main]

use bowline_core::{
    Limits,
    handshake::{Acceptance, ClientRequest, RequestReader},
    message::deflate::DeflateConfig,
};
use libfuzzer_sys::fuzz_target;

const SAMPLE: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What a client makes of it, as text, and how many bytes belonged to the answer.
fn ask(client: &ClientRequest, bytes: &[u8], cut: u8) -> String {
    let limits = Limits::default().max_head_size(2_048).max_headers(16);
    let (request, mut reader) = client.begin(&limits);
    let accept = accept(&request);
    let mut bytes = bytes.to_vec();
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(0);
    if let Some(at) = bytes[..head].windows(SAMPLE.len()).position(|window| window == SAMPLE.as_bytes()) {
        bytes[at..at + SAMPLE.len()].copy_from_slice(accept.as_bytes());
    }
    let mut taken = 0;
    for piece in bowline_fuzz::pieces(&bytes, cut) {
        match reader.receive(piece) {
            Ok(None) => taken += piece.len(),
            Ok(Some((response, negotiated, used))) => {
                assert!(used <= piece.len());
                assert!(negotiated.subprotocol().is_none_or(|subprotocol| subprotocol == "chat"));
                return format!("{} {:?} {negotiated:?}", taken + used, response.headers()).replace(&accept, SAMPLE);
            }
            Err(error) => {
                assert!(error.refused().is_none_or(|refused| refused.body().len() <= 16 << 10));
                return format!("{error:?}").replace(&accept, SAMPLE);
            }
        }
    }
    format!("not ended: {:?}", reader.receive_eof()).replace(&accept, SAMPLE)
}

/// What a server would answer this request's key with.
fn accept(request: &[u8]) -> String {
    let read = RequestReader::new(&Limits::default()).receive(request);
    let (request, _) = read.expect("a good request").expect("a whole one");
    let (response, _) = request.accept_http(&Acceptance::new()).expect("nothing that could be wrong");
    response.headers()["sec-websocket-accept"].to_str().expect("base64").to_owned()
}

fuzz_target!(|data: &[u8]| {
    let Some(([cut], bytes)) = bowline_fuzz::head(data) else { return };
    let client = ClientRequest::new("ws://example.com/chat").and_then(|client| client.subprotocols(["chat"]));
    let client = client.expect("a good address").deflate(Some(DeflateConfig::default()));
    let whole = ask(&client, bytes, 0);
    assert_eq!(ask(&client, bytes, cut), whole);
    assert_eq!(ask(&client, bytes, 1), whole);
});
