//! Exchanges, split in every way.

use super::*;
use Direction::{ToClient, ToServer};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n2\r\n, \r\n0\r\n\r\n";
const NO_BODY: &str = "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n";

fn http(faults: &Faults) -> Http {
    Http::new(faults, 1 << 20).expect("one of them knows HTTP")
}

fn buffering() -> Http {
    http(&Faults::default().buffer_responses(true))
}

impl Http {
    fn pass_text(&mut self, direction: Direction, text: &str) -> String {
        self.receive(direction, text.as_bytes());
        self.taken(direction)
    }

    fn taken(&mut self, direction: Direction) -> String {
        String::from_utf8(self.take(direction)).expect("UTF-8")
    }
}

#[test]
fn without_such_a_fault_nothing_is_read_as_http() {
    assert!(Http::new(&Faults::default().black_hole(None, 0).cut_at(None, 1), 1).is_none());
}

#[test]
fn a_response_is_held_up_to_its_last_byte() {
    for response in [LENGTH, CHUNKED, NO_BODY] {
        for split in 1..response.len() {
            let mut http = buffering();
            // Twice on one connection: what is found out about the first must not spoil the second.
            for round in 1..=2 {
                assert_eq!(http.pass_text(ToServer, GET), GET);
                let (head, tail) = response.split_at(split);
                assert_eq!(http.pass_text(ToClient, head), "", "round {round}");
                assert_eq!(http.pass_text(ToClient, tail), response, "round {round}");
                assert_eq!(http.done(), Done { held: 1, ..Done::default() });
            }
        }
    }
}

#[test]
fn responses_that_come_together_pass_one_by_one() {
    let mut http = buffering();
    assert_eq!(http.pass_text(ToServer, &GET.repeat(3)), GET.repeat(3));
    let all = [CHUNKED, LENGTH, NO_BODY].concat();
    let mut passed = String::new();
    let mut seen = Vec::new();
    for byte in all.as_bytes() {
        http.receive(ToClient, &[*byte]);
        let more = http.taken(ToClient);
        if !more.is_empty() {
            passed.push_str(&more);
            seen.push(more);
        }
    }
    assert_eq!((passed, seen), (all, [CHUNKED, LENGTH, NO_BODY].map(str::to_owned).to_vec()));
}

#[test]
fn a_response_without_a_length_is_held_until_the_end() {
    let response = "HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n";
    let mut http = buffering();
    http.receive(ToServer, GET.as_bytes());
    assert_eq!(http.pass_text(ToClient, response), "");
    http.end(ToClient);
    assert_eq!(http.taken(ToClient), response);
    assert_eq!(http.done().held, 1);
    assert!(!http.is_opaque(), "the client may still send");
}

#[test]
fn half_a_head_passes_at_the_end() {
    let mut http = buffering();
    assert_eq!(
        (http.pass_text(ToServer, "GET / HT"), http.pass_text(ToClient, "HTTP/1.1 2")),
        (String::new(), String::new())
    );
    http.end(ToServer);
    http.end(ToClient);
    assert_eq!((http.taken(ToServer).as_str(), http.taken(ToClient).as_str()), ("GET / HT", "HTTP/1.1 2"));
}

