//! The client's side: RFC 6455 §4.1.

use http::{
    HeaderName, HeaderValue,
    header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, ORIGIN, SEC_WEBSOCKET_KEY, TRANSFER_ENCODING, UPGRADE},
};

use super::{
    super::{ClientRequest, HandshakeError, MAX_OFFERS, MAX_REFUSED_BODY, RefusedResponse, RequestError},
    ANSWER, KEY, changed, client, head, read_answer, reader, request,
};
use crate::{Limits, Role};

fn text(client: &ClientRequest) -> String {
    String::from_utf8(client.begin_with_key(&Limits::default(), KEY).0.to_vec()).unwrap()
}

#[test]
fn rfc6455_4_1_request() {
    let client = ClientRequest::new("ws://server.example.com/chat?room=1").unwrap();
    let client = client.header(ORIGIN, HeaderValue::from_static("http://example.com")).unwrap();
    let expected = "GET /chat?room=1 HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
                    Sec-WebSocket-Protocol: chat, superchat\r\norigin: http://example.com\r\n\r\n";
    let client = client.subprotocols(["chat", "superchat"]).unwrap();
    assert_eq!(text(&client), expected);
    // The two ends understand each other.
    assert_eq!(request(text(&client).as_bytes()).subprotocols().collect::<Vec<_>>(), ["chat", "superchat"]);
}

/// RFC 6455 §4.1 point 7: a fresh key each time.
#[test]
fn rfc6455_4_1_keys_are_fresh() {
    let client = client();
    let keys = (0..64).map(|_| client.begin(&Limits::default()).0).collect::<std::collections::HashSet<_>>();
    assert_eq!(keys.len(), 64);
    for bytes in keys {
        request(&bytes);
    }
}

#[test]
fn rfc6455_3_uris() {
    // URI, host, port, `Host`, target, TLS
    let table = [
        ("ws://example.com", "example.com", 80, "example.com", "/", false),
        ("wss://example.com", "example.com", 443, "example.com", "/", true),
        ("http://example.com/a", "example.com", 80, "example.com", "/a", false),
        ("HTTPS://example.com/a?b", "example.com", 443, "example.com", "/a?b", true),
        ("ws://example.com:80/", "example.com", 80, "example.com", "/", false),
        ("ws://example.com:443", "example.com", 443, "example.com:443", "/", false),
        ("wss://example.com:9/", "example.com", 9, "example.com:9", "/", true),
        ("ws://example.com?a=b", "example.com", 80, "example.com", "/?a=b", false),
        ("ws://[::1]/", "::1", 80, "[::1]", "/", false),
        ("ws://[::1]:8080/", "::1", 8080, "[::1]:8080", "/", false),
        ("ws://127.0.0.1:1", "127.0.0.1", 1, "127.0.0.1:1", "/", false),
    ];
    for (uri, host, port, host_header, target, secure) in table {
        let client = ClientRequest::new(uri).unwrap();
        assert_eq!((client.host(), client.port(), client.is_secure()), (host, port, secure), "{uri}");
        let expected = format!("GET {target} HTTP/1.1\r\nHost: {host_header}\r\n");
        assert!(text(&client).starts_with(&expected), "{uri}: {}", text(&client));
    }
    let table = [
        ("", RequestError::InvalidUri),
        ("/path", RequestError::InvalidUri),
        ("example.com", RequestError::InvalidUri),
        ("ws:///path", RequestError::InvalidUri),
        ("ws://", RequestError::InvalidUri),
        ("ws://:80/", RequestError::InvalidUri),
        ("ws://a b/", RequestError::InvalidUri),
        ("ws://a:99999/", RequestError::InvalidUri),
        ("ws://a:0/", RequestError::InvalidUri),
        ("ws://a/\r\nX: y", RequestError::InvalidUri),
        ("ftp://a/", RequestError::Scheme("ftp".into())),
        ("ws://a/#b", RequestError::Fragment),
        ("ws://a%zz@b/", RequestError::UserInfo),
        ("ws://a%3ab:c@b/", RequestError::UserInfo),
        ("ws://a:%0d%0a@b/", RequestError::UserInfo),
        ("ws://a:%ff@b/", RequestError::UserInfo),
    ];
    for (uri, expected) in table {
        assert_eq!(ClientRequest::new(uri).map(|_| ()).unwrap_err(), expected, "{uri}");
    }
}

