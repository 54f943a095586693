//! Every method may be dropped at any of its awaits: nothing is lost, doubled, torn or out of order.

use bowline_core::{
    CloseCode, Limits, Message, Role,
    connection::{Config, Event},
    message::{Kind, Piece},
    stream::WebSocket,
};
use bytes::Bytes;

use crate::{
    common::{Peer, events, messages, scripted, socket, untimed},
    scripted::{Drops, Scripted, at_every_await},
};

/// Small enough that messages take many steps, big enough that the tests are quick.
const STEPS: [usize; 2] = [40, 1_000];

/// `send` and `feed` wait until all before them is written.
fn without_room() -> Config {
    untimed().limits(Limits::default().max_write_buffer(1))
}

fn for_each_step(mut test: impl FnMut(&mut Drops, Scripted)) {
    // Timers are set, and never fire.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let _entered = runtime.enter();
    for step in STEPS {
        at_every_await(|drops| test(drops, Scripted::hesitant(step)));
    }
}

fn text_pieces() -> Vec<Piece> {
    // One character is cut between two pieces.
    let data: [&[u8]; 4] = [b"first ", "\u{e9}".as_bytes().split_at(1).0, "\u{e9}".as_bytes().split_at(1).1, b" last"];
    let piece = |(index, data): (usize, &[u8])| Piece {
        kind: Kind::Text,
        data: Bytes::copy_from_slice(data),
        last: index == 3,
    };
    data.into_iter().enumerate().map(piece).collect()
}

#[test]
fn recv_gives_each_message_once() {
    for_each_step(|drops, io| {
        let (mut server, io) = scripted(io, untimed());
        io.script().incoming.extend(Peer::client().messages(&messages()));
        for message in messages() {
            let received = drops.until_done(&mut server, async |server| server.recv().await.unwrap());
            assert_eq!(received, Some(message));
        }
    });
}

#[test]
fn recv_event_gives_each_event_once_and_answers_each_ping() {
    for_each_step(|drops, io| {
        let (mut server, io) = scripted(io, untimed());
        let mut client = Peer::client();
        let wire = [client.messages(&messages()), client.ping("one"), client.messages(&messages()), client.ping("two")];
        io.script().incoming.extend(wire.concat());
        let mut expected = events(&messages());
        expected.push(Event::Ping("one".into()));
        expected.extend(events(&messages()));
        expected.push(Event::Ping("two".into()));
        for event in expected {
            let received = drops.until_done(&mut server, async |server| server.recv_event().await.unwrap());
            assert_eq!(received, Some(event));
        }
        drops.until_done(&mut server, async |server| server.flush().await.unwrap());
        let pongs = client.understand(&io.script().written());
        assert_eq!(pongs.last(), Some(&Event::Pong("two".into())));
        assert!(pongs[..pongs.len() - 1].iter().all(|pong| *pong == Event::Pong("one".into())), "{pongs:?}");
    });
}

#[test]
fn recv_piece_gives_each_byte_once() {
    for_each_step(|drops, io| {
        let (mut server, io) = scripted(io, untimed());
        io.script().incoming.extend(Peer::client().messages(&messages()));
        for message in messages() {
            let mut data = Vec::new();
            loop {
                let piece = drops.until_done(&mut server, async |server| server.recv_piece().await.unwrap()).unwrap();
                assert_eq!(piece.kind, message.kind());
                data.extend_from_slice(&piece.data);
                if piece.last {
                    break;
                }
            }
            assert_eq!(data, *message.as_bytes());
        }
    });
}

#[test]
fn feed_and_flush_send_each_message_once() {
    for config in [untimed(), without_room()] {
        for_each_step(|drops, io| {
            let (mut server, io) = scripted(io, config.clone());
            for message in messages() {
                drops.until_done(&mut server, async |server| server.feed(message.clone()).await.unwrap());
            }
            drops.until_done(&mut server, async |server| server.flush().await.unwrap());
            assert_eq!(Peer::client().understand(&io.script().written()), events(&messages()));
            assert!(io.script().flushed);
        });
    }
}

#[test]
fn a_dropped_send_with_room_has_sent() {
    for_each_step(|drops, io| {
        let (mut server, io) = scripted(io, untimed());
        for message in messages() {
            let _ = drops.once(&mut server, async |server| server.send(message.clone()).await.unwrap());
        }
        drops.until_done(&mut server, async |server| server.flush().await.unwrap());
        assert_eq!(Peer::client().understand(&io.script().written()), events(&messages()));
    });
}

