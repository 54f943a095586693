//! Rows H1, H2 and H4 of what has broken others: floods of headers, bytes that no header may hold, work that isn't linear.

use super::{
    super::{Acceptance, HandshakeError, RequestReader, work},
    ANSWER, LINES, changed, client, deflate_config, head, params, read_answer, reader, status,
};
use crate::Limits;

/// A valid request whose head is of exactly this size.
fn request_of(size: usize) -> Vec<u8> {
    let unpadded = changed(&LINES, "", &["X: "]).len();
    changed(&LINES, "", &[&format!("X: {}", "a".repeat(size - unpadded))])
}

/// A valid request with so many headers.
fn request_with(headers: usize) -> Vec<u8> {
    changed(&LINES, "", &vec!["A: b"; headers - (LINES.len() - 1)])
}

#[test]
fn h1_a_head_may_be_as_large_as_the_limit() {
    let max = Limits::default().get_max_head_size();
    assert_eq!(max, 16_384);
    for (size, expected) in [(max - 1, 101), (max, 101), (max + 1, 431)] {
        assert_eq!(request_of(size).len(), size);
        assert_eq!(status(&request_of(size)), expected, "{size}");
    }
    // What comes with the head is not part of it.
    let mut bytes = request_of(max);
    bytes.extend_from_slice(&[0; 4096]);
    assert_eq!(status(&bytes), 101);
}

#[test]
fn h1_a_head_may_have_as_many_headers_as_the_limit() {
    assert_eq!(Limits::default().get_max_headers(), 64);
    for (count, expected) in [(63, 101), (64, 101), (65, 431)] {
        assert_eq!(status(&request_with(count)), expected, "{count}");
    }
    for max in [5, 24, 25, 26, 300] {
        let limits = Limits::default().max_headers(max);
        assert!(RequestReader::new(&limits).receive(&request_with(max)).unwrap().is_some(), "{max}");
        let refusal = RequestReader::new(&limits).receive(&request_with(max + 1)).unwrap_err();
        assert_eq!(refusal.status(), 431, "{max}");
    }
}

/// The refusal comes with the first byte too many, whatever else was to follow, and is repeated ever after.
#[test]
fn h1_a_flood_is_refused_at_the_limit() {
    let max = Limits::default().get_max_head_size();
    let mut reader = RequestReader::new(&Limits::default());
    let mut sent = 0;
    while reader.receive(&[b'a'; 100]).is_ok() {
        sent += 100;
        assert!(sent < max, "{sent}");
    }
    assert!(sent + 100 >= max, "{sent}");
    assert_eq!(reader.receive(&head(&LINES)).unwrap_err().status(), 431);

    let mut reader = super::reader(&client());
    assert!(matches!(reader.receive(&vec![b'a'; max]), Err(HandshakeError::HeadTooLarge(limit)) if limit == max));
    let many = changed(&ANSWER, "", &["A: b"; 62]);
    assert!(matches!(read_answer(&client(), &many), Err(HandshakeError::TooManyHeaders(64))));
}

/// H4: each of these bytes, in each header and in the request line.
#[test]
fn h4_bytes_that_no_header_may_hold() {
    for byte in (0..=0x1f).chain(0x7f..=0xff).filter(|&byte| byte != b'\t') {
        for (number, line) in LINES.iter().enumerate() {
            for at in [1, line.len() / 2, line.len()] {
                let mut bytes = head(&LINES);
                let start = LINES[..number].iter().map(|line| line.len() + 2).sum::<usize>();
                bytes.insert(start + at, byte);
                assert_eq!(status(&bytes), 400, "{byte:#x} in {line}");
            }
        }
    }
}

#[test]
fn h4_lines_are_not_folded_and_end_with_both() {
    for line in [" folded", "\tfolded", "X: a\n folded", "X: a\nY: b", "X: a\rY: b", "X : a", ": a", "no colon"] {
        assert_eq!(status(&changed(&LINES, "", &[line])), 400, "{line:?}");
    }
    let unix = String::from_utf8(head(&LINES)).unwrap().replace("\r\n", "\n");
    assert_eq!(status(unix.as_bytes()), 400);
}

