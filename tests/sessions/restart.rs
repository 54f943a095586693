//! The server is killed and another takes its address: a session lost, told once; rooms of another epoch, each with one gap.

use std::time::Duration;

use bowline_bench::proxy::{Faults, Proxy, Refusal};
use bowline_client::{Client, Event, GapReason, JoinStart, Position, RoomEvent, RoomHandle, Transport};
use bowline_server::{Hub, room::RoomOptions};
use tokio::time::{sleep, timeout};

use crate::support::{Site, client, echo, soon, until};

const ROOMS: [&str; 3] = ["a", "b", "c"];

fn hub() -> Hub {
    Hub::builder().handler(echo).room_options("*", RoomOptions::default().history(100)).build()
}

/// A client of one transport in all rooms, and the last place of each.
struct Member {
    client: Client,
    rooms: Vec<(RoomHandle, Position)>,
    transport: Transport,
}

impl Member {
    async fn start(proxy: &Proxy, transport: Transport) -> Self {
        let client = client(proxy.local_addr(), [transport]).build().expect("it is checked");
        let mut rooms = Vec::new();
        for name in ROOMS {
            let room = soon("a join", client.sender().join(name, JoinStart::Newest)).await.expect("it may join");
            let place = room.joined_at();
            rooms.push((room, place));
        }
        Self { client, rooms, transport }
    }

    /// Reads so many publications in each room.
    async fn read(&mut self, count: u64) {
        for (room, place) in &mut self.rooms {
            for _ in 0..count {
                match soon("a publication", room.next()).await {
                    Some(RoomEvent::Publication { position, .. }) if position.epoch == place.epoch => {
                        assert_eq!(position.offset, place.offset + 1, "{}", self.transport);
                        *place = position;
                    }
                    other => panic!("{}: {other:?} after {place}", self.transport),
                }
            }
        }
    }

    /// What is told of the server's end: nothing but a gap in each room, to another epoch, and one loss.
    async fn read_loss(&mut self) {
        for (room, place) in &mut self.rooms {
            match soon("a gap", room.next()).await {
                Some(RoomEvent::Gap(gap)) => {
                    assert_eq!((gap.from, gap.reason), (*place, GapReason::Epoch), "{}", self.transport);
                    assert_ne!(gap.to.epoch, place.epoch, "{}", self.transport);
                    *place = gap.to;
                }
                other => panic!("{}: {other:?}", self.transport),
            }
        }
    }

    /// How often the loss of the session was told so far.
    async fn losses(&mut self) -> usize {
        let mut losses = 0;
        while let Ok(event) = timeout(Duration::from_millis(100), self.client.next()).await {
            match event.expect("it is not closed") {
                Event::Closed(closed) => panic!("{}: {closed}", self.transport),
                event => losses += usize::from(event == Event::SessionLost),
            }
        }
        losses
    }
}

fn publish(site: &Site, count: usize) {
    for name in ROOMS {
        let room = site.hub.room(name).expect("a name");
        for n in 0..count {
            room.broadcast(format!("{n}")).expect("there is room");
        }
    }
}

#[tokio::test]
async fn a_restart_is_one_loss_and_one_gap_a_room() {
    let mut site = Site::start(hub());
    let proxy = site.proxy(Faults::default());
    let mut members = Vec::new();
    for transport in Transport::ALL {
        members.push(Member::start(&proxy, transport).await);
    }
    // Twice, since the second finds a session that was opened after a loss.
    for round in 1..=2 {
        publish(&site, 5);
        for member in &mut members {
            member.read(5).await;
            assert_eq!(member.losses().await, 0, "{}", member.transport);
        }
        let address = site.address;
        proxy.set_faults(Faults::default().refuse(Refusal::Reset)).await.expect("they are in bounds");
        proxy.reset_all();
        site.kill().await;
        sleep(Duration::from_millis(100)).await;
        site = Site::start_at(hub(), address);
        proxy.set_faults(Faults::default()).await.expect("they are in bounds");
        let rooms: Vec<_> = ROOMS.iter().map(|name| site.hub.room(*name).expect("a name")).collect();
        until("all are back", || rooms.iter().all(|room| room.member_count() == members.len())).await;
        publish(&site, 3);
        for member in &mut members {
            member.read_loss().await;
            member.read(3).await;
            assert_eq!(member.losses().await, 1, "{}, round {round}", member.transport);
        }
    }
    assert_eq!(site.hub.session_count(), members.len(), "nobody has a session that it doesn't use");
}

/// What was sent and not acknowledged when the session is lost is told as unknown, and what is sent afterwards arrives.
#[tokio::test]
async fn what_a_restart_left_unknown_is_told() {
    for transport in Transport::ALL {
        let site = Site::start(hub());
        let (address, proxy) = (site.address, site.proxy(Faults::default()));
        let mut client = client(proxy.local_addr(), [transport]).build().expect("it is checked");
        let sender = client.sender();
        soon("an acknowledgement", sender.send_acked("a")).await.expect("it is open");
        assert_eq!(crate::support::text(&mut client).await, "a");
        // Nothing reaches the server from here on.
        proxy.set_faults(Faults::default().black_hole(None, 0)).await.expect("they are in bounds");
        let unknown = tokio::spawn({
            let sender = sender.clone();
            async move { sender.send_acked("b").await }
        });
        sleep(Duration::from_millis(100)).await;
        site.kill().await;
        let _site = Site::start_at(hub(), address);
        proxy.set_faults(Faults::default()).await.expect("they are in bounds");
        proxy.reset_all();
        let error = soon("the loss", unknown).await.expect("it ran").expect_err("the session is lost");
        assert_eq!(error.reason(), bowline_client::SendErrorReason::Unknown, "{transport}");
        sender.send("c").await.expect("it is open");
        let heard = loop {
            match soon("an event", client.next()).await.expect("it is not closed") {
                Event::Message(message) => break message,
                Event::Closed(closed) => panic!("{transport}: {closed}"),
                _ => {}
            }
        };
        assert_eq!(heard.as_text(), Some("c"), "{transport}");
    }
}
