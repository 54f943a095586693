//! Rooms over each transport.

use bowline_client::{GapReason, JoinStart, PresenceChange, Publication, RequestError, RoomEvent, Transport};
use bowline_core::session::FailedReason;
use bowline_server::{Hub, room::RoomOptions};

use super::support::{Site, echo, publication, soon};

fn hub() -> bowline_server::hub::HubBuilder {
    Hub::builder().handler(echo).room_options("*", RoomOptions::default().history(1_000).presence(true))
}

#[tokio::test]
async fn publications_come_in_order_over_each() {
    let site = Site::start(hub());
    for transport in Transport::ALL {
        let client = site.client(&[transport]).build().expect("checked");
        let name = format!("room of {transport}");
        let mut room = soon(client.sender().join(&name, JoinStart::Newest)).await.expect("joined");
        let server = site.hub.room(name.as_str()).expect("a name");
        for number in 1..=300 {
            let published = server.broadcast(format!("{number}")).expect("published");
            assert_eq!(published.position.offset, number);
        }
        for number in 1..=300 {
            assert_eq!(publication(&mut room).await, Ok((number, number.to_string())), "{transport}");
        }
        let published = soon(room.publish(vec![0_u8, 1, 255])).await.expect("published");
        assert_eq!((published.position.offset, published.duplicate), (301, false), "{transport}");
        let event = soon(room.next()).await.expect("its own");
        let expected = RoomEvent::Publication { position: published.position, message: vec![0_u8, 1, 255].into() };
        assert_eq!(event, expected, "{transport}");
        let again = Publication::new("x").idempotency_key("k");
        let first = soon(room.publish(again.clone())).await.expect("published");
        let second = soon(room.publish(again)).await.expect("published");
        assert_eq!((second.position, second.duplicate), (first.position, true));
    }
}

#[tokio::test]
async fn history_presence_members_and_leaving() {
    let site = Site::start(hub());
    for transport in Transport::ALL {
        let client = site.client(&[transport]).build().expect("checked");
        let name = format!("room of {transport}");
        let server = site.hub.room(name.as_str()).expect("a name");
        for number in 1..=5 {
            server.broadcast(format!("{number}")).expect("published");
        }
        let sender = client.sender();
        let mut room = soon(sender.join(&name, JoinStart::History(2))).await.expect("joined");
        assert_eq!(publication(&mut room).await, Ok((4, "4".to_owned())));
        assert_eq!(publication(&mut room).await, Ok((5, "5".to_owned())));
        assert_eq!(soon(room.members()).await.expect("told").len(), 1);
        let other = site.client(&[Transport::WebSocket]).build().expect("checked");
        let others = soon(other.sender().join(&name, JoinStart::Newest)).await.expect("joined");
        let joined = soon(room.next()).await;
        assert!(matches!(joined, Some(RoomEvent::Presence(PresenceChange::Joined(_)))), "{transport}: {joined:?}");
        assert_eq!(soon(room.members()).await.expect("told").len(), 2);
        soon(others.leave()).await.expect("left");
        let left = soon(room.next()).await;
        assert!(matches!(left, Some(RoomEvent::Presence(PresenceChange::Left(_)))), "{transport}: {left:?}");

        let twice = soon(sender.join(&name, JoinStart::Newest)).await.expect_err("joined already");
        assert!(matches!(twice, RequestError::Failed { reason: FailedReason::JoinedAlready, .. }), "{twice}");
        let bad = soon(sender.join("\u{0}", JoinStart::Newest)).await.expect_err("no name");
        assert!(matches!(bad, RequestError::Failed { reason: FailedReason::RoomName, .. }), "{bad}");
        // Left by dropping, and joined again at once.
        drop(room);
        let room = soon(sender.join(&name, JoinStart::Newest)).await.expect("joined again");
        assert_eq!(room.joined_at().offset, 5, "{transport}");
    }
}

#[tokio::test]
async fn a_place_too_old_is_one_gap() {
    let options = RoomOptions::default().history(3).max_log_count(3);
    let site = Site::start(Hub::builder().handler(echo).room_options("*", options));
    let server = site.hub.room("r").expect("a name");
    let start = server.position();
    for number in 1..=10 {
        server.broadcast(format!("{number}")).expect("published");
    }
    for transport in Transport::ALL {
        let client = site.client(&[transport]).build().expect("checked");
        let mut room = soon(client.sender().join("r", JoinStart::After(start))).await.expect("joined");
        let gap = publication(&mut room).await.expect_err("a gap");
        assert_eq!((gap.from, gap.to.offset, gap.reason), (start, 7, GapReason::Expired), "{transport}");
        for number in 8..=10 {
            assert_eq!(publication(&mut room).await, Ok((number, number.to_string())), "{transport}");
        }
    }
}
