//! The server's side: RFC 6455 §4.2.

use http::{
    HeaderValue, Method, StatusCode, Uri, Version,
    header::{CONNECTION, CONTENT_LENGTH, LOCATION, SEC_WEBSOCKET_ACCEPT, SERVER, SET_COOKIE, UPGRADE},
};

use super::{
    super::{AcceptError, Acceptance, MAX_OFFERS, Refusal, Request},
    LINES, changed, head, headers, read_request, request, status,
};

#[test]
fn rfc6455_1_3_example() {
    let (response, negotiated) = request(&head(&LINES)).accept(&Acceptance::new()).unwrap();
    let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    assert_eq!(response, expected);
    assert_eq!((negotiated.subprotocol(), negotiated.deflate()), (None, None));
}

#[test]
fn what_follows_the_head_is_not_taken() {
    let mut bytes = head(&LINES);
    let length = bytes.len();
    bytes.extend_from_slice(b"\x81\x80\0\0\0\0");
    assert_eq!(read_request(&bytes).unwrap().unwrap().1, length);
}

/// H2, H7: each required header left out, or there twice.
#[test]
fn rfc6455_4_2_1_required_headers() {
    for line in &LINES[1..] {
        let name = line.split(':').next().unwrap();
        assert_eq!(status(&changed(&LINES, name, &[])), 400, "without {name}");
        // `Upgrade` and `Connection` are lists: a second line goes on with the first (RFC 9110 §5.3).
        let twice = if matches!(name, "Upgrade" | "Connection") { 101 } else { 400 };
        assert_eq!(status(&changed(&LINES, "", &[line])), twice, "{name} twice");
    }
}

