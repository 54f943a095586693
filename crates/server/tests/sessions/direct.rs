//! Messages sent to a session from any task.

use std::{future::pending, time::Duration};

use bowline_core::{CloseCode, CloseFrame, Limits, Message, connection::Config};
use bowline_server::{
    Hub, Session,
    hub::HubBuilder,
    io::Io,
    session::{DirectError, Overflow, Queued, SessionHandle},
};
use tokio::io::{DuplexStream, duplex};

use crate::support::{Client, client, next, no_sessions, pair, rest, serve};

async fn idle(mut session: Session) {
    while let Ok(Some(_)) = session.recv().await {}
}

/// A session whose peer has stopped reading, with nothing in its outbox yet: its connection takes no more.
async fn stalled(hub: &Hub) -> (SessionHandle, DuplexStream) {
    let (near, far) = duplex(64);
    let config = Config::default().keepalive(None).limits(Limits::default().max_write_buffer(1));
    let handle = serve(hub, Io::other(far), config, |session: Session| async move {
        session.send("x".repeat(1_000)).await.unwrap();
        idle(session).await;
    });
    tokio::time::sleep(Duration::from_millis(10)).await;
    (handle, near)
}

fn hub(builder: HubBuilder, overflow: Overflow) -> Hub {
    builder.overflow(overflow).build()
}

async fn drained(near: DuplexStream) -> (Vec<String>, Client) {
    let mut client = client(near);
    let mut texts = Vec::new();
    while let Ok(message) = tokio::time::timeout(Duration::from_secs(5), client.recv()).await {
        match message {
            Ok(Some(message)) => texts.push(crate::support::text(&message)),
            _ => break,
        }
    }
    assert_eq!(texts.remove(0).len(), 1_000);
    (texts, client)
}

#[tokio::test(start_paused = true)]
async fn a_direct_message_arrives_from_any_task() {
    let hub = Hub::builder().build();
    let (handle, mut client) = pair(&hub, 1_000, idle);
    for number in 0..100 {
        assert_eq!(handle.send(number.to_string()).unwrap(), Queued { dropped: 0 });
    }
    for number in 0..100 {
        assert_eq!(next(&mut client).await, number.to_string());
    }
    let (id, other) = (handle.id(), hub.clone());
    std::thread::spawn(move || other.session(id).unwrap().send("from a thread").unwrap()).join().unwrap();
    assert_eq!(next(&mut client).await, "from a thread");
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_past_the_bounds_is_the_newest_by_default() {
    for (messages, bytes) in [(3, usize::MAX), (usize::MAX, 6)] {
        let hub = hub(Hub::builder().max_outbox(messages, bytes), Overflow::default());
        let (handle, near) = stalled(&hub).await;
        for text in ["aa", "bb", "cc"] {
            handle.send(text).unwrap();
        }
        let Err(DirectError::Full(back)) = handle.send("dd") else { panic!("it takes more than it may") };
        assert_eq!(back.message(), &Message::text("dd"));
        let (texts, _client) = drained(near).await;
        assert_eq!(texts, ["aa", "bb", "cc"]);
        handle.send("ee").unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_oldest_go_where_the_hub_says_so() {
    let hub = hub(Hub::builder().max_outbox(3, usize::MAX), Overflow::DropOldest);
    let (handle, near) = stalled(&hub).await;
    let dropped = ["aa", "bb", "cc", "dd", "ee"].map(|text| handle.send(text).unwrap().dropped);
    assert_eq!(dropped, [0, 0, 0, 1, 1]);
    assert_eq!(drained(near).await.0, ["cc", "dd", "ee"]);
}

#[tokio::test(start_paused = true)]
async fn all_but_the_latest_go_where_the_hub_says_so() {
    let hub = hub(Hub::builder().max_outbox(3, usize::MAX), Overflow::KeepLatest);
    let (handle, near) = stalled(&hub).await;
    let dropped = ["aa", "bb", "cc", "dd"].map(|text| handle.send(text).unwrap().dropped);
    assert_eq!(dropped, [0, 0, 0, 3]);
    assert_eq!(drained(near).await.0, ["dd"]);
}

#[tokio::test(start_paused = true)]
async fn the_session_is_closed_with_1013_where_the_hub_says_so() {
    let hub = hub(Hub::builder().max_outbox(2, usize::MAX), Overflow::Disconnect);
    let (handle, near) = stalled(&hub).await;
    handle.send("aa").unwrap();
    handle.send("bb").unwrap();
    assert!(matches!(handle.send("cc"), Err(DirectError::Full(_))));
    let (texts, client) = drained(near).await;
    assert_eq!(texts, ["aa", "bb"], "what was taken is delivered");
    let frame = client.ended().unwrap().frame().cloned().unwrap();
    assert_eq!(frame, CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "slow consumer"));
    no_sessions(&hub).await;
}

/// One that is taken is one that is sent.
#[tokio::test(start_paused = true)]
async fn nothing_is_taken_once_the_close_is_under_way() {
    let hub = Hub::builder().build();
    let (handle, mut client) = pair(&hub, 1_000, idle);
    handle.send("before").unwrap();
    handle.close(None);
    let mut taken = vec!["before".to_owned()];
    // The connection's task begins the close somewhere between these.
    for number in 0..20 {
        if handle.send(number.to_string()).is_ok() {
            taken.push(number.to_string());
        }
        tokio::task::yield_now().await;
    }
    assert!(matches!(handle.send("after"), Err(DirectError::Gone(_))));
    assert_eq!(rest(&mut client).await, (taken, 1000));
}

#[tokio::test(start_paused = true)]
async fn messages_of_a_handler_that_never_waits_for_them_arrive() {
    let hub = Hub::builder().build();
    let (handle, mut client) = pair(&hub, 1_000, |session: Session| async move {
        let _session = session;
        pending::<()>().await;
    });
    handle.send("direct").unwrap();
    assert_eq!(next(&mut client).await, "direct");
    handle.close(CloseFrame::from(CloseCode::GOING_AWAY));
    assert_eq!(rest(&mut client).await, (vec![], 1001));
    no_sessions(&hub).await;
}