/// RFC 7617 §2, whose example this is.
#[test]
fn rfc7617_2_user_information_becomes_basic() {
    let client = ClientRequest::new("ws://Aladdin:open%20sesame@example.com/").unwrap();
    assert!(text(&client).contains("\r\nHost: example.com\r\n"));
    assert!(text(&client).contains("\r\nauthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
    assert!(!format!("{client:?}").contains("QWxhZGRpbjpv"), "{client:?}");
    let bearer = client.header(AUTHORIZATION, HeaderValue::from_static("Bearer x")).unwrap();
    assert!(text(&bearer).contains("\r\nauthorization: Bearer x\r\n") && !text(&bearer).contains("Basic"));
    assert!(text(&ClientRequest::new("ws://a@b/").unwrap()).contains("Basic YTo=\r\n"));
}

#[test]
fn h6_headers_of_the_caller() {
    let value = HeaderValue::from_static("x");
    for name in [HOST, UPGRADE, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, SEC_WEBSOCKET_KEY] {
        let error = client().header(name.clone(), value.clone()).unwrap_err();
        assert!(matches!(error, RequestError::ReservedHeader(error) if *error.name() == name));
    }
    // H6: a value can't be made that would break out of its line.
    assert!(HeaderValue::from_str("x\r\nHost: y").is_err() && HeaderName::from_bytes(b"x\r\n").is_err());
}

#[test]
fn rfc6455_4_1_point_10_subprotocols() {
    for names in [&["a b"][..], &[""], &["a,b"], &["a", "a"], &["\u{e9}"]] {
        assert!(matches!(client().subprotocols(names), Err(RequestError::InvalidSubprotocol(_))), "{names:?}");
    }
    let names = (0..=MAX_OFFERS).map(|number| format!("p{number}")).collect::<Vec<_>>();
    assert!(client().subprotocols(&names[..MAX_OFFERS]).is_ok());
    assert_eq!(client().subprotocols(&names).map(|_| ()).unwrap_err(), RequestError::TooManySubprotocols);
}

#[test]
fn rfc6455_4_1_answer() {
    let mut bytes = changed(&ANSWER, "", &["X-Id: 7"]);
    let length = bytes.len();
    bytes.extend_from_slice(b"\x81\x02hi");
    let (response, negotiated, used) = read_answer(&client(), &bytes).unwrap().unwrap();
    assert_eq!((used, negotiated.role()), (length, Role::Client));
    assert_eq!(response.headers()["x-id"], "7");
}

/// H7: status, Upgrade, Connection and Accept, all four.
#[test]
fn h7_answers_that_fail_the_connection() {
    let table: &[(&str, &[&str], &str)] = &[
        ("Upgrade", &["Upgrade: WebSocket"], "Ok"),
        ("Upgrade", &[], "MissingUpgrade"),
        ("Upgrade", &["Upgrade: h2c"], "MissingUpgrade"),
        ("Upgrade", &["Upgrade: websocket, h2c"], "MissingUpgrade"),
        ("none", &["Upgrade: websocket"], "MissingUpgrade"),
        ("Connection", &["Connection: keep-alive, upgrade"], "Ok"),
        ("Connection", &["Connection: keep-alive"], "MissingConnection"),
        ("Connection", &[], "MissingConnection"),
        ("Sec-WebSocket-Accept", &[], "WrongAccept"),
        ("Sec-WebSocket-Accept", &["Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo="], "WrongAccept"),
        ("Sec-WebSocket-Accept", &["Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ=="], "WrongAccept"),
        ("none", &["Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="], "WrongAccept"),
        ("HTTP", &[], "NotHttp"),
        ("none", &["Sec-WebSocket-Protocol: chat"], "Ok"),
        ("none", &["Sec-WebSocket-Protocol: Chat"], "UnofferedSubprotocol"),
        ("none", &["Sec-WebSocket-Protocol: chat, other"], "UnofferedSubprotocol"),
        ("none", &["Sec-WebSocket-Protocol:"], "UnofferedSubprotocol"),
        ("none", &["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: chat"], "UnofferedSubprotocol"),
        ("none", &["Sec-WebSocket-Extensions: permessage-deflate"], "UnofferedExtension"),
        ("none", &["X: \u{e9}"], "Ok"),
        ("none", &["X: \u{7}"], "NotHttp"),
    ];
    for (replace, with, expected) in table {
        let client = client().subprotocols(["other", "chat"]).unwrap();
        let result = read_answer(&client, &changed(&ANSWER, replace, with)).map(|answer| answer.unwrap().1);
        assert!(format!("{result:?}").trim_start_matches("Err(").starts_with(expected), "{with:?}: {result:?}");
    }
    let mut old = ANSWER;
    old[0] = "HTTP/1.0 101 Switching Protocols";
    assert!(matches!(read_answer(&client(), &head(&old)), Err(HandshakeError::Version)));
    // Nobody asked for one.
    let chosen = changed(&ANSWER, "", &["Sec-WebSocket-Protocol: chat"]);
    assert!(matches!(read_answer(&client(), &chosen), Err(HandshakeError::UnofferedSubprotocol(_))));
}

#[test]
fn rfc9110_15_2_interim_answers_are_read_past() {
    let mut bytes = head(&["HTTP/1.1 100 Continue"]);
    bytes.extend_from_slice(&head(&["HTTP/1.1 103 Early Hints", "Link: </a>"]));
    bytes.extend_from_slice(&head(&ANSWER));
    assert_eq!(read_answer(&client(), &bytes).unwrap().unwrap().2, bytes.len());
}

fn refused(bytes: &[&[u8]], eof: bool) -> Option<RefusedResponse> {
    let mut reader = reader(&client());
    let error = bytes.iter().find_map(|piece| reader.receive(piece).err());
    let error = error.or_else(|| eof.then(|| reader.receive_eof()))?;
    match error {
        HandshakeError::Refused(response) => Some(*response),
        other => panic!("{other:?}"),
    }
}

/// A refusal is told with status, headers and the start of its body, as soon as that is there.
#[test]
fn a_refused_upgrade_is_reported() {
    let counted = head(&["HTTP/1.1 403 Forbidden", "Content-Length: 5", "X-Why: origin"]);
    assert!(refused(&[&counted, b"no"], false).is_none());
    let response = refused(&[&counted, b"no", b"pe!ignored"], false).unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["x-why"]), (403, &HeaderValue::from_static("origin")));
    assert_eq!(response.body(), "nope!");
    assert_eq!(response.to_string(), "the server answered 403 Forbidden instead of opening a WebSocket: nope!");

    let uncounted = head(&["HTTP/1.0 500 Oops"]);
    assert!(refused(&[&uncounted, b"broken"], false).is_none());
    assert_eq!(refused(&[&uncounted, b"broken"], true).unwrap().body(), "broken");
    for bodiless in ["HTTP/1.1 204 No Content", "HTTP/1.1 304 Not Modified"] {
        assert_eq!(refused(&[&head(&[bodiless])], false).unwrap().body(), "");
    }
    assert_eq!(refused(&[&head(&["HTTP/1.1 200 OK", "Content-Length: 0"])], false).unwrap().status(), 200);
}

