//! A shootout with servers that speak the protocol, or nearly.

use std::{net::SocketAddr, sync::Arc};

use bowline_bench::{Ask, Error, Plan, Report, ShootoutEnd, ShootoutPlan, ShootoutReport, Verdict};
use bowline_core::{Message, stream::WebSocket};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::broadcast,
};

use crate::server::{broken_off, free_address, is_under_way, ms, run};

/// What a server does with the broadcast that has this number, from 0 on: how often it goes to all.
type Script = fn(u64) -> usize;

struct Server {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    fn start(script: Script) -> Self {
        let (all, number) = (broadcast::channel(1_000).0, Arc::default());
        Self::serving(move |socket| serve(socket, all.clone(), Arc::clone(&number), script))
    }

    /// Sends what `answers` makes of each message, to who sent it.
    fn answering(answers: fn(&str) -> Vec<String>) -> Self {
        Self::serving(move |socket| async move {
            let (mut sender, mut receiver) = WebSocket::accept(socket).await.ok()?.split();
            loop {
                for answer in answers(receiver.recv().await.ok()??.as_text()?) {
                    sender.send(Message::text(answer)).await.ok()?;
                }
            }
        })
    }

    fn serving<S: Future<Output = Option<()>> + Send + 'static>(
        serve: impl Fn(TcpStream) -> S + Send + 'static,
    ) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("it has one");
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket));
            }
        });
        Self { address, _runtime: runtime }
    }

    fn plan(&self, ask: Ask) -> ShootoutPlan {
        let mut plan = ShootoutPlan::new(format!("ws://{}/", self.address).parse().expect("a URL"));
        (plan.ask, plan.initial_clients, plan.step_size, plan.max_clients) = (ask, 10, 10, 25);
        (plan.payload_padding_size, plan.open_timeout) = (25, ms(10_000));
        plan
    }
}

async fn serve(
    socket: TcpStream,
    all: broadcast::Sender<String>,
    number: Arc<std::sync::atomic::AtomicU64>,
    script: Script,
) -> Option<()> {
    let (mut sender, mut receiver) = WebSocket::accept(socket).await.ok()?.split();
    let mut news = all.subscribe();
    loop {
        let answer = tokio::select! {
            message = receiver.recv() => {
                let message = message.ok()??;
                let text = message.as_text()?;
                if text.contains(r#""type":"echo""#) { text.to_owned() } else {
                    let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    (0..script(number)).for_each(|_| drop(all.send(text.to_owned())));
                    text.replacen("broadcast", "broadcastResult", 1)
                }
            }
            text = news.recv() => text.ok()?,
        };
        sender.send(Message::text(answer)).await.ok()?;
    }
}

fn shootout(plan: ShootoutPlan) -> ShootoutReport {
    match run(&Plan::Shootout(plan)) {
        Ok(Report::Shootout(report)) => report,
        other => panic!("{other:?}"),
    }
}

#[test]
fn steps_go_up_to_the_most_clients() {
    let server = Server::start(|_| 1);
    for ask in [Ask::Broadcast, Ask::Echo] {
        let mut plan = server.plan(ask);
        // However busy the machine is.
        plan.limit_rtt = ms(60_000);
        let report = shootout(plan);
        assert_ne!(report.verdict, Verdict::Faulty, "{report}");
        assert_eq!((report.end, report.sustained), (ShootoutEnd::Clients, 25), "{report}");
        assert_eq!(report.steps.iter().map(|step| step.clients).collect::<Vec<_>>(), [10, 20, 25]);
        for step in &report.steps {
            let due = if ask == Ask::Broadcast { 20 * step.clients as u64 } else { 0 };
            assert_eq!((step.rtt.count(), step.deliveries), (20, due), "{report}");
        }
    }
}

#[test]
fn a_step_over_the_limit_is_the_last() {
    let server = Server::start(|_| 1);
    let mut plan = server.plan(Ask::Echo);
    plan.limit_rtt = ms(0);
    let report = shootout(plan);
    assert_eq!((report.end, report.sustained, report.steps.len()), (ShootoutEnd::Limit, 0, 1), "{report}");
}