/// RFC 9110 §15.2: a final response follows an interim one.
#[test]
fn an_interim_response_is_not_held() {
    let mut http = buffering();
    http.receive(ToServer, b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    assert_eq!(http.pass_text(ToClient, interim), interim);
    http.receive(ToServer, b"ab");
    assert_eq!(http.pass_text(ToClient, &LENGTH[..LENGTH.len() - 1]), "");
    assert_eq!(http.pass_text(ToClient, "o"), LENGTH);
}

/// RFC 9112 §6.3: the answer to HEAD has no body, whatever its headers say.
#[test]
fn the_answer_to_head_ends_with_its_head() {
    let mut http = buffering();
    http.receive(ToServer, b"HEAD / HTTP/1.1\r\n\r\n");
    http.receive(ToServer, GET.as_bytes());
    let head = LENGTH.strip_suffix("hello").expect("a body");
    assert_eq!(http.pass_text(ToClient, head), head);
    assert_eq!(http.pass_text(ToClient, LENGTH), LENGTH);
}

#[test]
fn a_response_is_held_to_the_limit_and_not_past_it() {
    for (max, first) in [(LENGTH.len(), ""), (LENGTH.len() - 1, &LENGTH[..LENGTH.len() - 1])] {
        let mut http = Http::new(&Faults::default().buffer_responses(true), max).expect("it buffers");
        http.receive(ToServer, GET.as_bytes());
        assert_eq!(http.pass_text(ToClient, &LENGTH[..LENGTH.len() - 1]), first, "{max}");
        assert_eq!(http.pass_text(ToClient, "o"), &LENGTH[first.len()..], "{max}");
        // What has passed so far, it goes on holding from there.
        assert_eq!(http.pass_text(ToClient, "H"), "");
    }
}

#[test]
fn a_switch_passes_a_buffering_proxy_and_so_does_what_follows() {
    for split in 0..SWITCH.len() {
        let mut http = buffering();
        assert_eq!(http.pass_text(ToServer, UPGRADE), UPGRADE);
        let (head, tail) = SWITCH.split_at(split);
        assert_eq!(http.pass_text(ToClient, head), "");
        assert_eq!(http.pass_text(ToClient, &format!("{tail}\u{1}")), format!("{SWITCH}\u{1}"));
        assert!(http.is_opaque());
        assert_eq!(http.pass_text(ToServer, "\u{2}"), "\u{2}");
        assert_eq!(http.pass_text(ToClient, "\u{3}"), "\u{3}");
    }
}

/// A client that sends before it is answered: it may not, and still nothing is lost.
#[test]
fn what_a_client_sends_too_early_passes_with_the_switch() {
    let mut http = buffering();
    assert_eq!(http.pass_text(ToServer, &format!("{UPGRADE}ab")), UPGRADE);
    assert_eq!(http.pass_text(ToClient, SWITCH), SWITCH);
    assert_eq!(http.taken(ToServer), "ab");
}

#[test]
fn a_tunnel_passes_both_ways() {
    let mut http = buffering();
    let connect = "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n";
    assert_eq!(http.pass_text(ToServer, connect), connect);
    let answer = "HTTP/1.1 200 OK\r\n\r\n";
    assert_eq!(http.pass_text(ToClient, answer), answer);
    assert!(http.is_opaque());
}

#[test]
fn a_switch_is_swallowed_with_all_that_follows_it() {
    let mut http = http(&Faults::default().swallow_101(true));
    assert_eq!(http.pass_text(ToServer, GET), GET);
    assert_eq!(http.pass_text(ToServer, UPGRADE), UPGRADE);
    // What came before it passes.
    assert_eq!(http.pass_text(ToClient, &format!("{LENGTH}{SWITCH}frame")), LENGTH);
    let swallowed = (SWITCH.len() + "frame".len()) as u64;
    assert_eq!(http.done(), Done { switches_swallowed: 1, swallowed, ..Done::default() });
    assert_eq!(http.pass_text(ToServer, "frame"), "frame");
    assert!(http.is_opaque());
}

#[test]
fn an_upgrade_is_stripped_from_every_request() {
    // A body that looks like a request stays as it is.
    let post = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{UPGRADE}", UPGRADE.len());
    let stripped = "GET /ws HTTP/1.1\r\nHost: a\r\n\r\n";
    let sent = [UPGRADE, &post, UPGRADE].concat();
    for split in 0..=sent.len() {
        let mut http = http(&Faults::default().strip_upgrade(true));
        let (head, tail) = sent.split_at(split);
        let passed = http.pass_text(ToServer, head) + &http.pass_text(ToServer, tail);
        assert_eq!(passed, [stripped, &post, stripped].concat(), "split at {split}");
        assert_eq!(http.done(), Done { stripped: 2, ..Done::default() });
        let unfinished = &LENGTH[..LENGTH.len() - 1];
        assert_eq!(http.pass_text(ToClient, unfinished), unfinished, "nothing is held");
    }
}

#[test]
fn what_is_not_http_passes_at_once() {
    let all = || http(&Faults::default().strip_upgrade(true).swallow_101(true).buffer_responses(true));
    let mut http2 = all();
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}";
    assert_eq!(http2.pass_text(ToServer, preface), preface);
    assert_eq!(http2.pass_text(ToClient, "\0\0\0\u{4}"), "\0\0\0\u{4}");
    assert!(http2.is_opaque());

    let mut broken = all();
    broken.receive(ToServer, GET.as_bytes());
    let start = &CHUNKED[..CHUNKED.len() - 5];
    assert_eq!(broken.pass_text(ToClient, start), "");
    assert_eq!(broken.pass_text(ToClient, "no size\r\n"), format!("{start}no size\r\n"));
}

#[test]
fn so_many_requests_without_an_answer_are_remembered_and_no_more() {
    let mut http = http(&Faults::default().strip_upgrade(true));
    http.receive(ToServer, GET.repeat(MAX_ASKED - 1).as_bytes());
    http.take(ToServer);
    assert_ne!(http.pass_text(ToServer, UPGRADE), UPGRADE);
    assert_eq!(http.pass_text(ToServer, UPGRADE), UPGRADE);
}
