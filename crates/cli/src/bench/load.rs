//! Flags of messages at fixed times, over any transport.

use std::time::Duration;

use bowline_bench::{At, Headers, LoadPlan, Plan, Protocol, SuiteCell, Target, Traffic, Transport};
use clap::Args;

use super::server::ServerArgs;
use super::transport::{TransportArg, transports};
use super::{seconds, some_seconds};
use crate::args::value::{parse_duration, parse_wait};
use crate::failure::Failure;

const TRANSPORT: &str = "Transport";
const LOAD: &str = "Load";
const TIMES: &str = "Times";

/// What all workloads at fixed times have.
#[derive(Debug, Args)]
pub(super) struct LoadArgs {
    /// What carries the clients; several with commas, or given again, are run one after the other
    #[arg(long, value_enum, value_name = "TRANSPORT", value_delimiter = ',', help_heading = TRANSPORT)]
    transport: Vec<TransportArg>,

    /// Bare WebSockets, as --transport raw; with others named, besides those. Alone a ws:// URL is then their own, of an echo or one room; http:// is a mount
    #[arg(long, help_heading = TRANSPORT)]
    raw: bool,

    /// Time from one poll of a client to its next [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = TRANSPORT)]
    poll_interval: Option<Duration>,

    /// How long the server may hold a poll, where it does [default: 25s]
    #[arg(long, value_name = "TIME", value_parser = parse_wait, help_heading = TRANSPORT)]
    poll_wait: Option<Duration>,

    /// Send the headers that a browser sends with each request
    #[arg(long, help_heading = TRANSPORT)]
    browser_headers: bool,

    /// Clients
    #[arg(short, long, value_name = "N", visible_alias = "connections", alias = "subscribers", short_alias = 's')]
    #[arg(help_heading = LOAD)]
    pub(super) clients: Option<usize>,

    /// Messages or publications a second at fixed times, whatever becomes of them; latency counts from when one was due
    #[arg(long, value_name = "N", help_heading = LOAD)]
    pub(super) rate: Option<f64>,

    /// Bytes of a message, 48 or more
    #[arg(long, value_name = "BYTES", help_heading = LOAD)]
    pub(super) size: Option<usize>,

    /// Run each of these numbers of clients, as in 100,1000,5000
    #[arg(long, value_name = "N,…", value_delimiter = ',', conflicts_with_all = ["clients", "sweep_rate"])]
    #[arg(help_heading = LOAD)]
    sweep_clients: Vec<usize>,

    /// Run each of these rates, as in 100,1000,10000
    #[arg(long, value_name = "N,…", value_delimiter = ',', conflicts_with = "rate", help_heading = LOAD)]
    sweep_rate: Vec<f64>,

    /// Clients begun in a second [default: 2000]
    #[arg(long, value_name = "N", help_heading = LOAD)]
    ramp: Option<usize>,

    /// Load processes; 0 for as many as descriptors ask for, and one more if a core runs out and another is left [default: 0]
    #[arg(long, value_name = "N", help_heading = LOAD)]
    processes: Option<usize>,

    /// Seconds before measuring [default: 1]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = TIMES)]
    pub(super) warm_up: Option<Duration>,

    /// Seconds to measure
    #[arg(short, long, value_name = "SECONDS", value_parser = some_seconds, help_heading = TIMES)]
    pub(super) duration: Option<Duration>,
}

/// What of a plan is swept: clients, the rate where it is one, and the place on the axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    pub(super) clients: usize,
    pub(super) rate: Option<f64>,
    pub(super) at: Option<At>,
}

impl LoadArgs {
    /// The workloads: each transport at each place. `base` has what isn't given; `usual` are the transports where none is.
    pub(super) fn cells(
        &self,
        server: &ServerArgs,
        base: &LoadPlan,
        usual: &[Transport],
    ) -> Result<Vec<SuiteCell>, Failure> {
        let named = self.named();
        let named = if named.is_empty() { usual.to_vec() } else { named };
        self.check_polls(&named)?;
        let mount = server.mount()?;
        let mut cells = Vec::new();
        for &transport in &named {
            for point in self.points(base.clients) {
                let mut plan = self.plan(base, &point);
                plan.transport = transport;
                plan.target = address(&mount, server.target.is_some() && named == [Transport::Raw], &plan);
                plan.server_pid = server.pid;
                let name = point.name(transport.name());
                let cell = SuiteCell::new(name, Plan::Load(plan));
                cells.push(SuiteCell { transport: Some(transport), at: point.at, ..cell });
            }
        }
        Ok(cells)
    }

