//! Lists of extensions (RFC 6455 §9.1), and what becomes of permessage-deflate (RFC 7692 §7.1).

use http::header::SEC_WEBSOCKET_EXTENSIONS;

use super::{
    super::{
        Acceptance, HandshakeError, MAX_OFFERS,
        extensions::{MAX_PARAMETERS, parse},
    },
    ANSWER, LINES, changed, client, deflate_config, params, read_answer, request,
};
use crate::message::deflate::DeflateParams;

/// What was found, in one way of writing; `!` for what is ill-formed.
fn found(line: &str) -> Vec<String> {
    let written = parse(line).map(|element| {
        let Ok(extension) = element else { return "!".to_owned() };
        let parameters = extension.parameters().iter().map(|parameter| match parameter.value() {
            Some(value) => format!(";{}={value}", parameter.name()),
            None => format!(";{}", parameter.name()),
        });
        extension.name().to_owned() + &parameters.collect::<String>()
    });
    written.collect()
}

#[test]
fn rfc6455_9_1_lists() {
    let table: &[(&str, &[&str])] = &[
        ("", &[]),
        (" , ,", &[]),
        ("foo", &["foo"]),
        ("foo, bar; baz=2", &["foo", "bar;baz=2"]),
        ("\tfoo ;\tbar = 1 ; baz , x", &["foo;bar=1;baz", "x"]),
        ("foo; bar=\"quoted\"", &["foo;bar=quoted"]),
        ("foo; bar=\"q\\u\\o\"", &["foo;bar=quo"]),
        ("foo; bar=\"\", x", &["!", "x"]),
        ("foo; bar=\"a, b\", x", &["!", "x"]),
        ("foo; bar=\"a\\\", y\", x", &["!", "x"]),
        ("foo; bar=\"a, x", &["!"]),
        ("foo; bar=\"a\\", &["!"]),
        ("foo bar, x", &["!", "x"]),
        ("foo;, x", &["!", "x"]),
        ("foo; bar=, x", &["!", "x"]),
        ("foo; =1, x", &["!", "x"]),
        ("\"foo\", x", &["!", "x"]),
        ("=, ;, x", &["!", "!", "x"]),
        ("f\u{f6}o, x", &["!", "x"]),
    ];
    for (line, expected) in table {
        assert_eq!(found(line), *expected, "{line:?}");
    }
    for count in [MAX_PARAMETERS, MAX_PARAMETERS + 1] {
        let line = format!("foo{}, x", "; a".repeat(count));
        assert_eq!(found(&line)[0] == "!", count > MAX_PARAMETERS);
        assert_eq!(found(&line)[1], "x");
    }
}

/// The answer to these offers of a server that wants `wanted`.
fn answer(wanted: DeflateParams, lines: &[&str]) -> Option<(DeflateParams, String)> {
    let lines = lines.iter().map(|line| format!("Sec-WebSocket-Extensions: {line}")).collect::<Vec<_>>();
    let request = request(&changed(&LINES, "", &lines.iter().map(String::as_str).collect::<Vec<_>>()));
    let config = deflate_config(wanted);
    let (response, negotiated) = request.accept_http(&Acceptance::new().deflate(Some(&config))).unwrap();
    let (bytes, also) = request.accept(&Acceptance::new().deflate(Some(&config))).unwrap();
    assert_eq!(also, negotiated);
    let text = response.headers().get(SEC_WEBSOCKET_EXTENSIONS).map(|value| value.to_str().unwrap().to_owned());
    let line = text.as_ref().map(|text| format!("\r\nSec-WebSocket-Extensions: {text}\r\n"));
    assert!(line.is_none_or(|line| std::str::from_utf8(&bytes).unwrap().contains(&line)));
    assert_eq!(text.is_some(), negotiated.deflate().is_some());
    negotiated.deflate().zip(text)
}

const KEEP: DeflateParams = params(false, false, 15, 15);
const FORGET: DeflateParams = params(true, true, 15, 15);

