//! Connections that are cut after each number of bytes there is, under a client and a server that know nothing of it.
//!
//! Ten thousand races of two polls are in `bowline-server`, in `tests/carried`.

use std::{ops::Range, sync::Arc, time::Duration};

use bowline_bench::proxy::{Direction, End, Faults};
use bowline_client::{Client, Event, Transport};
use bowline_server::Hub;
use tokio::{sync::Semaphore, task::JoinSet, time::timeout};

use crate::support::{Site, client, echo, soon};

/// So many clients at a time.
const AT_ONCE: usize = 40;
const MESSAGES: usize = 4;

/// Says all and hears all back. A session that is lost, since its `open` was, isn't seen: it has not begun.
async fn converse(client: &mut Client) {
    let sender = client.sender();
    for n in 0..MESSAGES {
        sender.send(n.to_string()).await.expect("it is open");
    }
    let mut heard = 0;
    while heard < MESSAGES {
        match client.next().await.expect("it is not closed") {
            Event::Message(message) => {
                assert_eq!(message.as_text(), Some(heard.to_string().as_str()));
                heard += 1;
            }
            event @ (Event::SessionLost | Event::Closed(_)) => panic!("{event:?}"),
            _ => {}
        }
    }
}

/// Every connection is cut after `place` bytes in `direction`, until that has happened a few times. Whether it has.
async fn cut_at(site: Arc<Site>, transport: Transport, direction: Direction, place: u64) -> bool {
    let end = if place.is_multiple_of(2) { End::Fin } else { End::Reset };
    let proxy = site.proxy(Faults::default().cut_at(direction, place).end(end));
    let mut client = client(proxy.local_addr(), [transport]).build().expect("it is checked");
    let what = format!("{transport}, {direction:?}, cut at {place}");
    let heal = async {
        let cut = proxy.until(|counts| counts.cuts + counts.resets >= 2);
        // It may be through before it was cut.
        let _none = timeout(Duration::from_secs(2), cut).await;
        proxy.set_faults(Faults::default()).await.expect("they are in bounds");
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = heal => {}
        () = soon(&what, converse(&mut client)) => {}
    }
    let counts = proxy.counts();
    counts.cuts + counts.resets > 0
}

/// At each of `places`; how many of these really were cut.
async fn cut_at_each(transport: Transport, direction: Direction, places: Range<u64>, step: usize) -> usize {
    let site = Arc::new(Site::start(Hub::builder().handler(echo).build()));
    let (slots, mut cuts) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for place in places.step_by(step) {
        let (slots, site) = (Arc::clone(&slots), Arc::clone(&site));
        cuts.spawn(async move {
            let _slot = slots.acquire_owned().await.expect("nobody closes it");
            cut_at(site, transport, direction, place).await
        });
    }
    cuts.join_all().await.into_iter().filter(|cut| *cut).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_to_a_poll_lost_at_every_byte() {
    for transport in [Transport::LongPolling, Transport::Polling] {
        let cuts = cut_at_each(transport, Direction::ToClient, 0..800, 1).await;
        println!("{transport}: {cuts}");
        assert!(cuts > 500, "{transport}: {cuts} were cut");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_carrier_cut_at_any_byte() {
    for transport in Transport::ALL {
        for direction in [Direction::ToClient, Direction::ToServer] {
            let cuts = cut_at_each(transport, direction, 0..900, 5).await;
            println!("{transport}, {direction:?}: {cuts}");
            assert!(cuts > 40, "{transport}, {direction:?}: {cuts} were cut");
        }
    }
}
