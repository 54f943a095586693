//! Documents that nobody measured, for tests: whole and always the same.

use crate::{
    At, Bytes, Calibration, Cell, ChatPlan, ChatReport, ChurnPlan, ChurnReport, ClientUse, ConnectPlan, ConnectReport,
    Counts, Distribution, Document, EchoPlan, EchoReport, Entry, Environment, FanoutPlan, FanoutReport, Faults,
    HoldPlan, HoldReport, IdleHold, IdlePlan, IdleReport, Interruption, KernelMemory, Lag, Latency, Line, LoadPlan,
    LoadReport, Plot, Reconciled, Report, ResumePlan, ResumeReport, SCHEMA_VERSION, ServerUse, ShootoutEnd,
    ShootoutPlan, ShootoutReport, ShootoutStep, SocketMemory, Stretch, Table, Talked, Target, Traffic, Transport,
    Verdict,
};

const CLIENT: ClientUse = ClientUse { cpu_seconds: 1.0, user_seconds: Some(0.25), share: 0.1 };

/// A document of a known machine and time.
pub(crate) fn document(scenario: &str, cells: Vec<Cell>) -> Document {
    let mut document = Document::new(scenario, ["bowline", "bench", scenario, "-n", "3"].map(String::from).into());
    document.started = 1_764_000_000;
    document.environment = Environment {
        system: "Linux 6.1.0".into(),
        processor: "Some Processor @ 2.80GHz".into(),
        cores: 2,
        memory: 24 << 30,
        descriptors: 20_000,
        busy: 0.05,
        clock: "tsc".into(),
        congestion_control: "cubic".into(),
    };
    document.with_cells(cells)
}

/// One run of the closed loop.
pub(crate) fn echo() -> Document {
    let report = EchoReport {
        schema: SCHEMA_VERSION,
        plan: EchoPlan::new(target("ws://127.0.0.1:9001/")),
        seconds: 5.0,
        messages: 617_284,
        per_second: 123_456.8,
        server: Some(server(250_000.0)),
        client: CLIENT,
        faults: Faults::default(),
        interrupted: false,
        verdict: Verdict::Fine,
    };
    document("echo", vec![Cell::new("echo", vec![Report::Echo(report)])])
}

/// Three runs over each of four transports, the last of which had a fault.
pub(crate) fn compared() -> Document {
    let cells = Transport::SESSIONS.into_iter().zip(1_u32..).map(|(transport, slowness)| {
        let mut runs: Vec<_> = (0..3).map(|run| load(transport, 100, f64::from(slowness * slowness), run)).collect();
        if let Some(last) = runs.last_mut().filter(|_| transport == Transport::Polling) {
            last.reconciled.duplicate = 2;
            last.reconciled.clients = 1;
            last.reconciled.first = Some("client 7 got publication 12 of room 0 twice".into());
            last.verdict = Verdict::Faulty;
        }
        let mut cell = Cell::new(transport.name(), runs.into_iter().map(Report::Load).collect());
        cell.transport = Some(transport);
        cell
    });
    document("compare", cells.collect())
}

/// The same, broken off in the second run over the first.
pub(crate) fn broken_off() -> Document {
    let mut document = compared();
    let interrupted = Interruption::of(&document.cells, 3);
    let missing = document.cells.split_off(1).into_iter().map(|cell| cell.name).collect();
    document.interrupted = Some(Interruption { missing, ..interrupted });
    document.cells[0].runs.truncate(2);
    if let Some(Report::Load(run)) = document.cells[0].runs.last_mut() {
        run.interrupted = true;
    }
    document.verdict = Verdict::Fine;
    document
}