#[test]
fn rfc7692_7_1_answers() {
    let pmd = "permessage-deflate";
    let table: &[(DeflateParams, &str, DeflateParams, &str)] = &[
        (KEEP, "", KEEP, ""),
        (FORGET, "", FORGET, "; server_no_context_takeover; client_no_context_takeover"),
        (KEEP, "; server_no_context_takeover", params(true, false, 15, 15), "; server_no_context_takeover"),
        (KEEP, "; client_no_context_takeover", params(false, true, 15, 15), "; client_no_context_takeover"),
        (KEEP, "; server_max_window_bits=10", params(false, false, 10, 15), "; server_max_window_bits=10"),
        (KEEP, "; server_max_window_bits=\"10\"", params(false, false, 10, 15), "; server_max_window_bits=10"),
        (KEEP, "; server_max_window_bits=15", KEEP, "; server_max_window_bits=15"),
        (
            params(false, false, 9, 15),
            "; server_max_window_bits=12",
            params(false, false, 9, 15),
            "; server_max_window_bits=9",
        ),
        (params(false, false, 12, 15), "", params(false, false, 12, 15), "; server_max_window_bits=12"),
        (KEEP, "; client_max_window_bits", KEEP, ""),
        (params(false, false, 15, 11), "", KEEP, ""),
        (
            params(false, false, 15, 11),
            "; client_max_window_bits",
            params(false, false, 15, 11),
            "; client_max_window_bits=11",
        ),
        (
            params(false, false, 15, 11),
            "; client_max_window_bits=9",
            params(false, false, 15, 9),
            "; client_max_window_bits=9",
        ),
        (
            params(false, false, 15, 11),
            "; client_max_window_bits=12",
            params(false, false, 15, 11),
            "; client_max_window_bits=11",
        ),
        (KEEP, "; client_max_window_bits=8", params(false, false, 15, 8), "; client_max_window_bits=8"),
        (KEEP, "; client_max_window_bits=15", KEEP, "; client_max_window_bits=15"),
    ];
    for (wanted, offered, expected, text) in table {
        let expected = Some((*expected, format!("{pmd}{text}")));
        assert_eq!(answer(*wanted, &[&format!("{pmd}{offered}")]), expected, "{wanted:?} {offered}");
    }
}

/// An offer that can't be met is declined, and the next one is tried.
#[test]
fn rfc7692_7_1_declined_offers() {
    let declined = [
        "server_max_window_bits",
        "server_max_window_bits=",
        "server_max_window_bits=08",
        "server_max_window_bits=7",
        // Allowed, and more than this end's compressor can keep to.
        "server_max_window_bits=8",
        "server_max_window_bits=16",
        "server_max_window_bits=99",
        "server_max_window_bits=256",
        "server_max_window_bits=1e1",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits=16",
        "client_max_window_bits=7",
        "client_max_window_bits=010",
        "client_max_window_bits; client_max_window_bits=10",
        "server_no_context_takeover=1",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover=true",
        "client_no_context_takeover; client_no_context_takeover",
        "unknown",
        "Server_No_Context_Takeover",
    ];
    for parameters in declined {
        let offer = format!("permessage-deflate; {parameters}");
        assert_eq!(answer(KEEP, &[&offer]), None, "{offer}");
        let both = format!("{offer}, permessage-deflate; client_no_context_takeover");
        assert_eq!(answer(KEEP, &[&both]).unwrap().0, params(false, true, 15, 15), "{both}");
        assert!(answer(KEEP, &[&offer, "x-other", "permessage-deflate"]).is_some(), "{offer}");
    }
    assert_eq!(answer(KEEP, &["x-webkit-deflate-frame, permessage-bzip2"]), None);
    // RFC 7692 §5: the first that fits.
    let order = "permessage-deflate; server_max_window_bits=10, permessage-deflate";
    assert_eq!(answer(KEEP, &[order]).unwrap().0.server_max_window_bits, 10);
}

/// H3: at most 16 offers are looked at.
#[test]
fn offers_are_bounded() {
    for count in [MAX_OFFERS - 1, MAX_OFFERS] {
        let line = format!("{}permessage-deflate", "x, ".repeat(count));
        assert_eq!(answer(KEEP, &[&line]).is_some(), count < MAX_OFFERS);
        let line = format!("{}permessage-deflate", "x y, ".repeat(count));
        assert_eq!(answer(KEEP, &[&line]).is_some(), count < MAX_OFFERS);
    }
}

