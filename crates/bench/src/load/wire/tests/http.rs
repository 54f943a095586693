use std::time::Duration;

use bowline_core::session::max_event;

use super::*;
use crate::load::wire::response::{MAX_CHUNK_LINE, MAX_HEAD, MAX_HEADERS, MAX_WAIT, USUAL_WAIT};
use crate::load::wire::{LEAST_LONGEST, OVERHEAD, Say};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const NOTHING: &str = "HTTP/1.1 204 No Content\r\nDate: today\r\n\r\n";
const SECRET: &str = "a.AAECAwQFBgcICQoLDA0ODw";

/// A wire that has written its first request.
fn begin(transport: Transport) -> (Box<dyn Wire>, usize) {
    let mut wire = open(&plan(transport));
    assert!(wire.wants(Side::Down) && !wire.wants(Side::Up));
    wire.connected(Side::Down, Instant::now());
    let request = written(&mut *wire, Side::Down);
    assert!(request.contains(" HTTP/1.1\r\nHost: example.com\r\nBowline-Session: new\r\nAccept: "), "{request}");
    assert!(request.ends_with("\r\n\r\n") && wire.counts().sent.headers == request.len() as u64);
    (wire, 0)
}

/// The same, with its session open and the answer whole but for Comet's.
fn opened(transport: Transport, now: Instant) -> Box<dyn Wire> {
    let (mut wire, _) = begin(transport);
    let body = format!("event: open\ndata: {OPEN}\n\n");
    let answer = if transport == Transport::Comet { format!("{CHUNKED}{}", chunk(&body)) } else { sized(&body) };
    assert_eq!(feed(&mut *wire, Side::Down, &answer, now), ["open"]);
    wire
}

fn feed(wire: &mut dyn Wire, side: Side, answer: &str, now: Instant) -> Vec<String> {
    let mut log = Log::default();
    log.feed(wire, side, answer.as_bytes(), now);
    log.0
}

