//! Any split of the bytes gives the same result, and no bytes make either end panic.

use proptest::{prelude::*, sample::Index};

use super::{
    super::{Acceptance, RequestReader, extensions},
    ANSWER, LINES, changed, client, deflate_config, params, reader,
};
use crate::Limits;

/// Pieces of a message between these places.
fn pieces<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut cuts = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect::<Vec<_>>();
    cuts.sort_unstable();
    let mut start = 0;
    let mut pieces = cuts.iter().map(|&cut| &bytes[std::mem::replace(&mut start, cut)..cut]).collect::<Vec<_>>();
    pieces.push(&bytes[start..]);
    pieces
}

/// What a server makes of it, as text, and how many bytes belonged to the head.
fn serve(pieces: &[&[u8]]) -> String {
    let mut reader = RequestReader::new(&Limits::default());
    let config = deflate_config(params(false, true, 12, 11));
    let mut taken = 0;
    for piece in pieces {
        match reader.receive(piece) {
            Ok(None) => taken += piece.len(),
            Ok(Some((request, used))) => {
                let protocol = request.subprotocols().next();
                let answer = request.accept(&Acceptance::new().subprotocol(protocol).deflate(Some(&config)));
                return format!("{} {} {:?} {answer:?}", taken + used, request.uri(), request.headers());
            }
            Err(refusal) => return format!("{refusal:?}"),
        }
    }
    "not ended".to_owned()
}

/// What a client makes of it, as text, and how many bytes belonged to the answer.
fn ask(pieces: &[&[u8]]) -> String {
    let client = client().subprotocols(["chat"]).unwrap().deflate(Some(deflate_config(params(false, false, 15, 15))));
    let mut reader = reader(&client);
    let mut taken = 0;
    for piece in pieces {
        match reader.receive(piece) {
            Ok(None) => taken += piece.len(),
            Ok(Some((response, negotiated, used))) => {
                return format!("{} {:?} {negotiated:?}", taken + used, response.headers());
            }
            Err(error) => return format!("{error:?}"),
        }
    }
    format!("not ended: {:?}", reader.receive_eof())
}

/// Lines that matter to either end, sane and not.
fn line() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "Sec-WebSocket-Protocol: chat",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10",
        "Sec-WebSocket-Extensions: \"x\\\", permessage-deflate",
        "Content-Length: 0",
        "Content-Length: 7",
        "Transfer-Encoding: chunked",
        "Connection: keep-alive",
        "Origin: null",
        " folded",
        "X: \u{e9}",
        "X: \0",
        "X",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => "[ -~]{0,40}", 1 => "X-[a-z]{1,8}: [ -~]{0,40}"]
}

fn message(first: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let rest = prop::collection::vec(any::<u8>(), 0..64);
    let chunks = Just(b"5\r\nhello\r\n0;x\r\n\r\n".to_vec());
    let status =
        prop::sample::select(vec!["", "HTTP/1.1 403 Forbidden", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 S"]);
    (prop::collection::vec(line(), 0..4), prop_oneof![rest, chunks], status).prop_map(move |(lines, rest, status)| {
        let lines = lines.iter().map(String::as_str).collect::<Vec<_>>();
        let mut message = changed(first, "", &lines);
        if !status.is_empty() {
            message.splice(..first[0].len(), status.bytes());
        }
        message.extend_from_slice(&rest);
        message
    })
}

proptest! {
    #[test]
    fn any_split_of_a_request_gives_the_same(message in message(&LINES), cuts in prop::collection::vec(any::<Index>(), 0..8)) {
        let whole = serve(&[&message]);
        prop_assert_eq!(&serve(&pieces(&message, &cuts)), &whole);
        prop_assert_eq!(&serve(&message.chunks(1).collect::<Vec<_>>()), &whole);
    }

    #[test]
    fn any_split_of_an_answer_gives_the_same(message in message(&ANSWER), cuts in prop::collection::vec(any::<Index>(), 0..8)) {
        let whole = ask(&[&message]);
        prop_assert_eq!(&ask(&pieces(&message, &cuts)), &whole);
        prop_assert_eq!(&ask(&message.chunks(1).collect::<Vec<_>>()), &whole);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        serve(&[&bytes]);
        ask(&[&bytes]);
    }

    /// One byte of a sane message changed: nothing but another answer.
    #[test]
    fn no_changed_byte_makes_it_panic(at in any::<Index>(), byte in any::<u8>(), message in message(&LINES), answer in message(&ANSWER)) {
        for (mut bytes, run) in [(message, serve as fn(&[&[u8]]) -> String), (answer, ask)] {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            run(&[&bytes]);
        }
    }

    /// The parser goes through any line, and what it finds can be written and found again.
    #[test]
    fn extensions_survive_any_line(line in "[a-c=;, \"\\\\é]{0,60}") {
        for extension in extensions::parse(&line).flatten() {
            let mut text = extension.name().to_owned();
            for parameter in extension.parameters() {
                text.push_str("; ");
                text.push_str(parameter.name());
                if let Some(value) = parameter.value() {
                    text.push_str(&format!("=\"{value}\""));
                }
            }
            let again = extensions::parse(&text).collect::<Vec<_>>();
            prop_assert_eq!(again, vec![Ok(extension)]);
        }
    }
}