#[test]
fn rfc9112_7_1_a_refusals_chunks_are_joined() {
    let chunked = head(&["HTTP/1.1 502 Bad Gateway", "Transfer-Encoding: chunked"]);
    let body = b"3;x=y\r\nbad\r\n0a\r\n gateway..\r\n0\r\n\r\n";
    assert_eq!(refused(&[&chunked, body], false).unwrap().body(), "bad gateway..");
    // What isn't chunked after all ends the body.
    for (body, expected) in [(&b"3\r\nbadX"[..], "bad"), (b"x", ""), (b"ffffffffffffffffff\r\n", "")] {
        assert_eq!(refused(&[&chunked, body], false).unwrap().body(), expected);
    }
}

#[test]
fn a_refusals_body_is_kept_up_to_the_limit() {
    let endless = head(&["HTTP/1.1 404 Not Found"]);
    let chunked = head(&["HTTP/1.1 404 Not Found", "Transfer-Encoding: chunked"]);
    for (head, framing) in [(&endless, ""), (&chunked, "fffff\r\n")] {
        for size in [MAX_REFUSED_BODY - 1, MAX_REFUSED_BODY, MAX_REFUSED_BODY + 1] {
            let body = [framing.as_bytes(), &vec![b'x'; size]].concat();
            let response = refused(&[head, &body], false);
            assert_eq!(response.map(|it| it.body().len()), (size >= MAX_REFUSED_BODY).then_some(MAX_REFUSED_BODY));
        }
    }
}

#[test]
fn an_answer_that_ends_early() {
    assert!(matches!(reader(&client()).receive_eof(), HandshakeError::Eof));
    assert!(matches!(reader(&client()).receive_timeout(), HandshakeError::Timeout));
    let mut reader = reader(&client());
    reader.receive(&head(&["HTTP/1.1 503 Busy"])).unwrap();
    assert_eq!(reader.receive_timeout().refused().unwrap().status(), 503);
}

/// What a server writes goes to a log or a terminal: one line, nothing that a terminal obeys.
#[test]
fn a_hostile_body_is_escaped() {
    let head = head(&["HTTP/1.1 403 Forbidden", "Content-Length: 12"]);
    let text = refused(&[&head, b"\n\x1b[31mred\r\n..."], true).unwrap().to_string();
    assert!(text.ends_with(r": \u{1b}[31mred") && !text.contains('\x1b'), "{text}");
}
