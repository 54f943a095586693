//! Answers to what one read brought leave in one write; and nothing is held for long.

use bowline_core::{Limits, Message, connection::Config, connection::Event, stream::WebSocket};
use tokio::task::yield_now;

use crate::{
    common::{Peer, events, scripted, untimed},
    scripted::Scripted,
};

fn requests() -> Vec<Message> {
    (0..16).map(|number| format!("request {number}").into()).collect()
}

/// Echoes what there is, and then waits for more.
async fn echo(config: Config, wire: Vec<u8>) -> Scripted {
    let (mut server, io) = scripted(Scripted::default(), config);
    io.script().incoming.extend(wire);
    let task = tokio::spawn(async move {
        while let Some(message) = server.recv().await.unwrap() {
            server.send(message).await.unwrap();
        }
    });
    while !io.script().incoming.is_empty() {
        yield_now().await;
    }
    for _ in 0..10 {
        yield_now().await;
    }
    assert!(!task.is_finished(), "it waits");
    task.abort();
    io
}

#[tokio::test(start_paused = true)]
async fn answers_to_one_read_leave_in_one_write() {
    let mut client = Peer::client();
    let io = echo(untimed(), client.messages(&requests())).await;
    assert_eq!(io.script().writes.len(), 1);
    assert!(io.script().flushed);
    assert_eq!(client.understand(&io.script().written()), events(&requests()));
}

#[tokio::test(start_paused = true)]
async fn without_autocork_each_answer_is_a_write() {
    let mut client = Peer::client();
    let io = echo(untimed().autocork(false), client.messages(&requests())).await;
    assert_eq!(io.script().writes.len(), 16);
    assert_eq!(client.understand(&io.script().written()), events(&requests()));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_held_for_a_message_that_has_not_come_whole() {
    let mut client = Peer::client();
    let wire = client.messages(&requests());
    for cut in 1..20 {
        let mut client = Peer::client();
        let io = echo(untimed(), wire[..wire.len() - cut].to_vec()).await;
        assert_eq!(io.script().writes.len(), 1);
        let answered = if cut <= 16 { 15 } else { 14 };
        assert_eq!(client.understand(&io.script().written()), events(&requests()[..answered]), "cut {cut}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_held_before_control_frames_or_a_broken_one() {
    let mut client = Peer::client();
    let wire = [client.messages(&["a".into()]), client.ping("p")].concat();
    let io = echo(untimed(), wire).await;
    assert_eq!(client.understand(&io.script().written()), [Event::Message("a".into()), Event::Pong("p".into())]);

    let (mut server, io) = scripted(Scripted::default(), untimed());
    io.script().incoming.extend([client.messages(&["a".into()]), vec![0xff; 20]].concat());
    let message = server.recv().await.unwrap().unwrap();
    server.send(message).await.unwrap();
    assert_eq!(client.understand(&io.script().written()), [Event::Message("a".into())]);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_is_bounded_by_the_write_buffer() {
    let mut client = Peer::client();
    // Four answers of 12 bytes are past 40.
    let config = untimed().limits(Limits::default().max_write_buffer(40));
    let io = echo(config, client.messages(&vec!["0123456789".into(); 16])).await;
    assert_eq!(io.script().writes.iter().map(Vec::len).collect::<Vec<_>>(), [48; 4]);
}

#[tokio::test(start_paused = true)]
async fn flush_sends_what_is_held() {
    let mut client = Peer::client();
    let (mut server, io) = scripted(Scripted::default(), untimed());
    io.script().incoming.extend(client.messages(&requests()));
    let first = server.recv().await.unwrap().unwrap();
    server.send(first.clone()).await.unwrap();
    assert_eq!(io.script().writes.len(), 0);
    WebSocket::flush(&mut server).await.unwrap();
    assert_eq!(client.understand(&io.script().written()), events(&[first]));
}