#[test]
fn a_dropped_send_without_room_sends_all_or_nothing() {
    for_each_step(|drops, io| {
        let (mut server, io) = scripted(io, without_room());
        let mut done = Vec::new();
        for message in messages() {
            if drops.once(&mut server, async |server| server.send(message.clone()).await.unwrap()).is_some() {
                done.push(message);
            }
        }
        drops.until_done(&mut server, async |server| server.flush().await.unwrap());
        let seen = Peer::client().understand(&io.script().written());
        assert!(is_subsequence(&events(&done), &seen), "{done:?} were sent, {seen:?} came");
        assert!(is_subsequence(&seen, &events(&messages())), "{seen:?} came, in another order or twice");
    });
}

fn is_subsequence(part: &[Event], whole: &[Event]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|event| whole.any(|other| other == event))
}

#[test]
fn feed_piece_sends_each_piece_once() {
    for config in [untimed(), without_room()] {
        for_each_step(|drops, io| {
            let (mut server, io) = scripted(io, config.clone());
            for piece in text_pieces() {
                drops.until_done(&mut server, async |server| server.feed_piece(piece.clone()).await.unwrap());
            }
            drops.until_done(&mut server, async |server| server.flush().await.unwrap());
            assert_eq!(Peer::client().understand(&io.script().written()), events(&["first \u{e9} last".into()]));
        });
    }
}

#[test]
fn a_dropped_send_piece_with_room_has_sent() {
    for_each_step(|drops, io| {
        let (mut server, io) = scripted(io, untimed());
        for piece in text_pieces() {
            let _ = drops.once(&mut server, async |server| server.send_piece(piece.clone()).await.unwrap());
        }
        drops.until_done(&mut server, async |server| server.flush().await.unwrap());
        assert_eq!(Peer::client().understand(&io.script().written()), events(&["first \u{e9} last".into()]));
    });
}

#[test]
fn a_dropped_ping_is_on_its_way() {
    for_each_step(|drops, io| {
        let (mut server, io) = scripted(io, untimed());
        for _ in 0..3 {
            let _ = drops.once(&mut server, async |server| server.ping("x".repeat(100)).await.unwrap());
        }
        drops.until_done(&mut server, async |server| server.flush().await.unwrap());
        let pings = Peer::client().understand(&io.script().written());
        assert_eq!(pings, vec![Event::Ping("x".repeat(100).into()); 3]);
    });
}

#[test]
fn close_sends_all_and_then_one_close() {
    for_each_step(|drops, io| {
        let (mut server, io) = scripted(io, untimed());
        let mut client = Peer::client();
        for message in messages() {
            drops.until_done(&mut server, async |server| server.feed(message.clone()).await.unwrap());
        }
        server.start_close(Some(CloseCode::GOING_AWAY.into()));
        let unread = [client.messages(&messages()), Peer::client().close(CloseCode::GOING_AWAY)].concat();
        io.script().incoming.extend(unread);
        io.script().eof = true;
        drops.until_done(&mut server, async |server| server.close(None).await.unwrap());
        let mut expected = events(&messages());
        expected.push(Event::Close(Some(CloseCode::GOING_AWAY.into())));
        assert_eq!(client.understand(&io.script().written()), expected);
        let ended = server.ended().unwrap();
        assert!(ended.is_clean() && !ended.by_peer() && ended.code() == 1001, "{ended:?}");
        assert!(io.script().shut_down && io.script().incoming.is_empty());
    });
}

#[test]
fn an_echo_of_split_halves_loses_nothing() {
    for_each_step(|drops, io| {
        let (server, io) = scripted(io, without_room());
        let mut client = Peer::client();
        io.script().incoming.extend(client.messages(&messages()));
        let mut halves = server.split();
        for _ in messages() {
            let message: Message =
                drops.until_done(&mut halves, async |(_, receiver)| receiver.recv().await).unwrap().unwrap();
            drops.until_done(&mut halves, async |(sender, _)| sender.feed(message.clone()).await.unwrap());
        }
        drops.until_done(&mut halves, async |(sender, _)| sender.flush().await.unwrap());
        assert_eq!(client.understand(&io.script().written()), events(&messages()));
        let (sender, receiver) = halves;
        let whole: WebSocket<Scripted> = sender.reunite(receiver).unwrap();
        assert_eq!(whole.ended(), None);
    });
}

#[test]
fn a_client_is_as_safe_as_a_server() {
    for_each_step(|drops, io| {
        let mut client = socket(io.clone(), Role::Client, without_room());
        for message in messages() {
            drops.until_done(&mut client, async |client| client.feed(message.clone()).await.unwrap());
        }
        client.start_close(None);
        io.script().incoming.extend([0x88, 0x00]);
        io.script().eof = true;
        drops.until_done(&mut client, async |client| client.close(None).await.unwrap());
        let mut server = Peer::new(Role::Server);
        let mut expected = events(&messages());
        expected.push(Event::Close(None));
        assert_eq!(server.understand(&io.script().written()), expected);
        assert_eq!(client.ended().unwrap().code(), 1005);
        assert!(io.script().shut_down);
    });
}
