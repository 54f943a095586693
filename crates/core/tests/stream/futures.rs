//! `Stream` and `Sink`, with futures' own combinators.

use bowline_core::{CloseCode, Error, Limits, Message};
use futures_util::{
    SinkExt, StreamExt, TryStreamExt,
    stream::{self, FusedStream},
};

use crate::common::{messages, pair, untimed};

#[tokio::test(start_paused = true)]
async fn a_stream_forwarded_to_its_own_sink_is_an_echo() {
    let (mut client, server) = pair(1_000, untimed());
    let (sender, receiver) = server.split();
    let echo = tokio::spawn(receiver.forward(sender));
    for message in messages() {
        client.send(message.clone()).await.unwrap();
        assert_eq!(client.recv().await.unwrap(), Some(message));
    }
    client.close(CloseCode::NORMAL_CLOSURE).await.unwrap();
    drop(client);
    echo.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn send_all_waits_for_room_and_loses_nothing() {
    let config = untimed().limits(Limits::default().max_write_buffer(100));
    let (mut client, mut server) = pair(50, config);
    let sends = async {
        let mut all = stream::iter(messages().into_iter().cycle().take(100).map(Ok));
        client.send_all(&mut all).await.unwrap();
        SinkExt::<Message>::close(&mut client).await.unwrap();
    };
    let receives = async {
        let received = (&mut server).try_collect::<Vec<_>>().await.unwrap();
        assert!(server.is_terminated());
        assert!(server.next().await.is_none());
        drop(server);
        received
    };
    let ((), received) = tokio::join!(sends, receives);
    assert_eq!(received, messages().into_iter().cycle().take(100).collect::<Vec<_>>());
    assert_eq!(client.ended().unwrap().code(), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_terminated_only_after_its_error() {
    let (client, mut server) = pair(1_000, untimed());
    drop(client);
    assert!(!server.is_terminated());
    assert!(matches!(server.next().await, Some(Err(Error::Abnormal))));
    assert!(server.is_terminated());
    assert!(server.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_closing_says_so() {
    let (mut client, _server) = pair(1_000, untimed());
    client.start_close(None);
    let refused = SinkExt::send(&mut client, Message::from("late")).await;
    assert!(matches!(refused, Err(Error::Closed)), "{refused:?}");
}