fn sized(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn chunk(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n", body.len())
}

fn ack(number: u64) -> String {
    sized(&format!("event: ack\ndata: {number}\n\n"))
}

/// The head and the body of a POST that a wire has written, on a connection that is made if there is none.
fn posted(wire: &mut dyn Wire) -> (String, String) {
    if wire.wants(Side::Up) {
        wire.connected(Side::Up, Instant::now());
    }
    let request = written(wire, Side::Up);
    let (head, body) = request.split_once("\r\n\r\n").expect("a request");
    assert!(head.starts_with("POST /chat/session HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nBowline-Session: {SECRET}\r\n")), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{head}");
    (head.into(), body.into())
}

fn events() -> String {
    format!(
        ": bowline\n\nevent: open\ndata: {OPEN}\n\nid: 1\ndata: hello\n\n:\n:\nid: 2\nevent: joined\n\
         data: {{\"to\":1,\"room\":\"r\",\"number\":7,\"position\":\"{EPOCH}-119\"}}\n\n\
         id: {EPOCH}-120\ndata: dinner is ready\n\nid: {EPOCH}-120\ndata: dinner is ready\n\n\
         id: 3\ndata: two\ndata: lines\n\nid: 3\ndata: old\n\nid: 4\nevent: text-base64\ndata: YQ1i\n\n\
         id: {EPOCH}-121\nevent: binary\ndata: Ynl0ZXM=\n\nretry: 3000\n\n\
         id: {EPOCH}-131\nevent: gap\n\
         data: {{\"room\":\"r\",\"from\":\"{EPOCH}-119\",\"to\":\"{EPOCH}-131\",\"reason\":\"slow\"}}\n\n\
         event: presence\ndata: {{\"room\":\"r\",\"presence\":\"missed\"}}\n\nid: 5\ndata: \n\n"
    )
}

const EXPECTED: [&str; 8] = ["open", "hello", "joined", "dinner is ready", "two\nlines", "a\rb", "bytes", "gap of 10"];
const PAYLOAD: u64 = 5 + 15 + 9 + 3 + 5;

#[test]
fn answers_come_whole_at_any_split() {
    let events = events();
    let chunks: String = events.as_bytes().chunks(97).map(|part| chunk(std::str::from_utf8(part).unwrap())).collect();
    for answer in [
        sized(&events),
        format!("{CHUNKED}{chunks}0\r\n\r\n"),
        format!("HTTP/1.1 100 Continue\r\n\r\n{CHUNKED}{chunks}0;last\r\nTrailer: x\r\n\r\n"),
    ] {
        for transport in [Transport::Comet, Transport::LongPolling, Transport::Polling] {
            let (log, counts) = at_any_split(|| begin(transport), Side::Down, answer.as_bytes());
            assert_eq!(log[..8], EXPECTED);
            assert_eq!(log[8..], [""]);
            assert_eq!((counts.received.payload, counts.requests, counts.connections), (PAYLOAD, 1, 1));
            assert_eq!(
                counts.received.headers,
                (answer.find("\r\n\r\n").unwrap() + 4) as u64 + {
                    // A second head, behind that of 100 Continue.
                    if answer.contains("100 Continue") { CHUNKED.len() as u64 } else { 0 }
                }
            );
        }
    }
}

#[test]
fn the_next_request_has_the_cursor_and_waits_as_long_as_it_was_told() {
    let now = Instant::now();
    let (mut wire, _) = begin(Transport::Comet);
    feed(&mut *wire, Side::Down, &format!("{CHUNKED}{}0\r\n\r\n", chunk(&events())), now);
    assert_eq!((wire.output(Side::Down), wire.due()), (&b""[..], Some(now + Duration::from_secs(1))));
    wire.attend(now + Duration::from_secs(1));
    // By then it acknowledges.
    let (head, body) = posted(&mut *wire);
    assert!(head.ends_with("\r\nBowline-Cursor: 5 7.131") && body.is_empty(), "{head}");
    assert_eq!(wire.due(), Some(now + Duration::from_secs(3)));
    wire.attend(now + Duration::from_secs(3));
    let request = written(&mut *wire, Side::Down);
    let expected = format!("Bowline-Session: {SECRET}\r\nAccept: text/event-stream\r\nBowline-Cursor: 5\r\n\r\n");
    assert!(request.starts_with("GET /chat/session HTTP/1.1\r\n") && request.ends_with(&expected), "{request}");
}

#[test]
fn long_polls_follow_at_once_and_polls_on_time() {
    let now = Instant::now();
    let mut wire = opened(Transport::LongPolling, now);
    for (answer, direct) in [(NOTHING.to_owned(), 0), (sized("id: 1\ndata: x\n\n"), 1)] {
        let request = written(&mut *wire, Side::Down);
        assert!(request.starts_with("GET /chat/session?wait=25 HTTP/1.1\r\n"), "{request}");
        feed(&mut *wire, Side::Down, &answer, now);
        let next = String::from_utf8_lossy(wire.output(Side::Down)).into_owned();
        assert!(next.ends_with(&format!("\r\nAccept: */*\r\nBowline-Cursor: {direct}\r\n\r\n")), "{next}");
    }
    let mut plan = plan(Transport::Polling);
    plan.poll_interval = Duration::from_secs(8);
    let phases: Vec<_> = (0..100)
        .map(|client| {
            let mut wire = Wires::new(&plan).open(client, None, now);
            wire.connected(Side::Down, now);
            written(&mut *wire, Side::Down);
            feed(&mut *wire, Side::Down, &sized(&format!("event: open\ndata: {OPEN}\n\n")), now);
            let due = wire.due().expect("the next poll");
            wire.attend(due);
            assert!(written(&mut *wire, Side::Down).starts_with("GET /chat/session HTTP/1.1\r\n"));
            feed(&mut *wire, Side::Down, NOTHING, due + Duration::from_secs(3));
            assert_eq!(wire.due(), Some(due + plan.poll_interval));
            due - now
        })
        .collect();
    let in_first_half = phases.iter().filter(|phase| **phase < Duration::from_secs(4)).count();
    assert!(phases.iter().all(|phase| *phase < plan.poll_interval) && (30..70).contains(&in_first_half), "{phases:?}");
}

#[test]
fn what_is_wrong_is_told() {
    let refusal = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 9\r\n\r\nsorry\nso.");
    let stream = |event: &str| sized(&format!("event: open\ndata: {OPEN}\n\n{event}"));
    let longest = max_event(LEAST_LONGEST + OVERHEAD);
    for (answer, part) in [
        (refusal("404 Not Found"), "404 (there are no sessions at /chat/session): sorry"),
        (refusal("500 Oops"), "500: sorry"),
        (refusal("503 Full"), "503: sorry"),
        ("SSH-2.0-OpenSSH_9\r\n".into(), "not HTTP"),
        ("HTTP/1.1 200 OK\r\n\r\nbody".into(), "how long"),
        ("HTTP/1.1 101 Switching\r\n\r\n".into(), "another protocol"),
        (NOTHING.into(), "opens no session"),
        (format!("{CHUNKED}xyz\r\n"), "not chunked"),
        (format!("{CHUNKED}1\r\n:x\r\n"), "not chunked"),
        (format!("{NOTHING}HTTP/1.1"), "no request asked for"),
        ("HTTP/1.1 204 No Content\r\nBowline-Carrier: superseded\r\n\r\n".into(), "superseded"),
        (sized("id: 1\ndata: early\n\n"), "before the session was opened"),
        (sized("id: 1\nevent: left\ndata: {\"room\":\"r\"}\n\n"), "before the session was opened"),
        (sized("event: open\ndata: {}\n\n"), "open"),
        (sized(&format!("event: open\ndata: {}\n\n", OPEN.replace("session", "other"))), "secret"),
        (stream("event: superseded\ndata: {}\n\n"), "superseded"),
        (stream("id: 2\ndata: x\n\n"), "record 2 came after record 0"),
        (stream(&format!("id: {EPOCH}-1\ndata: x\n\n")), "in no room"),
        (stream("id: 0\ndata: x\n\n"), "neither a number"),
        (stream("id: 1\nevent: news\ndata: x\n\n"), "unknown kind"),
        (stream("id: 1\nevent: close\ndata: {\"code\":1008}\n\n"), "1008"),
        (stream("id: 1\ndata: cut"), "within an event"),
        (stream(&event_of(longest + 1)), "longer than"),
    ] {
        let (mut wire, _) = begin(Transport::LongPolling);
        let mut log = Vec::new();
        for byte in answer.as_bytes().chunks(1024) {
            log.extend(feed(&mut *wire, Side::Down, std::str::from_utf8(byte).unwrap(), Instant::now()));
        }
        assert!(log.iter().any(|last| last.starts_with("error") && last.contains(part)), "{part}: {log:?}");
    }
}

#[test]
fn heads_and_what_is_like_them_have_bounds() {
    let of = |before: &str, len: usize, after: &str| {
        format!("{before}{}{after}", "x".repeat(len - before.len() - after.len()))
    };
    let head = |len| of("HTTP/1.1 204 No Content\r\nx: ", len, "\r\n\r\n");
    let headers = |count| format!("HTTP/1.1 204 No Content\r\n{}\r\n", "x: y\r\n".repeat(count));
    let size = |len| format!("{CHUNKED}{}", of("0;", len, "\r\n\r\n"));
    let trailer = |len| format!("{CHUNKED}0\r\n{}\r\n", of("x: ", len, "\r\n"));
    for (at_limit, past_it, part) in [
        (head(MAX_HEAD), head(MAX_HEAD + 1), "the head of its answer is longer than 16384 bytes"),
        (headers(MAX_HEADERS), headers(MAX_HEADERS + 1), "too many headers"),
        (size(MAX_CHUNK_LINE + 2), size(MAX_CHUNK_LINE + 3), "the size of a chunk"),
        (trailer(MAX_HEAD), trailer(MAX_HEAD + 1), "a trailer"),
    ] {
        for piece in [usize::MAX, 100] {
            let log = |answer: &str| {
                let (mut wire, mut log) = (begin(Transport::LongPolling).0, Log::default());
                answer.as_bytes().chunks(piece).all(|piece| log.feed(&mut *wire, Side::Down, piece, Instant::now()));
                log.0
            };
            // What is at the limit is an answer, if not the one that was hoped for.
            assert_eq!(log(&at_limit), ["error: the server's answer opens no session"]);
            assert!(log(&past_it)[0].contains(part), "{part}: {:?}", log(&past_it));
        }
    }
}

/// An event of so many bytes, the line feeds at its end aside.
fn event_of(bytes: usize) -> String {
    format!("id: 1\ndata: {}\n\n", "x".repeat(bytes - "id: 1\ndata: ".len()))
}

#[test]
fn an_event_has_a_bound_and_comments_have_none() {
    let longest = max_event(LEAST_LONGEST + OVERHEAD);
    let mut wire = opened(Transport::Comet, Instant::now());
    let heartbeat = chunk(":\n");
    for _ in 0..longest {
        assert!(feed(&mut *wire, Side::Down, &heartbeat, Instant::now()).is_empty());
    }
    let (event, mut log) = (chunk(&event_of(longest)), Vec::new());
    for piece in event.as_bytes().chunks(10_000) {
        log.extend(feed(&mut *wire, Side::Down, std::str::from_utf8(piece).unwrap(), Instant::now()));
    }
    assert!(log.len() == 1 && log[0].starts_with('x'));
}

#[test]
fn a_full_server_is_asked_again_when_it_says() {
    let now = Instant::now();
    for transport in [Transport::Comet, Transport::LongPolling, Transport::Polling] {
        let (mut wire, _) = begin(transport);
        let full = "HTTP/1.1 503 Full\r\nRetry-After: 2\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        assert!(feed(&mut *wire, Side::Down, full, now).is_empty());
        assert_eq!(wire.due(), Some(now + Duration::from_secs(2)));
        wire.attend(now + Duration::from_secs(2));
        // The connection was the last's, whether the server has hung up or not.
        assert!(wire.output(Side::Down).is_empty() && !wire.is_connected(Side::Down) && wire.wants(Side::Down));
        assert_eq!(wire.put_off(), Some("the server refused a request with 503: "));
        wire.connected(Side::Down, now);
        assert!(written(&mut *wire, Side::Down).contains("Bowline-Session: new"));
        assert_eq!((wire.counts().requests, wire.counts().connections), (2, 2));
    }
}

#[test]
fn a_wait_has_a_bound_and_may_be_said_in_any_way() {
    let now = Instant::now();
    for (said, wait) in [
        ("3600", MAX_WAIT),
        ("3601", MAX_WAIT),
        ("18446744073709551615", MAX_WAIT),
        ("18446744073709551616", USUAL_WAIT),
        ("Fri, 31 Dec 1999 23:59:59 GMT", USUAL_WAIT),
        ("soon", USUAL_WAIT),
        ("", USUAL_WAIT),
        (" 7 ", Duration::from_secs(7)),
    ] {
        let full = format!("HTTP/1.1 429 Slow down\r\nRetry-After: {said}\r\nContent-Length: 5\r\n\r\nfull\n");
        let (mut wire, _) = begin(Transport::LongPolling);
        assert!(feed(&mut *wire, Side::Down, &full, now).is_empty());
        assert_eq!(
            (wire.due(), wire.put_off()),
            (Some(now + wait), Some("the server refused a request with 429: full"))
        );
        let mut wire = opened(Transport::Polling, now);
        wire.say(Say::Message("one"));
        posted(&mut *wire);
        assert!(feed(&mut *wire, Side::Up, &full, now).is_empty());
        assert!(wire.put_off().is_some());
        wire.attend(now + wait);
        posted(&mut *wire);
        feed(&mut *wire, Side::Up, &ack(1), now);
        assert_eq!(wire.put_off(), None);
    }
    // Of an event stream too.
    let mut wire = opened(Transport::LongPolling, now);
    written(&mut *wire, Side::Down);
    feed(&mut *wire, Side::Down, &sized("retry: 18446744073709551615\n\n"), now);
    assert!(wire.due().is_some_and(|due| due <= now + MAX_WAIT), "{:?}", wire.due());
    // Without a word of when, it is of no use to ask again.
    let (mut wire, _) = begin(Transport::LongPolling);
    let log = feed(&mut *wire, Side::Down, "HTTP/1.1 503 Full\r\nContent-Length: 0\r\n\r\n", now);
    assert_eq!(log, ["error: the server refused a request with 503: "]);
}

#[test]
fn a_connection_that_idled_too_long_is_replaced() {
    let now = Instant::now();
    // It ends between two polls.
    let mut wire = opened(Transport::Polling, now);
    wire.ended(Side::Down, now).expect("it may");
    assert!(!wire.wants(Side::Down));
    wire.attend(now + Duration::from_secs(1));
    assert!(wire.wants(Side::Down));
    // It ends while the next is on its way.
    let mut wire = opened(Transport::LongPolling, now);
    let before = wire.counts().sent.all();
    let request = wire.output(Side::Down).to_vec();
    wire.wrote(Side::Down, 10);
    wire.ended(Side::Down, now).expect("it may");
    assert_eq!(wire.counts().sent.all(), before + 10);
    wire.connected(Side::Down, now);
    assert_eq!(wire.output(Side::Down), request);
    // But not at its first request, nor within an answer.
    assert!(wire.ended(Side::Down, now).is_err());
    let mut wire = opened(Transport::LongPolling, now);
    feed(&mut *wire, Side::Down, "HTTP", now);
    assert!(wire.ended(Side::Down, now).unwrap_err().contains("hung up"));
    assert!(opened(Transport::Comet, now).ended(Side::Down, now).is_err());
}

#[test]
fn what_was_written_in_vain_is_payload_once() {
    let now = Instant::now();
    let mut wire = opened(Transport::LongPolling, now);
    wire.say(Say::Message("one"));
    posted(&mut *wire);
    feed(&mut *wire, Side::Up, &ack(1), now);
    let before = wire.counts();
    wire.say(Say::Message("two, and some more"));
    let request = wire.output(Side::Up).to_vec();
    // All but the last byte.
    wire.wrote(Side::Up, request.len() - 1);
    wire.ended(Side::Up, now).expect("it may");
    wire.connected(Side::Up, now);
    assert_eq!(wire.output(Side::Up), request);
    wire.wrote(Side::Up, request.len());
    let sent = wire.counts().sent;
    assert_eq!(sent.all() - before.sent.all(), (2 * request.len() - 1) as u64);
    assert_eq!(sent.payload - before.sent.payload, 18);
}

#[test]
fn what_is_said_meanwhile_goes_with_the_next_post() {
    let now = Instant::now();
    let mut wire = opened(Transport::LongPolling, now);
    wire.say(Say::Message("one"));
    let (head, body) = posted(&mut *wire);
    assert_eq!(body, "id: 1\ndata: one\n\n");
    assert!(head.contains("\r\nContent-Type: text/event-stream\r\n") && !head.contains("Cursor"), "{head}");
    wire.say(Say::Message("two"));
    wire.say(Say::Join("kitchen"));
    wire.say(Say::Message("four"));
    assert!(wire.output(Side::Up).is_empty());
    feed(&mut *wire, Side::Up, &ack(1), now);
    let join = "id: 3\nevent: join\ndata: {\"room\":\"kitchen\"}\n\n";
    let (two, four) = ("id: 2\ndata: two\n\n", "id: 4\ndata: four\n\n");
    assert_eq!(posted(&mut *wire).1, [two, join, four].concat());
    let payload = wire.counts().sent.payload;
    assert_eq!(payload, 3 + 3 + 4);
    // The server takes one: the others go again after a while, and are no payload any more.
    assert!(feed(&mut *wire, Side::Up, &ack(2), now).is_empty());
    assert!(wire.output(Side::Up).is_empty());
    assert_eq!(wire.due(), Some(now + crate::load::wire::post::SEND_AGAIN));
    wire.attend(now + crate::load::wire::post::SEND_AGAIN);
    assert_eq!(posted(&mut *wire).1, [join, four].concat());
    assert_eq!((wire.counts().sent.payload, wire.backlog()), (payload, join.len() + four.len()));
    let full = "HTTP/1.1 503 Full\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";
    assert!(feed(&mut *wire, Side::Up, full, now).is_empty());
    wire.attend(now + Duration::from_secs(1));
    assert_eq!(posted(&mut *wire).1, [join, four].concat());
    feed(&mut *wire, Side::Up, &ack(4), now);
    assert_eq!((wire.backlog(), wire.output(Side::Up)), (0, &b""[..]));
}

#[test]
fn a_posts_answer_is_read_at_any_split_and_may_be_wrong() {
    let begin = || {
        let mut wire = opened(Transport::LongPolling, Instant::now());
        wire.say(Say::Message("one"));
        posted(&mut *wire);
        let fed = usize::try_from(wire.counts().received.all()).unwrap();
        (wire, fed)
    };
    let (log, counts) = at_any_split(begin, Side::Up, ack(1).as_bytes());
    assert!(log.is_empty() && counts.received.payload == 0 && counts.connections == 2);
    let conflict = ack(0).replace("200 OK", "409 Conflict");
    for (answer, part) in [
        (conflict, "409 (it misses a record"),
        (ack(2), "has record 2, of 1 sent"),
        (sized("event: ack\ndata: x\n\n"), "no number"),
        (sized(": nothing\n\n"), "doesn't say"),
        (NOTHING.into(), "doesn't say"),
    ] {
        let (log, _) = at_any_split(begin, Side::Up, answer.as_bytes());
        assert!(log.last().is_some_and(|last| last.starts_with("error") && last.contains(part)), "{part}: {log:?}");
    }
}

#[test]
fn a_post_has_a_bound() {
    use crate::load::wire::post::{MAX_BODY, MAX_RECORDS};
    let now = Instant::now();
    let mut wire = opened(Transport::LongPolling, now);
    wire.say(Say::Message("first"));
    posted(&mut *wire);
    for _ in 0..MAX_RECORDS {
        wire.say(Say::Message("x"));
    }
    let half = "h".repeat(MAX_BODY / 2 - "id: 258\ndata: \n\n".len());
    let big = "b".repeat(MAX_BODY);
    for text in [&*half, &*half, &*big, "last"] {
        wire.say(Say::Message(text));
    }
    feed(&mut *wire, Side::Up, &ack(1), now);
    // 256 records; two that fill a body to the byte; one that is over it; what is left.
    for (count, last) in [(MAX_RECORDS, 257), (2, 259), (1, 260), (1, 261)] {
        let (_, body) = posted(&mut *wire);
        assert_eq!(body.matches("id: ").count(), count);
        assert!(count != 2 || body.len() == MAX_BODY);
        feed(&mut *wire, Side::Up, &ack(last), now);
    }
    assert_eq!(wire.backlog(), 0);
}

#[test]
fn comet_acknowledges_by_post() {
    let now = Instant::now();
    let mut wire = opened(Transport::Comet, now);
    let records = |from: u64, to| (from..to).map(|number| format!("id: {number}\ndata: x\n\n")).collect::<String>();
    feed(&mut *wire, Side::Down, &chunk(&records(1, 64)), now);
    assert!(!wire.wants(Side::Up));
    assert_eq!(wire.due(), Some(now + Duration::from_secs(1)));
    feed(&mut *wire, Side::Down, &chunk(&records(64, 65)), now);
    let (head, body) = posted(&mut *wire);
    assert!(head.ends_with("\r\nBowline-Cursor: 64") && body.is_empty(), "{head}");
    assert_eq!(wire.due(), None);
    // While that is under way the next waits for it; and what is said goes with it.
    feed(&mut *wire, Side::Down, &chunk(&records(65, 129)), now);
    wire.say(Say::Message("hello"));
    assert_eq!((wire.output(Side::Up), wire.due()), (&b""[..], None));
    feed(&mut *wire, Side::Up, &ack(0), now);
    let (head, body) = posted(&mut *wire);
    assert!(head.ends_with("\r\nBowline-Cursor: 128") && body == "id: 1\ndata: hello\n\n", "{head}");
}
