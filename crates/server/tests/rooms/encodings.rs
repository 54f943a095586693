//! Members that take publications in different forms, all of one room.

use std::time::Duration;

use bowline_core::{
    Role,
    connection::Config,
    handshake::Negotiated,
    message::deflate::{DeflateConfig, DeflateParams},
    stream::WebSocket,
};
use bowline_server::{
    Hub, Session,
    hub::Admission,
    io::Io,
    room::{Encoding, Entry, Publication, Read, Start},
};
use bytes::BytesMut;
use tokio::{
    io::{DuplexStream, duplex},
    time::timeout,
};

async fn idle(mut session: Session) {
    while let Ok(Some(_)) = session.recv().await {}
}

/// A session that compresses, or doesn't, and keeps its window from message to message, or doesn't.
fn connect(
    hub: &Hub,
    params: Option<DeflateParams>,
) -> (bowline_server::session::SessionHandle, WebSocket<DuplexStream>) {
    let (near, far) = duplex(1_000);
    let config = || Config::default().keepalive(None).deflate(params.map(|_| DeflateConfig::default()));
    let negotiated = |role| params.into_iter().fold(Negotiated::assumed(role), Negotiated::with_deflate);
    let server = WebSocket::from_raw(Io::other(far), &negotiated(Role::Server), config(), BytesMut::new());
    let client = WebSocket::from_raw(near, &negotiated(Role::Client), config(), BytesMut::new());
    (hub.serve_with(server, Admission::default(), idle).unwrap(), client)
}

#[tokio::test(start_paused = true)]
async fn all_get_the_same_in_their_own_form() {
    let hub = Hub::builder().build();
    let room = hub.room("r").unwrap();
    let kept = DeflateParams {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    let fresh = DeflateParams { server_no_context_takeover: true, ..kept };
    let small = DeflateParams { server_max_window_bits: 10, ..fresh };
    let mut members: Vec<_> = [None, Some(fresh), Some(small), Some(kept), None, Some(fresh), Some(kept)]
        .map(|params| connect(&hub, params))
        .into();
    for (handle, _) in &members {
        handle.join(&room, Start::Newest).unwrap();
    }
    let mut events = room.reader(Start::Newest, Encoding::EventStream, false).unwrap();
    let mut messages = room.subscribe(Start::Newest).unwrap();
    let text = |number: usize| format!("{number} {}", "the same words again and again ".repeat(number % 40));
    for number in 0..200 {
        let passed_over = &members[number % members.len()].0;
        room.broadcast(Publication::new(text(number)).except(passed_over.id())).unwrap();
        if number.is_multiple_of(3) {
            // Something in between that only one gets, and that its window must know of.
            members[3].0.send(format!("direct {number}")).unwrap();
        }
        tokio::task::yield_now().await;
        for (index, (_, client)) in members.iter_mut().enumerate() {
            if number % 7 == index {
                if index == 3 && number.is_multiple_of(3) {
                    next(client).await;
                }
                continue;
            }
            let mut seen = next(client).await;
            if seen.starts_with("direct") {
                seen = next(client).await;
                assert_eq!(seen, text(number), "member {index}");
            } else {
                assert_eq!(seen, text(number), "member {index}");
                if index == 3 && number.is_multiple_of(3) {
                    assert_eq!(next(client).await, format!("direct {number}"));
                }
            }
        }
        assert!(
            matches!(messages.try_read(), Some(Entry::Publication(_, message)) if message.as_text() == Some(&*text(number)))
        );
        let Some(Read::Encoded { bytes, count: 1 }) = events.try_read() else { panic!("no event") };
        assert!(std::str::from_utf8(&bytes).unwrap().contains(text(number).trim_end()));
    }
}

async fn next(client: &mut WebSocket<DuplexStream>) -> String {
    let message = timeout(Duration::from_secs(5), client.recv()).await.expect("it comes").unwrap();
    message.expect("it is open").as_text().expect("a text").to_owned()
}
