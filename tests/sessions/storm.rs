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

/// Holds a client until it is connected again, and gives when it came: when the wait was over that it had drawn. How long it then
/// takes to be served is the machine's, and would say nothing of the waits where that has too much to do.
async fn come_back(mut client: Client) -> Instant {
    let mut coming = None;
    loop {
        match client.next().await.expect("it is not closed") {
            Event::Disconnected { retry_in, .. } => coming = Some(Instant::now() + retry_in),
            Event::Connected { .. } => break,
            Event::Closed(closed) => panic!("{closed}"),
            _ => {}
        }
    }
    // Nobody goes again.
    tokio::spawn(async move { while client.next().await.is_some() {} });
    coming.expect("it lost the server")
}

/// The most that came within a second, wherever that begins.
fn peak(arrivals: &[Instant]) -> usize {
    let within =
        |from: Instant| arrivals.iter().filter(|at| (from..from + Duration::from_secs(1)).contains(*at)).count();
    arrivals.iter().map(|at| within(*at)).max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_that_lose_the_server_come_back_spread() {
    let clients: usize = if std::env::var_os("BOWLINE_LONG").is_some() { 5_000 } else { 1_000 };
    // Both ends of each connection are in this process.
    assert!(
        u64::from(descriptors::max_connections(descriptors::raise_max())) > 2 * clients as u64,
        "too few descriptors"
    );
    let handles = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&handles);
    let keep = move |session: Session| {
        kept.lock().expect("nobody panicked").push(session.handle());
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
    handles.lock().expect("nobody panicked").iter().for_each(SessionHandle::abort);
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
    // A sixth is meant. Of fewer, more fall together by chance, which tells less.
    let most = if clients == 5_000 { clients / 5 } else { clients / 4 };
    assert!(peak(&arrivals) <= most, "{} in a second, of {clients}", peak(&arrivals));
    assert!(last < Duration::from_secs(30), "the last was back after {last:?}");
}