#[test]
fn rfc6455_4_2_1_values() {
    let table: &[(&str, &[&str], u16)] = &[
        ("Upgrade", &["Upgrade: WebSocket"], 101),
        ("Upgrade", &["Upgrade: h2c, websocket"], 101),
        ("Upgrade", &["Upgrade: h2c", "Upgrade:websocket "], 101),
        ("Upgrade", &["Upgrade: websocket2"], 400),
        ("Upgrade", &["Upgrade: web socket"], 400),
        ("Upgrade", &["Upgrade:"], 400),
        ("Connection", &["Connection: keep-alive, Upgrade"], 101),
        ("Connection", &["Connection: keep-alive", "connection: , upgrade"], 101),
        ("Connection", &["Connection: close"], 400),
        ("Connection", &["Connection: upgraded"], 400),
        ("Sec-WebSocket-Version", &["Sec-WebSocket-Version: 8"], 426),
        ("Sec-WebSocket-Version", &["Sec-WebSocket-Version: 013"], 426),
        ("Sec-WebSocket-Version", &["Sec-WebSocket-Version: 13, 8"], 426),
        ("Sec-WebSocket-Version", &["Sec-WebSocket-Version:"], 426),
        // RFC 6455 §4.1's own example, whose last character has unused bits set.
        ("Sec-WebSocket-Key", &["Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC=="], 101),
        ("Sec-WebSocket-Key", &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"], 400),
        ("Sec-WebSocket-Key", &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ="], 400),
        ("Sec-WebSocket-Key", &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE="], 400),
        ("Sec-WebSocket-Key", &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTEx"], 400),
        ("Sec-WebSocket-Key", &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q=="], 400),
        ("Sec-WebSocket-Key", &["Sec-WebSocket-Key:"], 400),
        ("Host", &["Host: example.com:8080"], 101),
        ("Host", &["Host: [::1]:8080"], 101),
        ("Host", &["Host:"], 400),
        ("Host", &["Host: a b"], 400),
        ("Host", &["Host: a,b"], 101),
        ("Host", &["Host: me@example.com"], 400),
        ("Host", &["Host: example.com:99999"], 400),
        ("Host", &["Host: example.com/path"], 400),
        ("none", &["Origin: https://a.example", "Origin: https://b.example"], 400),
        // H7, H8: nothing that gives the request a body.
        ("none", &["Content-Length: 0"], 101),
        ("none", &["Content-Length: 5"], 400),
        ("none", &["Content-Length: 0", "Content-Length: 5"], 400),
        ("none", &["Content-Length: +0"], 400),
        ("none", &["Transfer-Encoding: chunked"], 400),
        ("none", &["Transfer-Encoding: identity", "Transfer-Encoding: chunked"], 400),
    ];
    for (replace, with, expected) in table {
        assert_eq!(status(&changed(&LINES, replace, with)), *expected, "{with:?}");
    }
}

#[test]
fn rfc6455_4_2_1_request_line() {
    let table = [
        ("GET / HTTP/1.1", 101),
        ("GET http://server.example.com/chat HTTP/1.1", 101),
        ("GET wss://server.example.com HTTP/1.1", 101),
        ("GET http://me@server.example.com/chat HTTP/1.1", 400),
        ("GET ftp://server.example.com/chat HTTP/1.1", 400),
        ("GET server.example.com:80 HTTP/1.1", 400),
        ("GET * HTTP/1.1", 400),
        ("GET /#top HTTP/1.1", 400),
        ("GET  / HTTP/1.1", 400),
        ("GET /a b HTTP/1.1", 400),
        ("GET / HTTP/1.0", 400),
        ("GET / HTTP/1.2", 400),
        ("GET / HTTP/2.0", 400),
        ("GET /", 400),
        ("POST / HTTP/1.1", 405),
        ("HEAD / HTTP/1.1", 405),
        ("get / HTTP/1.1", 405),
        ("G(T / HTTP/1.1", 400),
    ];
    for (line, expected) in table {
        let mut lines = LINES;
        lines[0] = line;
        assert_eq!(status(&head(&lines)), expected, "{line}");
    }
    // H8: a transfer coding on HTTP/1.0.
    let mut lines = LINES;
    lines[0] = "GET / HTTP/1.0";
    assert_eq!(status(&changed(&lines, "", &["Transfer-Encoding: chunked"])), 400);
}

#[test]
fn rfc9112_2_2_empty_lines_before_the_request_are_ignored() {
    let mut bytes = b"\r\n\r\n".to_vec();
    bytes.extend_from_slice(&head(&LINES));
    assert_eq!(read_request(&bytes).unwrap().unwrap().1, bytes.len());
}

#[test]
fn the_request_is_told_as_it_came() {
    let bytes = changed(&LINES, "", &["Origin: https://example.com", "X-Empty:", "X-Two: 1", "x-two: 2"]);
    let request = request(&bytes);
    assert_eq!(request.uri(), "/chat?room=1");
    assert_eq!((request.host(), request.origin()), ("server.example.com", Some("https://example.com")));
    assert_eq!(request.headers()["x-empty"], "");
    assert_eq!(request.headers().get_all("x-two").iter().collect::<Vec<_>>(), ["1", "2"]);
    // RFC 9112 §3.2.2: the target's host goes before `Host`.
    let mut lines = LINES;
    lines[0] = "GET http://other.example:81/ HTTP/1.1";
    assert_eq!(self::request(&head(&lines)).host(), "other.example:81");
}

/// H3: at most 16 offers are looked at, and an ill-formed one is left out.
#[test]
fn subprotocols_are_bounded() {
    let offers = |line: &str| {
        let request = request(&changed(&LINES, "", &[line]));
        request.subprotocols().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(offers("Sec-WebSocket-Protocol: a, b ,,c"), ["a", "b", "c"]);
    assert_eq!(offers("Sec-WebSocket-Protocol: a, b c, \"d\", e"), ["a", "e"]);
    for count in [MAX_OFFERS - 1, MAX_OFFERS, MAX_OFFERS + 1] {
        let list = (0..count).map(|number| format!("p{number}")).collect::<Vec<_>>().join(",");
        assert_eq!(offers(&format!("Sec-WebSocket-Protocol: {list}")).len(), count.min(MAX_OFFERS));
    }
}

#[test]
fn rfc6455_4_2_2_subprotocol_is_one_that_is_offered() {
    let lines = ["Sec-WebSocket-Protocol: chat, superchat", "Sec-WebSocket-Protocol: third"];
    let request = request(&changed(&LINES, "", &lines));
    assert_eq!(request.choose_subprotocol(&["none", "third", "chat"]), Some("third"));
    assert_eq!(request.choose_subprotocol(&["Chat"]), None);
    let (response, negotiated) = request.accept(&Acceptance::new().subprotocol(Some("third"))).unwrap();
    assert!(std::str::from_utf8(&response).unwrap().contains("\r\nSec-WebSocket-Protocol: third\r\n"));
    assert_eq!(negotiated.subprotocol(), Some("third"));
    let error = request.accept(&Acceptance::new().subprotocol(Some("other"))).unwrap_err();
    assert_eq!(error, AcceptError::UnofferedSubprotocol("other".into()));
    assert_eq!(Refusal::from(error).status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[test]
fn further_headers_are_sent_and_reserved_ones_are_not() {
    let request = request(&head(&LINES));
    let extra = headers(&[(SET_COOKIE, "a=1"), (SET_COOKIE, "b=2"), (SERVER, "x")]);
    let (response, _) = request.accept(&Acceptance::new().headers(extra.clone())).unwrap();
    let response = std::str::from_utf8(&response).unwrap();
    assert!(response.contains("set-cookie: a=1\r\nset-cookie: b=2\r\nserver: x\r\n\r\n"), "{response}");
    let reserved = headers(&[(SEC_WEBSOCKET_ACCEPT, "x")]);
    assert!(matches!(
        request.accept(&Acceptance::new().headers(reserved)),
        Err(AcceptError::ReservedHeader(error)) if *error.name() == SEC_WEBSOCKET_ACCEPT
    ));
    let (response, _) = request.accept_http(&Acceptance::new().headers(extra)).unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers()[UPGRADE], "websocket");
    assert_eq!(response.headers()[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(response.headers().get_all(SET_COOKIE).iter().count(), 2);
}

#[test]
fn a_request_that_another_server_parsed_is_checked_alike() {
    let whole = request(&head(&LINES));
    let checked = |method: Method, version| {
        Request::from_parts(&method, version, Uri::from_static("/x"), whole.headers().clone()).map_err(|it| it.status())
    };
    assert!(checked(Method::GET, Version::HTTP_11).is_ok());
    assert_eq!(checked(Method::PUT, Version::HTTP_11).unwrap_err(), 405);
    assert_eq!(checked(Method::GET, Version::HTTP_10).unwrap_err(), 400);
    let mut headers = whole.headers().clone();
    headers.insert("x-other", HeaderValue::from_bytes(b"\xe9").unwrap());
    let refusal = Request::from_parts(&Method::GET, Version::HTTP_11, Uri::from_static("/x"), headers).unwrap_err();
    assert_eq!(refusal.status(), 400);
}

/// Every refusal is a response that ends by itself and closes the connection.
#[test]
fn a_refusal_is_a_whole_response() {
    let redirect = Refusal::new(StatusCode::TEMPORARY_REDIRECT, "Over there.\n").unwrap();
    let redirect = redirect.header(LOCATION, HeaderValue::from_static("/other")).unwrap();
    let refusals = [
        Refusal::bad_request("why"),
        Refusal::forbidden("why"),
        Refusal::method_not_allowed(),
        Refusal::request_timeout(),
        Refusal::upgrade_required(),
        Refusal::head_too_large("why"),
        redirect,
    ];
    for refusal in refusals {
        let bytes = refusal.to_bytes();
        let mut fields = [httparse::EMPTY_HEADER; 8];
        let mut parsed = httparse::Response::new(&mut fields);
        let length = parsed.parse(&bytes).unwrap().unwrap();
        assert_eq!(parsed.code, Some(refusal.status().as_u16()));
        assert!(!parsed.reason.unwrap().is_empty());
        let field = |name: &str| parsed.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        assert!(field("connection").unwrap().value.starts_with(b"close"));
        assert_eq!(field("content-length").unwrap().value, refusal.body().len().to_string().as_bytes());
        assert_eq!(&bytes[length..], refusal.body().as_bytes());
        for (name, value) in refusal.headers() {
            assert_eq!(field(name.as_str()).unwrap().value, value.as_bytes());
        }
        let http = refusal.clone().into_http();
        assert_eq!((http.status(), http.body().as_ref()), (refusal.status(), refusal.body().as_bytes()));
        assert!(http.headers().contains_key(CONNECTION) && http.headers().contains_key(CONTENT_LENGTH));
    }
}

/// RFC 6455 §4.4: the answer to another version says which one is spoken.
#[test]
fn rfc6455_4_4_version_negotiation() {
    let refusal = read_request(&changed(&LINES, "Sec-WebSocket-Version", &["Sec-WebSocket-Version: 25"])).unwrap_err();
    let text = String::from_utf8(refusal.to_bytes().to_vec()).unwrap();
    assert!(text.starts_with("HTTP/1.1 426 Upgrade Required\r\nConnection: close, Upgrade\r\n"), "{text}");
    assert!(
        text.contains("\r\nsec-websocket-version: 13\r\n") && text.contains("\r\nupgrade: websocket\r\n"),
        "{text}"
    );
    let missing = read_request(&changed(&LINES, "Sec-WebSocket-Version", &[])).unwrap_err();
    assert_eq!(missing.headers()["sec-websocket-version"], "13");
}

/// RFC 9110 §9.3.2: the answer to HEAD says how long the body would be, and ends.
#[test]
fn rfc9110_9_3_2_head_gets_no_body() {
    let mut lines = LINES;
    lines[0] = "HEAD / HTTP/1.1";
    let refusal = read_request(&head(&lines)).unwrap_err();
    assert_eq!((refusal.status().as_u16(), &refusal.headers()["allow"]), (405, &HeaderValue::from_static("GET")));
    let text = String::from_utf8(refusal.to_bytes().to_vec()).unwrap();
    assert!(
        text.ends_with("\r\n\r\n") && text.contains(&format!("Content-Length: {}", refusal.body().len())),
        "{text}"
    );
}

#[test]
fn an_applications_refusal_is_a_redirect_or_an_error() {
    for (status, fine) in
        [(101, false), (200, false), (299, false), (300, true), (503, true), (599, true), (600, false)]
    {
        assert_eq!(Refusal::new(StatusCode::from_u16(status).unwrap(), "").is_ok(), fine, "{status}");
    }
    let refusal = Refusal::forbidden("");
    assert!(refusal.clone().header(CONTENT_LENGTH, HeaderValue::from_static("9")).is_err());
    assert!(refusal.header(CONNECTION, HeaderValue::from_static("keep-alive")).is_err());
    let unmodified = Refusal::new(StatusCode::NOT_MODIFIED, "left out").unwrap();
    assert!(unmodified.to_bytes().ends_with(b"\r\n\r\n"));
}
