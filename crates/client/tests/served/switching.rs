//! From carrier to carrier, and from server to server.

use std::time::{Duration, Instant};

use bowline_client::{Client, Event, GapReason, JoinStart, Transport};
use bowline_server::{Hub, hub::HubBuilder, room::RoomOptions};

use super::{
    relay::{Fate, Relay},
    support::{Site, client, echo, publication, soon, text},
};

fn hub() -> HubBuilder {
    Hub::builder().handler(echo).room_options("*", RoomOptions::default().history(100))
}

/// The transport that carries next.
async fn carried(client: &mut Client) -> Transport {
    loop {
        match soon(client.next()).await.expect("open") {
            Event::Connected { transport } | Event::TransportChanged { to: transport, .. } => return transport,
            Event::Closed(closed) => panic!("{closed}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_check_is_not_seen_in_what_the_application_gets() {
    let site = Site::start(hub());
    for transport in Transport::ALL {
        let mut client = site.client(&[transport]).build().expect("checked");
        for number in 0..10 {
            client.sender().send(format!("{number}")).await.expect("open");
            assert_eq!(text(&mut client).await, format!("{number}"), "{transport}");
            client.sender().check();
        }
    }
}

#[tokio::test]
async fn a_path_that_strips_upgrade_and_then_does_not() {
    let site = Site::start(hub());
    let relay = Relay::start(site.address).await;
    relay.fates(|| Fate::Strip);
    let began = Instant::now();
    let memory = Duration::from_millis(500);
    let mut client = client(relay.address, &Transport::ALL).memory(memory).build().expect("checked");
    client.sender().send("a").await.expect("open");
    assert_eq!(carried(&mut client).await, Transport::Comet);
    assert_eq!(text(&mut client).await, "a");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    relay.fates(|| Fate::Pass);
    assert_eq!(carried(&mut client).await, Transport::WebSocket);
    client.sender().send("b").await.expect("open");
    assert_eq!(text(&mut client).await, "b");
}

#[tokio::test]
async fn a_path_that_swallows_the_101() {
    let site = Site::start(hub());
    let relay = Relay::start(site.address).await;
    relay.fates(|| Fate::Swallow);
    let limits = bowline_core::Limits::default().handshake_timeout(Duration::from_millis(700));
    let builder = client(relay.address, &Transport::ALL).memory(Duration::from_millis(300)).limits(limits);
    let mut client = builder.comet_timeout(Duration::from_millis(200)).build().expect("checked");
    assert_eq!(carried(&mut client).await, Transport::Comet);
    // WebSocket is tried again and again, and takes the session away each time.
    let began = Instant::now();
    let mut number = 0;
    while began.elapsed() < Duration::from_secs(5) {
        client.sender().send(format!("{number}")).await.expect("open");
        assert_eq!(text(&mut client).await, format!("{number}"));
        number += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(number > 20, "{number} messages came through in 5 s");
}

#[tokio::test]
async fn a_path_that_buffers() {
    let site = Site::start(hub());
    let relay = Relay::start(site.address).await;
    relay.fates(|| Fate::Buffer);
    let began = Instant::now();
    let mut client = client(relay.address, &Transport::ALL[1..]).build().expect("checked");
    client.sender().send("a").await.expect("open");
    assert_eq!(carried(&mut client).await, Transport::LongPolling);
    assert!(began.elapsed() < Duration::from_millis(2_500), "{:?}", began.elapsed());
    assert_eq!(text(&mut client).await, "a");
}

#[tokio::test]
async fn a_server_that_is_started_again_has_another_epoch_and_one_gap_a_room() {
    for transport in Transport::ALL {
        let site = Site::start(hub());
        let relay = Relay::start(site.address).await;
        let mut client = client(relay.address, &[transport]).build().expect("checked");
        let mut rooms = Vec::new();
        for name in ["a", "b", "c"] {
            let mut room = soon(client.sender().join(name, JoinStart::Newest)).await.expect("joined");
            soon(room.publish("before")).await.expect("published");
            assert_eq!(publication(&mut room).await, Ok((1, "before".to_owned())));
            rooms.push(room);
        }
        let site = Site::start(hub());
        relay.retarget(site.address);
        relay.cut();
        loop {
            match soon(client.next()).await.expect("open") {
                Event::SessionLost => break,
                Event::Closed(closed) => panic!("{closed}"),
                _ => {}
            }
        }
        for room in &mut rooms {
            let server = site.hub.room(room.name()).expect("a name");
            let began = Instant::now();
            while server.member_count() == 0 {
                assert!(began.elapsed() < Duration::from_secs(10), "{transport}: not joined again");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            server.broadcast("after").expect("published");
            let gap = publication(room).await.expect_err("a gap");
            assert_eq!((gap.from.offset, gap.reason), (1, GapReason::Epoch), "{transport}");
            assert_ne!(gap.from.epoch, gap.to.epoch);
            let (offset, said) = publication(room).await.expect("exactly one gap");
            assert_eq!((offset, said.as_str()), (1, "after"), "{transport}");
        }
    }
}

/// Gateways cut what is idle after a minute, some after half of one. The clock stands still while something happens.
#[tokio::test(start_paused = true)]
async fn a_path_that_cuts_what_is_idle_for_30_s_cuts_nothing_in_10_minutes() {
    let site = Site::start(hub());
    let relay = Relay::start(site.address).await;
    relay.fates(|| Fate::Idle(30));
    for transport in Transport::ALL {
        let mut client = client(relay.address, &[transport]).build().expect("checked");
        client.sender().send("a").await.expect("open");
        assert_eq!(carried(&mut client).await, transport);
        assert_eq!(text(&mut client).await, "a");
        let quiet = tokio::time::timeout(Duration::from_secs(600), client.next()).await;
        assert!(quiet.is_err(), "{transport}: {quiet:?}");
        client.sender().send("b").await.expect("open");
        assert_eq!(text(&mut client).await, "b", "{transport}");
    }
}

#[tokio::test]
async fn connections_that_come_and_go_leave_nothing() {
    let site = Site::start(hub());
    let relay = Relay::start(site.address).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let mut client = client(relay.address, &Transport::ALL).memory(Duration::ZERO).build().expect("checked");
    let mut counts = Vec::new();
    for number in 0..200 {
        client.sender().send(format!("{number}")).await.expect("open");
        assert_eq!(text(&mut client).await, format!("{number}"));
        let fate = if number % 2 == 0 { Fate::Strip } else { Fate::Pass };
        relay.fates(move || fate);
        relay.cut();
        counts.push(tasks());
    }
    let (early, late) = (counts[20..60].iter().max(), counts[160..].iter().max());
    assert!(late <= early, "{early:?} tasks, then {late:?}");
}