/// A table and plots of its own.
pub(crate) fn with_tables() -> Document {
    let mut document = echo();
    let row =
        |delay: f64, model: f64, measured: f64| vec![delay, model, measured].into_iter().map(Entry::Number).collect();
    document.tables.push(Table {
        title: "Transit".into(),
        source: Some("RFC 6202, 2.2".into()),
        columns: ["delay (ms)", "model (ms)", "measured (ms)"].map(String::from).into(),
        rows: vec![
            row(0.0, 0.0, 0.4),
            row(25.0, 75.0, 75.5),
            vec![Entry::Text("more".into()), Entry::None, Entry::None],
        ],
        notes: vec!["A note.".into()],
    });
    let line = |name: &str, is_model, slope: f64, more: f64| Line {
        name: name.into(),
        is_model,
        points: (0..=8).map(|n| (f64::from(n) * 25.0, f64::from(n) * 25.0 * slope + more)).collect(),
    };
    document.plots.push(Plot {
        name: "transit".into(),
        title: "Transit over delay".into(),
        x: "delay (ms)".into(),
        y: "mean transit (ms)".into(),
        logarithmic: (false, false),
        lines: vec![
            line("comet, model", true, 1.0, 0.0),
            line("comet", false, 1.01, 1.0),
            line("long-polling, model", true, 2.0, 0.0),
            line("long-polling", false, 2.05, 3.0),
        ],
    });
    document.plots.push(Plot {
        name: "staleness".into(),
        title: "Staleness over polling interval".into(),
        x: "polling interval (ms)".into(),
        y: "mean staleness (ms)".into(),
        logarithmic: (true, true),
        lines: vec![Line {
            name: "polling".into(),
            is_model: false,
            points: [10.0, 50.0, 100.0, 500.0, 1_000.0, 5_000.0]
                .map(|interval: f64| (interval, interval / 2.0 + 1.0))
                .into(),
        }],
    });
    document.calibration = Some(Calibration {
        tcp_echo_per_second: 187_000.0,
        across_cores: Some(times(30_000.0, 0)),
        on_one_core: times(12_000.0, 0),
        timer: times(1_060_000.0, 0),
        clock_nanoseconds: 24.5,
    });
    document
}

/// All kinds of runs and plots in one, without tables: those would be all that is drawn of it.
pub(crate) fn full() -> Document {
    let mut document = with_tables().with_cells(compared().cells).with_cells(swept());
    document.scenario = "everything".into();
    document.tables.clear();
    document.with_cells(vec![
        Cell::new("fanout", vec![Report::Fanout(fanout())]),
        Cell::new("idle websocket", vec![Report::Idle(idle(Transport::WebSocket, 4.0))]),
        Cell::new("idle comet", vec![Report::Idle(idle(Transport::Comet, 6.5))]),
        Cell::new("connect", vec![Report::Connect(connect())]),
        Cell::new("hold", vec![Report::Hold(hold())]),
    ])
}

/// Clients that talk, and that come and go.
pub(crate) fn flows() -> Document {
    let cells = vec![
        Cell::new("chat", vec![Report::Chat(chat())]),
        Cell::new("resume", vec![Report::Resume(resume())]),
        Cell::new("churn", vec![Report::Churn(churn())]),
    ];
    document("flows", cells)
}

/// Two transports at four numbers of clients.
pub(crate) fn swept() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (transport, slowness) in [(Transport::WebSocket, 1.0), (Transport::Comet, 1.6)] {
        for clients in [100_u32, 1_000, 5_000, 19_000] {
            let run = load(transport, clients as usize, slowness * f64::from(clients) / 500.0, 0);
            let mut cell = Cell::new(format!("{} {clients}", transport.name()), vec![Report::Load(run)]);
            cell.transport = Some(transport);
            cell.at = Some(At { axis: "clients".into(), value: f64::from(clients) });
            cells.push(cell);
        }
    }
    cells
}

/// Clients over each of four transports that say nothing.
pub(crate) fn idle_cost() -> Document {
    let mut document = compared();
    document.scenario = "idle cost".into();
    for report in document.cells.iter_mut().flat_map(|cell| &mut cell.runs) {
        let Report::Load(report) = report else { continue };
        report.plan.rate = 0.0;
        (report.sent, report.deliveries) = (0, 0);
        (report.latency, report.uncorrected) = Default::default();
        (report.counts, report.reconciled) = Default::default();
        for stretch in &mut report.over_time {
            *stretch = Stretch { sent: 0, deliveries: 0, p50: 0.0, p99: 0.0, max: 0.0, ..*stretch };
        }
    }
    document
}

