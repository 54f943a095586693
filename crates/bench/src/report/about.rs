//! What a report is of, and what is wrong with it, in a line.

use std::fmt::Display;

use super::{Report, Talked, Verdict};
use crate::{Arrivals, ChurnPlan, EchoPlan, Kill, LoadPlan, ShootoutPlan, Talk, Traffic, Transport};

impl Report {
    /// What was run, in a line without the figures: `echo to ws://…: 125 B × 64 connections × 1 in flight`.
    #[must_use]
    pub fn about(&self) -> String {
        match self {
            Self::Echo(report) => echo(&report.plan),
            Self::Fanout(report) => {
                let plan = &report.plan;
                let pace = plan.rate.map_or(format!("{} in flight", plan.in_flight), |rate| format!("{rate} a second"));
                format!("fan-out by {}: {} B × {} subscribers × {pace}", plan.target, plan.size, plan.subscribers)
            }
            // A bare WebSocket's target is as it was given, or found: those of sessions are below the mount.
            Self::Idle(report) => match report.plan.transport {
                Transport::Raw => format!("idle at {}: {} clients", report.plan.target, report.plan.connections),
                _ => idle(report.plan.connections),
            },
            Self::Connect(report) => {
                let closing = if report.plan.closing_handshake { "with" } else { "without" };
                let (target, concurrency) = (&report.plan.target, report.plan.concurrency);
                format!("handshakes with {target}: {concurrency} at a time, {closing} closing handshake")
            }
            Self::Hold(report) => format!("held at {}: {} connections", report.plan.target, report.connections),
            Self::Load(report) => load(&report.plan),
            Self::Resume(report) => {
                let plan = &report.plan;
                let killed = if matches!(plan.kill, Kill::Carriers) { "carriers" } else { "the server" };
                format!("{killed} killed every {} s: {}", plan.every.as_secs_f64(), talk(&plan.talk))
            }
            Self::Churn(report) => churn(&report.plan),
            Self::Chat(report) => format!("chat at {}: {}", report.plan.target, talk(&report.plan.talk)),
            Self::Shootout(report) => {
                let ShootoutPlan { target, concurrent, sample_size, limit_percentile, limit_rtt, .. } = &report.plan;
                let limit = limit_rtt.as_secs_f64() * 1e3;
                format!(
                    "shootout with {target}: {sample_size} × {concurrent} at a time, p{limit_percentile} up to {limit} ms"
                )
            }
        }
    }

    /// What was counted, of which the server's cost is told.
    pub(crate) const fn counted(&self) -> &'static str {
        match self {
            Self::Echo(_) => "messages",
            Self::Fanout(_) | Self::Load(_) | Self::Resume(_) | Self::Chat(_) => "deliveries",
            Self::Idle(_) | Self::Hold(_) | Self::Churn(_) => "clients opened",
            Self::Connect(_) => "handshakes",
            Self::Shootout(_) => "answers",
        }
    }

    /// What was wrong with the run, or makes it doubtful; `None` where it is fine.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let faults: &dyn Display = match self {
            Self::Echo(report) => &report.faults,
            Self::Fanout(report) => &report.faults,
            Self::Idle(report) => &report.faults,
            Self::Connect(report) => &report.faults,
            Self::Hold(report) => &report.faults,
            Self::Load(report) => &report.reconciled,
            Self::Resume(report) => judged(&report.talked),
            Self::Churn(report) => &report.faults,
            Self::Chat(report) => judged(&report.talked),
            Self::Shootout(report) => &report.faults,
        };
        match self.verdict() {
            Verdict::Fine => None,
            Verdict::Faulty => Some(format!("faulty: {faults}")),
            verdict @ Verdict::ClientBound => Some(match self.bound() {
                Some(bound) => format!("{}: {bound}", verdict.name()),
                None => verdict.to_string(),
            }),
        }
    }
}

fn talk(talk: &Talk) -> String {
    let Talk { clients, rooms, per_client, rate, .. } = talk;
    format!("{clients} clients in {per_client} of {rooms} rooms, {rate} a second")
}

/// Without the transport, which the cell's name tells.
fn idle(clients: usize) -> String {
    format!("idle: {clients} clients")
}

fn echo(plan: &EchoPlan) -> String {
    let deflate = if plan.deflate.is_some() { ", deflate" } else { "" };
    let (size, connections, in_flight) = (plan.size, plan.connections, plan.in_flight);
    format!("echo to {}: {size} B × {connections} connections × {in_flight} in flight{deflate}", plan.target)
}

/// What was counted, or else what the checker found first.
fn judged(talked: &Talked) -> &dyn Display {
    match talked.violations.first() {
        Some(violation) if !talked.reconciled.is_faulty() => violation,
        _ => &talked.reconciled,
    }
}

/// Without the transport, which the cell's name tells.
fn churn(plan: &ChurnPlan) -> String {
    match plan.arrivals {
        Arrivals::Rate { per_second, .. } => {
            format!("churn: {per_second} clients a second, each stays {} s", plan.stay.as_secs_f64())
        }
        Arrivals::Storm { clients, at_a_time } => format!("storm: {clients} clients, {at_a_time} opening at a time"),
    }
}

/// Without the transport, which the cell's name tells.
fn load(plan: &LoadPlan) -> String {
    let (clients, rate, size) = (plan.clients, plan.rate, plan.size);
    match plan.traffic {
        _ if plan.stalled > 0 => {
            format!(
                "slow readers: {size} B × {clients} clients, {} of which stop reading, {rate} a second",
                plan.stalled
            )
        }
        _ if plan.is_idle() => idle(clients),
        Traffic::Echo => format!("echo: {size} B × {clients} clients, {rate} a second"),
        Traffic::Rooms { rooms: 1, .. } => format!("fan-out: {size} B × {clients} clients, {rate} a second"),
        Traffic::Rooms { rooms, per_client } => {
            format!("rooms: {size} B × {clients} clients in {per_client} of {rooms} rooms, {rate} a second")
        }
    }
}