#[test]
fn a_broadcast_that_is_lost_or_doubled_is_counted_at_each_client() {
    for (script, lost, doubled) in
        [((|number| usize::from(number != 5)) as Script, 10, 0), (|number| 1 + usize::from(number == 5), 0, 10)]
    {
        let server = Server::start(script);
        let mut plan = server.plan(Ask::Broadcast);
        (plan.max_clients, plan.limit_rtt, plan.open_timeout) = (10, ms(60_000), ms(2_000));
        let report = shootout(plan);
        assert_eq!((report.faults.lost, report.faults.doubled), (lost, doubled), "{report}");
        assert_eq!(report.verdict, Verdict::Faulty, "{report}");
    }
}

#[test]
fn an_answer_is_one_to_what_was_asked() {
    let run = |answers| {
        let server = Server::answering(answers);
        let mut plan = server.plan(Ask::Echo);
        (plan.max_clients, plan.limit_rtt, plan.open_timeout) = (10, ms(60_000), ms(1_000));
        shootout(plan)
    };
    let doubled = run(|text| vec![text.to_owned(), text.to_owned()]);
    assert!(doubled.faults.doubled >= 10 && doubled.steps[0].rtt.count() == 20, "{doubled}");
    assert_eq!(doubled.verdict, Verdict::Faulty, "{doubled}");
    // Of another time, it answers nothing.
    let other = run(|text| vec![text.replacen(r#""sendTime":""#, r#""sendTime":"1"#, 1)]);
    assert!(other.faults.lost > 0 && other.steps.is_empty(), "{other}");
    let kind = run(|text| vec![text.replacen("echo", "broadcastResult", 1)]);
    assert_eq!((kind.faults.wrong, kind.end), (1, ShootoutEnd::Fault), "{kind}");
    let server = Server::answering(|text| vec![text.to_owned()]);
    let mut plan = server.plan(Ask::Broadcast);
    (plan.max_clients, plan.open_timeout) = (10, ms(300));
    let echo = shootout(plan);
    let why = echo.faults.first.unwrap_or_default();
    assert!(why.starts_with("4 requests") && why.ends_with("the protocol of websocket-shootout?"), "{why}");
    let more = run(|text| vec![text.replacen("echo", "broadcast", 1), text.to_owned()]);
    assert_eq!((more.faults.doubled, more.verdict), (20, Verdict::Faulty), "{more}");
}

#[test]
fn a_shootout_is_broken_off_while_it_opens_and_while_it_waits_for_broadcasts() {
    // Nobody accepts.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it has one");
    let mut plan = ShootoutPlan::new(format!("ws://{address}/").parse().expect("a URL"));
    (plan.initial_clients, plan.open_timeout) = (10, ms(600_000));
    let Report::Shootout(report) = broken_off(&Plan::Shootout(plan), |_| true) else { panic!("another report") };
    assert!(report.end == ShootoutEnd::Interrupted && report.steps.is_empty(), "{report}");
    let server = Server::start(|_| 0);
    let mut plan = server.plan(Ask::Broadcast);
    (plan.limit_rtt, plan.open_timeout) = (ms(60_000), ms(600_000));
    let all_answered =
        |event: &bowline_bench::Event| matches!(event, bowline_bench::Event::Progress(progress) if progress.sent == 20);
    let Report::Shootout(report) = broken_off(&Plan::Shootout(plan), all_answered) else { panic!("another report") };
    assert!(report.end == ShootoutEnd::Interrupted && report.steps.is_empty(), "{report}");
}

#[test]
fn a_shootout_that_is_broken_off_reports_the_steps_so_far() {
    let server = Server::start(|_| 1);
    let mut plan = server.plan(Ask::Broadcast);
    (plan.limit_rtt, plan.max_clients) = (ms(60_000), 10_000);
    let first = |event: &bowline_bench::Event| matches!(event, bowline_bench::Event::Step(_)) || is_under_way(event);
    let Report::Shootout(report) = broken_off(&Plan::Shootout(plan), first) else { panic!("another report") };
    assert!(report.end == ShootoutEnd::Interrupted && report.steps.len() <= 1, "{report}");
}

#[test]
fn a_server_that_is_not_there_or_hangs_up_is_told() {
    let plan = ShootoutPlan::new(format!("ws://{}/", free_address()).parse().unwrap());
    assert!(matches!(run(&Plan::Shootout(plan)), Err(Error::Unreachable { .. })));
    let server = Server::start(|_| panic!("it falls down, and its client with it"));
    let report = shootout(server.plan(Ask::Broadcast));
    assert_eq!((report.end, report.verdict), (ShootoutEnd::Fault, Verdict::Faulty), "{report}");
    assert!(report.faults.closed == 1 && report.steps.is_empty(), "{report}");
}