#[test]
fn nothing_is_answered_where_deflate_is_off() {
    let request = request(&changed(&LINES, "", &["Sec-WebSocket-Extensions: permessage-deflate"]));
    let (response, negotiated) = request.accept_http(&Acceptance::new()).unwrap();
    assert!(!response.headers().contains_key(SEC_WEBSOCKET_EXTENSIONS) && negotiated.deflate().is_none());
}

#[test]
fn rfc7692_7_1_offers() {
    let table = [
        (KEEP, "; client_max_window_bits"),
        (FORGET, "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"),
        (params(false, false, 10, 12), "; server_max_window_bits=10; client_max_window_bits=12"),
    ];
    for (wanted, expected) in table {
        let client = client().deflate(Some(deflate_config(wanted)));
        let (bytes, _) = client.begin(&crate::Limits::default());
        let line = format!("\r\nSec-WebSocket-Extensions: permessage-deflate{expected}\r\n");
        assert!(std::str::from_utf8(&bytes).unwrap().contains(&line), "{bytes:?}");
    }
}

/// What a client that wants `wanted` makes of this answer.
fn settled(wanted: Option<DeflateParams>, line: &str) -> Result<Option<DeflateParams>, HandshakeError> {
    let client = client().deflate(wanted.map(deflate_config));
    let answer = changed(&ANSWER, "", &[&format!("Sec-WebSocket-Extensions: {line}")]);
    read_answer(&client, &answer).map(|answer| answer.unwrap().1.deflate())
}

#[test]
fn rfc7692_7_1_answers_that_a_client_takes() {
    let table = [
        (KEEP, "permessage-deflate", KEEP),
        (KEEP, "permessage-deflate; server_no_context_takeover", params(true, false, 15, 15)),
        (KEEP, "permessage-deflate; client_no_context_takeover", params(false, true, 15, 15)),
        (KEEP, "permessage-deflate; server_max_window_bits=8", params(false, false, 8, 15)),
        (KEEP, "permessage-deflate; client_max_window_bits=8", params(false, false, 15, 8)),
        (KEEP, "permessage-deflate; client_max_window_bits=\"15\"", KEEP),
        (params(false, true, 15, 10), "permessage-deflate", params(false, true, 15, 10)),
        (params(false, false, 15, 10), "permessage-deflate; client_max_window_bits=12", params(false, false, 15, 10)),
        (params(false, false, 12, 15), "permessage-deflate; server_max_window_bits=11", params(false, false, 11, 15)),
    ];
    for (wanted, line, expected) in table {
        assert_eq!(settled(Some(wanted), line).unwrap(), Some(expected), "{line}");
    }
    assert_eq!(settled(Some(KEEP), "").unwrap(), None);
}

/// H5: whatever wasn't offered, is there twice or out of range fails the connection.
#[test]
fn h5_answers_that_fail_the_connection() {
    let bad = [
        (KEEP, "permessage-deflate; server_max_window_bits=99"),
        (KEEP, "permessage-deflate; server_max_window_bits=16"),
        (KEEP, "permessage-deflate; server_max_window_bits=7"),
        (KEEP, "permessage-deflate; server_max_window_bits=08"),
        (KEEP, "permessage-deflate; server_max_window_bits"),
        (KEEP, "permessage-deflate; client_max_window_bits"),
        (KEEP, "permessage-deflate; client_max_window_bits=16"),
        (KEEP, "permessage-deflate; unknown"),
        (KEEP, "permessage-deflate; server_no_context_takeover; server_no_context_takeover"),
        (KEEP, "permessage-deflate; client_no_context_takeover=1"),
        (KEEP, "permessage-deflate, permessage-deflate"),
        (KEEP, "permessage-deflate; ="),
        (params(false, false, 12, 15), "permessage-deflate; server_max_window_bits=13"),
        (params(false, false, 12, 15), "permessage-deflate"),
        (params(true, false, 15, 15), "permessage-deflate"),
    ];
    for (wanted, line) in bad {
        assert!(matches!(settled(Some(wanted), line), Err(HandshakeError::BadExtension(_))), "{line}");
    }
    for (wanted, line) in
        [(None, "permessage-deflate"), (Some(KEEP), "x-other"), (Some(KEEP), "permessage-deflate, x-other")]
    {
        assert!(matches!(settled(wanted, line), Err(HandshakeError::UnofferedExtension(_))), "{line}");
    }
}
