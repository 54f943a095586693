//! All clients lose the server at once: they come back spread.
//!
//! 5,000 of them on a virtual clock are in `bowline-client`, at the machine that draws the waits; here fewer really connect, since
//! a build for tests takes milliseconds for each. With `BOWLINE_LONG` there are 5,000.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bowline_client::{Client, Event, Transport};
use bowline_server::{Hub, Session, listener::descriptors, session::SessionHandle};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::support::{Site, carried, echo, soon, until};

/// Holds a client until it is connected again, and gives when that was.
async fn come_back(mut client: Client) -> Instant {
    loop {
        match client.next().await.expect("it is not closed") {
            Event::Disconnected { .. } => break,
            event => panic!("{event:?}"),
        }
    }
    loop {
        match client.next().await.expect("it is not closed") {
            Event::Connected { .. } => break,
            Event::Closed(closed) => panic!("{closed}"),
            _ => {}
        }
    }
    let back = Instant::now();
    // Nobody goes again.
    tokio::spawn(async move { while client.next().await.is_some() {} });
    back
}

/// The most that came within a second, wherever that begins.
fn peak(arrivals: &[Instant]) -> usize {
    let within =
        |from: Instant| arrivals.iter().filter(|at| (from..from + Duration::from_secs(1)).contains(*at)).count();
    arrivals.iter().map(|at| within(*at)).max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_that_lose_the_server_come_back_spread() {
    let clients: usize = if std::env::var_os("BOWLINE_LONG").is_some() { 5_000 } else { 500 };
    // Both ends of each connection are in this process.
    assert!(
        u64::from(descriptors::max_connections(descriptors::raise_max())) > 2 * clients as u64,
        "too few descriptors"
    );
    let handles = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&handles);
    let keep = move |session: Session| {
        kept.lock().unwrap().push(session.handle());
        echo(session)
    };
    let site = Site::start(Hub::builder().handler(keep).build());
    let address = site.address;
    let mut waiting = Vec::new();
    for _ in 0..clients {
        // The waits are the client's own.
        let builder = Client::builder(&format!("http://{address}/")).proxy(bowline_client::Proxy::Direct);
        let mut client = builder.transports([Transport::WebSocket]).build().expect("it is checked");
        soon("a connection", carried(&mut client)).await;
        waiting.push(client);
    }
    let mut coming: JoinSet<_> = waiting.into_iter().map(come_back).collect();
    site.kill().await;
    // WebSockets outlive what listens.
    handles.lock().unwrap().iter().for_each(SessionHandle::abort);
    sleep(Duration::from_millis(200)).await;
    let lost = Instant::now();
    let site = Site::start_at(Hub::builder().handler(echo).build(), address);
    let mut arrivals = Vec::new();
    while let Some(arrived) = soon("an arrival", coming.join_next()).await {
        arrivals.push(arrived.expect("it came back"));
    }
    until("all are there", || site.hub.session_count() >= clients).await;
    let last = arrivals.iter().max().expect("some").duration_since(lost);
    println!("at most {} of {clients} in a second; the last after {last:?}", peak(&arrivals));
    // Of fewer, more fall together by chance: four standard deviations of a sixth.
    let chance = if clients < 5_000 { (clients as f64 * 5.0 / 36.0).sqrt() * 4.0 } else { 0.0 };
    let most = (clients as f64 / 6.0 + chance).max(clients as f64 / 5.0);
    assert!(peak(&arrivals) as f64 <= most, "{} in a second, of {clients}", peak(&arrivals));
    assert!(last < Duration::from_secs(30), "the last was back after {last:?}");
}