/// A TLS `ClientHello` on a plain port is told at its first byte, not after `handshake_timeout`.
#[test]
fn what_is_not_http_is_refused_at_once() {
    for bytes in [&b"\x16\x03\x01"[..], b"\0", b"\x80"] {
        assert_eq!(status(bytes), 400);
    }
}

/// Nothing is allocated for a client that has sent nothing.
#[test]
fn a_reader_knows_that_nothing_came() {
    let mut reader = RequestReader::new(&Limits::default());
    assert!(reader.is_untouched());
    assert!(reader.receive(b"").unwrap().is_none() && reader.is_untouched());
    assert!(reader.receive(b"G").unwrap().is_none() && !reader.is_untouched());
}

/// The work of reading `bytes` a byte at a time.
fn work_of_request(limits: &Limits, bytes: &[u8]) -> usize {
    let (work, accepted) = work::of(|| {
        let mut reader = RequestReader::new(limits);
        let mut ended = None;
        for byte in bytes {
            ended = reader.receive(std::slice::from_ref(byte)).unwrap();
        }
        let config = deflate_config(params(true, true, 15, 15));
        let request = ended.unwrap().0;
        assert_eq!(request.choose_subprotocol(&["none"]), None);
        request.accept(&Acceptance::new().deflate(Some(&config))).is_ok()
    });
    assert!(accepted);
    work
}

fn assert_linear(what: &str, work: impl Fn(usize) -> usize) {
    for size in [1_000, 4_000, 16_000, 64_000] {
        let (once, twice) = (work(size), work(2 * size));
        assert!(once >= size, "{what}: nothing was counted");
        assert!(2 * twice <= 5 * once, "{what}: {once} for {size} bytes, {twice} for twice as many");
    }
}

/// H1, H3: doubling the input costs at most 2.5 times the work, a byte at a time.
#[test]
fn h1_the_work_is_linear() {
    let limits = Limits::default().max_head_size(1 << 20).max_headers(30_000);
    let list = |name: &str, unit: &str, size: usize| format!("{name}: {}", unit.repeat(size / unit.len()));
    assert_linear("one long header", |size| work_of_request(&limits, &request_of(size)));
    assert_linear("many headers", |size| work_of_request(&limits, &request_with(size / 6)));
    for unit in ["a,", ",", " ", "permessage-deflate; x=\"\\a\", ", "a;b;", "\"\\", "\"a\",", "a=,"] {
        for name in ["Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol", "Upgrade"] {
            let bytes = |size| changed(&LINES, "", &[&list(name, unit, size)]);
            assert_linear(&format!("{name}: {unit}"), |size| work_of_request(&limits, &bytes(size)));
        }
    }
    assert_linear("an answer", |size| {
        let limits = Limits::default().max_head_size(1 << 20);
        let answer = changed(&ANSWER, "", &[&format!("X: {}", "a".repeat(size))]);
        let mut reader = client().begin_with_key(&limits, super::KEY).1;
        work::of(|| answer.iter().filter(|byte| reader.receive(std::slice::from_ref(byte)).unwrap().is_some()).count())
            .0
    });
}

/// Interim answers share the bound of one head, so that they can't go on for ever.
#[test]
fn interim_answers_are_bounded_together() {
    let mut reader = reader(&client());
    let interim = head(&["HTTP/1.1 103 Early Hints", "Link: </style.css>"]);
    let mut sent = 0;
    let error = loop {
        match reader.receive(&interim) {
            Ok(None) => sent += interim.len(),
            Ok(Some(_)) => panic!("no 101 was sent"),
            Err(error) => break error,
        }
        assert!(sent <= 16_384);
    };
    assert!(matches!(error, HandshakeError::HeadTooLarge(16_384)), "{error}");
}