/// A run of which all is known. Times are about `slowness` times a millisecond.
pub(crate) fn load(transport: Transport, clients: usize, slowness: f64, run: u64) -> LoadReport {
    let mut plan =
        LoadPlan::new(target("http://127.0.0.1:9001/"), transport, Traffic::Rooms { rooms: 1, per_client: 1 });
    plan.clients = clients;
    let deliveries = 10_000 + run * 100;
    let bytes = |framing, headers| Bytes { payload: 128, framing, headers };
    let (received, sent) = match transport {
        Transport::Raw | Transport::WebSocket => (bytes(7, 0), Bytes { payload: 0, framing: 1, headers: 0 }),
        Transport::Comet => (bytes(22, 3), Bytes { payload: 0, framing: 0, headers: 9 }),
        Transport::LongPolling => (bytes(20, 150), Bytes { payload: 0, framing: 0, headers: 210 }),
        Transport::Polling => (bytes(20, 61), Bytes { payload: 0, framing: 0, headers: 95 }),
    };
    let each = |bytes: Bytes| Bytes {
        payload: bytes.payload * deliveries,
        framing: bytes.framing * deliveries,
        headers: bytes.headers * deliveries,
    };
    let requests = if transport.is_http() { 9_000 } else { 0 };
    let counts = Counts { received: each(received), sent: each(sent), requests, arrivals: 8_000, connections: 100 };
    LoadReport {
        schema: SCHEMA_VERSION,
        processes: 1,
        opening_seconds: 0.05,
        seconds: 10.0,
        sent: 100,
        deliveries,
        latency: times(slowness * 1e6, run),
        uncorrected: times(slowness * 0.9e6, run),
        lag: times(50_000.0, run),
        behind: None,
        over_time: (1..=10).map(|at| stretch(f64::from(at), slowness)).collect(),
        counts,
        counts_in_all: counts,
        server: Some(server(400_000.0 / slowness)),
        resident_before: Some(8 << 20),
        retransmissions: Some(0),
        sockets: Some(SocketMemory { sockets: clients as u64, receive: 0, send: 4_096, forward: 65_536 }),
        client: CLIENT,
        reconciled: Reconciled { expected: 11_000, ..Reconciled::default() },
        interrupted: false,
        verdict: Verdict::Fine,
        plan,
    }
}

fn stretch(at: f64, slowness: f64) -> Stretch {
    let wave = 1.0 + 0.2 * (at * 1.3).sin();
    Stretch {
        at,
        seconds: 1.0,
        sent: 10,
        deliveries: 1_000,
        p50: slowness * wave,
        p99: slowness * wave * 4.0,
        max: slowness * wave * 9.0,
        resident: Some(12 << 20),
        server_share: Some(0.02 * slowness),
    }
}

/// About `typical` nanoseconds with a long tail.
fn times(typical: f64, run: u64) -> Distribution {
    let mut times = Distribution::default();
    for n in 0..10_000_u32 {
        let rank = (f64::from(n) + 0.5) / 10_000.0;
        let nanoseconds = typical * (0.6 + rank + 0.25 * (1.0 - rank).powf(-0.4));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time, and far below 2^53")]
        times.record(nanoseconds as u64 + run * 1_000);
    }
    times
}

fn fanout() -> FanoutReport {
    let latency = Latency { count: 5_000, p50: 900.0, p90: 1_200.0, p99: 2_400.0, p999: 5_000.0, max: 9_000.0 };
    FanoutReport {
        schema: SCHEMA_VERSION,
        plan: FanoutPlan::new(target("ws://127.0.0.1:9001/rooms/a")),
        seconds: 5.0,
        publications: 5_000,
        deliveries: 5_000_000,
        per_second: 1e6,
        server: Some(server(1.4e6)),
        client: CLIENT,
        first: latency,
        last: latency,
        last_from_sending: Some(latency),
        lag: Some(Lag { largest: 120.0, at_end: 3.0 }),
        faults: Faults::default(),
        interrupted: false,
        verdict: Verdict::Fine,
    }
}

fn idle(transport: Transport, kibibytes: f64) -> IdleReport {
    let mut plan = IdlePlan::new(target("http://127.0.0.1:9001/session"));
    plan.transport = transport;
    IdleReport {
        schema: SCHEMA_VERSION,
        plan,
        opening_seconds: 1.5,
        server: Some(server(30_000.0)),
        client: CLIENT,
        resident_before: Some(9 << 20),
        resident_after: Some(90 << 20),
        resident_per_connection: Some(kibibytes * 1024.0),
        hold: Some(IdleHold { seconds: 60.0, pings: 45_600, cpu_microseconds: Some(kibibytes / 3.0) }),
        kernel: Some(KernelMemory { slab_per_connection: 5_600.0, tcp_per_connection: 12.0 }),
        faults: Faults::default(),
        interrupted: false,
        verdict: Verdict::Fine,
    }
}