    /// What is asked for to carry the clients.
    fn named(&self) -> Vec<Transport> {
        let raw = self.raw.then_some(TransportArg::Raw);
        transports(&raw.into_iter().chain(self.transport.iter().copied()).collect::<Vec<_>>())
    }

    /// Whether bare WebSockets are asked for.
    pub(super) fn has_raw(&self) -> bool {
        self.named().contains(&Transport::Raw)
    }

    /// That what is said of polls is said of somebody.
    fn check_polls(&self, named: &[Transport]) -> Result<(), Failure> {
        for (is_given, flag, transport) in [
            (self.poll_interval.is_some(), "--poll-interval", Transport::Polling),
            (self.poll_wait.is_some(), "--poll-wait", Transport::LongPolling),
        ] {
            if is_given && !named.contains(&transport) {
                let name = transport.name();
                return Err(Failure::Usage(format!("{flag} is for --transport={name}, and nothing here polls so")));
            }
        }
        Ok(())
    }

    fn plan(&self, base: &LoadPlan, point: &Point) -> LoadPlan {
        let mut plan = base.clone();
        plan.clients = point.clients;
        plan.rate = point.rate.unwrap_or(base.rate);
        plan.size = self.size.unwrap_or(base.size);
        plan.poll_interval = self.poll_interval.unwrap_or(base.poll_interval);
        plan.poll_wait = self.poll_wait.unwrap_or(base.poll_wait);
        plan.headers = if self.browser_headers { Headers::Browser } else { base.headers };
        plan.ramp = self.ramp.unwrap_or(base.ramp);
        plan.processes = self.processes.unwrap_or(base.processes);
        plan.warm_up = self.warm_up.unwrap_or(base.warm_up);
        plan.duration = self.duration.unwrap_or(base.duration);
        plan
    }

    /// The places that are swept; one where nothing is.
    pub(super) fn points(&self, usual_clients: usize) -> Vec<Point> {
        let clients = self.clients.unwrap_or(usual_clients);
        if !self.sweep_clients.is_empty() {
            let at = |clients: usize| Some(At::new("clients", clients_axis(clients)));
            return self.sweep_clients.iter().map(|&n| Point { clients: n, rate: self.rate, at: at(n) }).collect();
        }
        if !self.sweep_rate.is_empty() {
            let at = |rate| Some(At::new("rate (messages/s)", rate));
            return self.sweep_rate.iter().map(|&rate| Point { clients, rate: Some(rate), at: at(rate) }).collect();
        }
        vec![Point { clients, rate: self.rate, at: None }]
    }

    /// A flag that a closed loop has nothing for, the rate aside.
    pub(super) fn only_open(&self) -> Option<&'static str> {
        [
            (!self.transport.is_empty(), "--transport"),
            (!self.sweep_rate.is_empty(), "--sweep-rate"),
            (self.poll_interval.is_some(), "--poll-interval"),
            (self.poll_wait.is_some(), "--poll-wait"),
            (self.browser_headers, "--browser-headers"),
            (self.ramp.is_some(), "--ramp"),
            (self.processes.is_some(), "--processes"),
        ]
        .into_iter()
        .find_map(|(given, flag)| given.then_some(flag))
    }
}

impl Point {
    /// The name of a cell at it.
    pub(super) fn name(&self, what: &str) -> String {
        match (&self.at, self.rate) {
            (None, _) => what.to_owned(),
            (Some(at), Some(rate)) if at.axis.starts_with("rate") => format!("{what}, {rate} a second"),
            (Some(_), _) => format!("{what}, {} clients", self.clients),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a plan has a million clients at the most")]
fn clients_axis(clients: usize) -> f64 {
    clients as f64
}

/// Bare WebSockets have an address of their own: the one given, or where sessions are measured as well, or the server is one's own,
/// `{mount}/echo`, or in rooms that of a mount, which by `ws://` would be a room.
fn address(mount: &Target, is_itself: bool, plan: &LoadPlan) -> Target {
    match (plan.traffic, plan.transport) {
        (Traffic::Echo, Transport::Raw) if !is_itself => mount.below(Protocol::WebSocket, "echo"),
        (_, Transport::Raw) if !is_itself => mount.below(Protocol::Http, ""),
        _ => mount.clone(),
    }
}
