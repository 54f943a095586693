//! Carriers cut at any byte, and paths that change: nothing is lost, doubled or reordered.

use std::{sync::Arc, time::Duration};

use bowline_client::{Event, JoinStart, RoomEvent, Sender, Transport};
use bowline_server::{Hub, room::RoomOptions};

use super::{
    relay::{Fate, Relay},
    support::{Count, Dice, Site, client, echo, soon},
};

/// Messages each way, and publications.
const MESSAGES: u64 = 400;

/// The time between two of them.
const PACE: Duration = Duration::from_millis(4);

fn fate(dice: &Dice, can_strip: bool) -> Fate {
    let at = |most| usize::try_from(dice.below(most)).expect("small");
    match dice.below(10) {
        // Where WebSocket is all there is, it comes to a refusal, and where it is not, to nothing.
        0 | 1 if can_strip => Fate::Strip,
        2 => Fate::Refuse,
        _ => Fate::Cut(300 + at(2_000), at(2_000)),
    }
}

/// A path whose connections have fates by the dice; and how many there were.
async fn relay(site: &Site, dice: Dice, can_strip: bool) -> (Relay, Arc<Count>) {
    let relay = Relay::start(site.address).await;
    let connections = Arc::new(Count::default());
    let counted = Arc::clone(&connections);
    relay.fates(move || {
        counted.add();
        fate(&dice, can_strip)
    });
    (relay, connections)
}

/// Publishes, and checks what a member gets.
async fn room(seed: u64, sender: Sender, hub: Hub) {
    let mut room = soon(sender.join("r", JoinStart::Newest)).await.expect("joined");
    let server = hub.room("r").expect("a name");
    let publishing = tokio::spawn(async move {
        for number in 1..=MESSAGES {
            server.broadcast(format!("{number}")).expect("published");
            tokio::time::sleep(PACE).await;
        }
    });
    for next in 1..=MESSAGES {
        let event = soon(room.next()).await;
        let Some(RoomEvent::Publication { position, message }) = event else {
            panic!("seed {seed}: {event:?}, {next}")
        };
        assert_eq!((position.offset, message.as_text()), (next, Some(next.to_string().as_str())), "seed {seed}");
    }
    soon(publishing).await.expect("it ran");
}

async fn send(sender: Sender) {
    for number in 0..MESSAGES {
        let long = "x".repeat(usize::try_from(number % 50).expect("small"));
        sender.send(format!("{number} {long}")).await.expect("open");
        tokio::time::sleep(PACE).await;
    }
}

async fn run(seed: u64, transports: &[Transport]) {
    let dice = Dice::new(seed);
    let options = RoomOptions::default().history(10_000).max_log_count(10_000);
    let site = Site::start(Hub::builder().handler(echo).room_options("*", options));
    let (relay, connections) = relay(&site, dice, transports.len() == Transport::ALL.len()).await;
    let builder = client(relay.address, transports)
        .memory(Duration::from_millis(50))
        .comet_timeout(Duration::from_millis(300))
        .mailbox(32, 100_000);
    let mut client = builder.build().expect("checked");
    let in_room = tokio::spawn(room(seed, client.sender(), site.hub.clone()));
    let sending = tokio::spawn(send(client.sender()));
    let (mut next, mut changes) = (0, 0);
    while next < MESSAGES {
        match soon(client.next()).await.expect("open") {
            Event::Message(message) => {
                let text = message.as_text().expect("a text").to_owned();
                assert!(text.starts_with(&format!("{next} ")), "seed {seed}: {text} instead of {next}");
                next += 1;
            }
            Event::TransportChanged { .. } | Event::Connected { .. } => changes += 1,
            event @ (Event::SessionLost | Event::Closed(_)) => panic!("seed {seed}: {event:?}"),
            _ => {}
        }
    }
    soon(sending).await.expect("it ran");
    soon(in_room).await.expect("the room's guarantee");
    println!("seed {seed}: {changes} changes, {} connections", connections.get());
    assert!(connections.get() > 20, "seed {seed}: the run was cut {} times", connections.get());
}

#[tokio::test]
async fn nothing_is_lost_doubled_or_reordered() {
    const SETS: [&[Transport]; 4] =
        [&Transport::ALL, &[Transport::WebSocket], &[Transport::Comet, Transport::LongPolling], &[Transport::Polling]];
    let runs = if std::env::var_os("BOWLINE_LONG").is_some() { 40 } else { 4 };
    for seed in 0..runs {
        run(seed, SETS[usize::try_from(seed % 4).expect("small")]).await;
    }
}