fn connect() -> ConnectReport {
    ConnectReport {
        schema: SCHEMA_VERSION,
        plan: ConnectPlan::new(target("ws://127.0.0.1:9001/")),
        seconds: 5.0,
        handshakes: 60_000,
        per_second: 12_000.0,
        server: Some(server(28_000.0)),
        client: ClientUse { cpu_seconds: 4.8, user_seconds: Some(1.2), share: 0.96 },
        faults: Faults::default(),
        interrupted: false,
        verdict: Verdict::ClientBound,
    }
}

fn hold() -> HoldReport {
    HoldReport {
        schema: SCHEMA_VERSION,
        plan: HoldPlan::new(target("ws://127.0.0.1:9001/rooms/a")),
        opening_seconds: 3.8,
        refused: 0,
        connections: 19_000,
        pings: 45_600,
        publications: 1,
        resident: Some(6 << 20),
        client: CLIENT,
        faults: Faults::default(),
        interrupted: false,
        verdict: Verdict::Fine,
    }
}

/// Two steps, the second of which is over the limit.
pub(crate) fn shootout() -> ShootoutReport {
    let step = |clients: usize, milliseconds: u64| {
        let mut rtt = Distribution::default();
        rtt.record(milliseconds * 1_000_000);
        ShootoutStep { clients, at_percentile: rtt.at(0.95), rtt, seconds: 1.0, deliveries: 0 }
    };
    ShootoutReport {
        schema: SCHEMA_VERSION,
        plan: ShootoutPlan::new(target("ws://127.0.0.1:1/")),
        steps: vec![step(100, 10), step(200, 600)],
        sustained: 100,
        end: ShootoutEnd::Limit,
        server: None,
        client: CLIENT,
        faults: Faults::default(),
        verdict: Verdict::Fine,
    }
}

pub(crate) fn chat() -> ChatReport {
    ChatReport {
        schema: SCHEMA_VERSION,
        plan: ChatPlan::new(target("http://127.0.0.1:9001/")),
        talked: talked(60.0, 3_000, 33_000),
        comings: 290,
        goings: 290,
        switches: 40,
        over_time: (1..=6).map(|at| stretch(f64::from(at) * 10.0, 1.0)).collect(),
        memory: None,
        latency_drift: None,
        resident: Some(40 << 20),
        judged: (6, 90_000),
        verdict: Verdict::Fine,
    }
}

pub(crate) fn resume() -> ResumeReport {
    ResumeReport {
        schema: SCHEMA_VERSION,
        plan: ResumePlan::new(target("http://127.0.0.1:9001/"), Transport::WebSocket),
        talked: talked(20.0, 2_000, 42_000),
        waves: Vec::new(),
        recoveries: times(12e6, 0),
        peak_reconnects: 57,
        resumed: 200,
        replayed: 12,
        verdict: Verdict::Fine,
    }
}

fn talked(seconds: f64, echoes: u64, deliveries: u64) -> Talked {
    Talked {
        opening_seconds: 0.2,
        seconds,
        echoes,
        publications: echoes,
        deliveries,
        latency: times(1e6, 0),
        lag: times(50_000.0, 0),
        reconnects: times(9e6, 0),
        lost_sessions: 0,
        gaps: 0,
        reconciled: Reconciled { expected: deliveries, ..Reconciled::default() },
        violations: Vec::new(),
        server: Some(server(20_000.0)),
        client: CLIENT,
        interrupted: false,
    }
}

fn churn() -> ChurnReport {
    ChurnReport {
        schema: SCHEMA_VERSION,
        plan: ChurnPlan::new(target("http://127.0.0.1:9001/"), Transport::Comet),
        seconds: 10.0,
        arrivals: 1_000,
        served: 1_000,
        per_second: 100.0,
        most_clients: 110,
        opening: times(2e6, 0),
        uncorrected: times(1.9e6, 0),
        first_echo: times(3e6, 0),
        server: None,
        server_microseconds: None,
        resident_before: None,
        resident_during: None,
        resident_after: None,
        kept_per_client: None,
        time_wait: None,
        client: CLIENT,
        faults: Faults::default(),
        interrupted: false,
        verdict: Verdict::Fine,
    }
}

fn server(per_cpu_second: f64) -> ServerUse {
    ServerUse { cpu_seconds: 2.5, share: 0.5, per_cpu_second, resident: 12 << 20 }
}

fn target(url: &str) -> Target {
    url.parse().expect("a URL")
}
