//! What other implementations let pass, each by name (conformance.md, "Lapses seen in others"). Those of the opening
//! handshake that need its insides are in the handshake's own tests.

use bowline_core::{
    Limits, Role,
    handshake::{Acceptance, Negotiated, Refusal, RequestReader},
    message::deflate::DeflateConfig,
};

use crate::common::{BINARY, CLOSE, CONTINUATION, FIN, Setup, TEXT, frame, frame_masked};

const REQUEST: [&str; 6] = [
    "GET /chat HTTP/1.1",
    "Host: example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];

/// The request with the line that starts like `line` put in place of its own, `""` for none.
fn request(name: &str, line: &str) -> Vec<u8> {
    let lines = REQUEST.into_iter().map(|own| if own.starts_with(name) { line } else { own });
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes()
}

/// What a server that takes permessage-deflate answers, the request cut into pieces of `size` bytes.
fn answer(bytes: &[u8], size: usize) -> Result<(String, Negotiated), Refusal> {
    let mut reader = RequestReader::new(&Limits::default());
    for piece in bytes.chunks(size) {
        if let Some((request, _)) = reader.receive(piece)? {
            let config = DeflateConfig::default();
            let (bytes, negotiated) = request.accept(&Acceptance::new().deflate(Some(&config))).unwrap();
            return Ok((String::from_utf8(bytes.to_vec()).unwrap(), negotiated));
        }
    }
    panic!("the request is whole")
}

fn status(bytes: &[u8]) -> u16 {
    answer(bytes, usize::MAX).map_or_else(|refusal| refusal.status().as_u16(), |_| 101)
}

// aiohttp, fastwebsockets
#[test]
fn an_unmasked_client_frame_is_not_echoed() {
    let seen = Setup::new(Role::Server).see(&frame_masked(false, FIN | TEXT, b"Hello"), &[]);
    assert!(seen.events.is_empty());
    assert_eq!(seen.close_codes(), [1002]);
}

// fastwebsockets
#[test]
fn text_cut_inside_a_character_is_refused_at_the_last_fragment() {
    let setup = Setup::new(Role::Server);
    let fragments =
        |last: &[u8]| [frame(Role::Client, TEXT, b"\xe2"), frame(Role::Client, FIN | CONTINUATION, last)].concat();
    for last in [&b"\x82"[..], b"", b"a"] {
        let seen = setup.see(&fragments(last), &[]);
        assert!(seen.events.is_empty());
        assert_eq!(seen.close_codes(), [1007]);
    }
    assert_eq!(setup.see(&fragments(b"\x82\xac"), &[]).messages(), ["€".into()]);
}

// RFC 6455 §8.1, Autobahn 6.4: at once, not at the message's end.
#[test]
fn text_is_refused_at_its_first_bad_byte() {
    let mut text = frame(Role::Server, FIN | TEXT, &[b'a'; 50_000]);
    text[1_000] = 0xff;
    assert_eq!(Setup::new(Role::Client).see(&text[..1_001], &[]).close_codes(), [1007]);
    assert_eq!(Setup::new(Role::Client).see(&text[..1_000], &[]).error, None);
}

// tungstenite drops the connection without a word.
#[test]
fn every_failure_is_told_in_a_close_frame() {
    let past_limit = crate::common::header(Role::Client, FIN | BINARY, 1 << 30);
    for (bytes, code) in [(past_limit, 1009), (vec![0xff, 0xff], 1002), (frame(Role::Client, 0x83, b""), 1002)] {
        assert_eq!(Setup::new(Role::Server).see(&bytes, &[]).close_codes(), [code]);
    }
}

// aiohttp
#[test]
fn close_1006_in_a_frame_is_refused() {
    for code in [1005_u16, 1006, 1015] {
        let seen = Setup::new(Role::Server).see(&frame(Role::Client, FIN | CLOSE, &code.to_be_bytes()), &[]);
        assert_eq!((seen.close_codes(), seen.events.len()), (vec![1002], 0));
    }
}

// aiohttp
#[test]
fn close_is_answered_with_its_own_code() {
    for code in [1001_u16, 1011, 3999, 4000] {
        let seen = Setup::new(Role::Server).see(&frame(Role::Client, FIN | CLOSE, &code.to_be_bytes()), &[]);
        assert_eq!(seen.close_codes(), [code]);
    }
}

// tungstenite
#[test]
fn a_handshake_that_comes_a_byte_at_a_time_is_accepted() {
    let bytes = request("Host", "Host: example.com");
    let (whole, negotiated) = answer(&bytes, usize::MAX).unwrap();
    assert!(whole.starts_with("HTTP/1.1 101 "));
    assert_eq!(answer(&bytes, 1).unwrap(), (whole, negotiated));
}

// fastwebsockets, tokio-websockets
#[test]
fn upgrades_need_get_and_both_headers() {
    assert_eq!(status(&request("GET", "POST /chat HTTP/1.1")), 405);
    for (name, line) in [
        ("Upgrade", ""),
        ("Upgrade", "Upgrade: h2c"),
        ("Connection", ""),
        ("Connection", "Connection: keep-alive"),
        ("Connection", "Connection: close, upgraded"),
    ] {
        let status = status(&request(name, line));
        assert!(matches!(status, 400 | 426), "{line}: {status}");
    }
}

// ws
#[test]
fn http_1_0_and_a_missing_host_are_refused() {
    let status_of_1_0 = status(&request("GET", "GET /chat HTTP/1.0"));
    assert!(matches!(status_of_1_0, 400 | 426 | 505), "{status_of_1_0}");
    assert_eq!(status(&request("Host", "")), 400);
}

// ws: a bad offer is declined, not answered; the good one beside it is accepted.
#[test]
fn a_window_of_08_bits_is_declined_and_a_mixed_list_of_offers_is_read() {
    let with = |offers: &str| request("Host", &format!("Host: example.com\r\nSec-WebSocket-Extensions: {offers}"));
    let deflate = |offers: &str| answer(&with(offers), usize::MAX).unwrap().1.deflate();
    assert_eq!(deflate("permessage-deflate; server_max_window_bits=08"), None);
    assert_eq!(deflate("permessage-deflate; server_max_window_bits=7"), None);
    assert!(deflate("permessage-deflate; server_max_window_bits=08, permessage-deflate").is_some());
    assert!(deflate("x-unknown; a=b, permessage-deflate; nonsense, permessage-deflate").is_some());
}

// python websockets
#[test]
fn another_version_is_answered_with_426_and_the_one_that_is_spoken() {
    for version in ["12", "14", "8"] {
        let request = request("Sec-WebSocket-Version", &format!("Sec-WebSocket-Version: {version}"));
        let refusal = answer(&request, usize::MAX).unwrap_err();
        assert_eq!(refusal.status().as_u16(), 426);
        let response = String::from_utf8(refusal.to_bytes().to_vec()).unwrap();
        assert!(response.to_ascii_lowercase().contains("\r\nsec-websocket-version: 13\r\n"), "{response}");
    }
}
