//! Paths that let through some transports and not others, and how soon that is found out.

use std::time::Duration;

use bowline_bench::proxy::{Config, Faults, Proxy};
use bowline_client::{Client, Event, Transport};
use bowline_core::Limits;
use bowline_server::{Hub, http::Guards};
use tokio::{
    runtime::Handle,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::support::{Site, carried, client, echo, event, hasty_client, soon, text, until};

fn site() -> Site {
    Site::start(Hub::builder().handler(echo).session_ttl(Duration::from_secs(1)).build())
}

async fn set(proxy: &Proxy, faults: Faults) {
    proxy.set_faults(faults).await.expect("they are in bounds");
}

async fn say(client: &mut Client, what: &str) {
    client.sender().send(what).await.expect("it is open");
    assert_eq!(text(client).await, what);
}

#[tokio::test]
async fn a_path_that_strips_upgrade() {
    let site = site();
    let proxy = site.proxy(Faults::default().strip_upgrade(true));
    let began = Instant::now();
    let builder = client(proxy.local_addr(), Transport::ALL).memory(Duration::from_secs(2));
    let mut client = builder.build().expect("it is checked");
    client.sender().send("a").await.expect("it is open");
    assert_eq!(carried(&mut client).await, Transport::Comet);
    assert_eq!(text(&mut client).await, "a");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    // The next time it is known: no WebSocket is tried first.
    let asked = proxy.counts().upgrades_stripped;
    assert_eq!(asked, 1);
    proxy.cut_all();
    while !matches!(event(&mut client).await, Event::Disconnected { .. }) {}
    let cut = Instant::now();
    assert_eq!(carried(&mut client).await, Transport::Comet);
    say(&mut client, "b").await;
    assert!(cut.elapsed() < Duration::from_millis(500), "{:?}", cut.elapsed());
    assert_eq!(proxy.counts().upgrades_stripped, asked);
    // Later it is tried again, in vain, and the session lives on.
    soon("another try", proxy.until(|counts| counts.upgrades_stripped > asked)).await;
    say(&mut client, "c").await;
    set(&proxy, Faults::default()).await;
    assert_eq!(carried(&mut client).await, Transport::WebSocket);
    say(&mut client, "d").await;
}

#[tokio::test]
async fn a_path_that_buffers() {
    let site = site();
    let proxy = site.proxy(Faults::default().buffer_responses(true));
    let began = Instant::now();
    let http = [Transport::Comet, Transport::LongPolling, Transport::Polling];
    let builder = client(proxy.local_addr(), http).memory(Duration::from_secs(1));
    let mut client = builder.build().expect("it is checked");
    assert_eq!(carried(&mut client).await, Transport::LongPolling);
    assert!(began.elapsed() < Duration::from_millis(2_500), "{:?}", began.elapsed());
    say(&mut client, "a").await;
    set(&proxy, Faults::default()).await;
    // Connections keep the faults that they were accepted with.
    proxy.cut_all();
    assert_eq!(soon("Comet", until_carried_by(&mut client, Transport::Comet)).await, Transport::Comet);
    say(&mut client, "b").await;
}

async fn until_carried_by(client: &mut Client, wanted: Transport) -> Transport {
    loop {
        if carried(client).await == wanted {
            return wanted;
        }
    }
}

/// With the client's own times: what is swallowed is dropped within 10 s, and nobody but it is harmed.
#[tokio::test]
async fn a_path_that_swallows_the_101() {
    let site = site();
    let proxy = site.proxy(Faults::default().swallow_101(true));
    let began = Instant::now();
    let mut client = client(proxy.local_addr(), Transport::ALL).build().expect("it is checked");
    assert_eq!(carried(&mut client).await, Transport::Comet);
    say(&mut client, "a").await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(proxy.counts().switches_swallowed, 1);
    // Its WebSocket opened a session of its own, which ends with it.
    let dropped = until("it is dropped", || site.hub.session_count() == 1);
    let said = async {
        for n in 0.. {
            say(&mut client, &n.to_string()).await;
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = dropped => {}
        () = said => {}
    }
    // The second is that session's time to live.
    assert!(began.elapsed() < Duration::from_secs(10 + 1 + 1), "{:?}", began.elapsed());
    say(&mut client, "z").await;
}

/// One client of [`swallowed_tries_leak_nothing`]; it is carried in between, and its session lives.
async fn suffer(mut client: Client, end: Instant) -> usize {
    let (mut said, sender) = (0, client.sender());
    while Instant::now() < end {
        let what = said.to_string();
        sender.send(what.as_str()).await.expect("it is open");
        assert_eq!(text(&mut client).await, what);
        said += 1;
        sleep(Duration::from_millis(20)).await;
    }
    sender.close(bowline_core::CloseCode::NORMAL_CLOSURE);
    let mut closed = None;
    while let Some(event) = soon("the end", client.next()).await {
        closed = Some(event);
    }
    assert!(matches!(closed, Some(Event::Closed(_))), "{closed:?}");
    said
}

#[tokio::test]
async fn swallowed_tries_leak_nothing() {
    const CLIENTS: usize = 30;
    let site = site();
    let proxy = site.proxy(Faults::default().swallow_101(true));
    // What runs in any case: the server's tasks and the proxy's.
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let (mut clients, end) = (JoinSet::new(), Instant::now() + Duration::from_secs(8));
    for _ in 0..CLIENTS {
        let short = Duration::from_millis(120);
        let limits = Limits::default().handshake_timeout(short);
        let builder = hasty_client(proxy.local_addr(), [Transport::WebSocket, Transport::LongPolling]);
        let builder =
            builder.memory(Duration::from_millis(20)).race_delay(short / 2).comet_timeout(short).limits(limits);
        clients.spawn(suffer(builder.build().expect("it is checked"), end));
    }
    let said: usize = soon("all suffered", clients.join_all()).await.into_iter().sum();
    let swallowed = proxy.counts().switches_swallowed;
    println!("{swallowed} tries were swallowed, {said} messages came back meanwhile");
    assert!(swallowed > 1_000 && said > CLIENTS * 10, "{swallowed}, {said}");
    until("no session is left", || site.hub.session_count() == 0).await;
    soon("no connection is left", proxy.until(|counts| counts.open == 0)).await;
    until("none at the server", || site.open() == 0).await;
    until("no task is left", || tasks() <= before).await;
}

/// A gateway that cuts what is idle for 30 s, for ten minutes, with everything as it is by default. The clock is virtual.
#[tokio::test(start_paused = true)]
async fn a_path_that_cuts_what_is_idle() {
    for transport in Transport::ALL {
        let hub = Hub::builder().handler(echo).build();
        let site = Site::serve(hub.service(Guards::new()), hub, ([127, 0, 0, 1], 0).into());
        let faults = Faults::default().cut_idle(Duration::from_secs(30));
        let proxy = Proxy::start(site.address, faults, Config::default()).expect("a free port");
        let mut client = client(proxy.local_addr(), [transport]).build().expect("it is checked");
        assert_eq!(carried(&mut client).await, transport);
        let end = Instant::now() + Duration::from_secs(600);
        for n in 0.. {
            // Longer than the gateway keeps what was used for a POST.
            let silence = Duration::from_secs([10, 70, 100][n % 3]);
            if let Ok(event) = timeout(silence, client.next()).await {
                panic!("{transport}: {event:?} {:?} before the end", end - Instant::now());
            }
            if Instant::now() >= end {
                break;
            }
            say(&mut client, &n.to_string()).await;
        }
        println!("{transport}: {} idle connections were cut", proxy.counts().idle_cuts);
    }
}
