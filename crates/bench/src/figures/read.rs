//! The figures of each kind of report.

use super::Figures;
use crate::process::float;
use crate::{
    Bytes, ChatReport, ChurnReport, ClientUse, ConnectReport, Distribution, EchoReport, FanoutReport, Faults,
    HoldReport, IdleReport, Latency, LoadReport, Reconciled, Report, ResumeReport, ServerUse, ShootoutReport, Talked,
};

const MEBIBYTE: f64 = 1_048_576.0;

impl Figures {
    /// What a report comes to.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let mut figures = Self::default();
        match report {
            Report::Echo(report) => figures.echo(report),
            Report::Fanout(report) => figures.fanout(report),
            Report::Idle(report) => figures.idle(report),
            Report::Connect(report) => figures.connect(report),
            Report::Hold(report) => figures.hold(report),
            Report::Load(report) => figures.load(report),
            Report::Resume(report) => figures.resume(report),
            Report::Churn(report) => figures.churn(report),
            Report::Chat(report) => figures.chat(report),
            Report::Shootout(report) => figures.shootout(report),
        }
        figures
    }

    fn echo(&mut self, report: &EchoReport) {
        self.set("rate", report.per_second);
        self.uses(report.server.as_ref(), &report.client);
        self.set("clients", float(report.plan.connections as u64));
        self.faults(&report.faults);
    }

    fn fanout(&mut self, report: &FanoutReport) {
        self.set("rate", report.per_second);
        self.uses(report.server.as_ref(), &report.client);
        self.set("clients", float(report.plan.subscribers as u64));
        self.latency(LATENCY, &report.last);
        if let Some(latency) = &report.last_from_sending {
            self.latency(UNCORRECTED, latency);
        }
        self.set_some("lag_max", report.lag.map(|lag| lag.largest / 1e3));
        self.faults(&report.faults);
    }

    fn idle(&mut self, report: &IdleReport) {
        self.uses(report.server.as_ref(), &report.client);
        self.set("clients", float(report.plan.connections as u64));
        self.set("opening", report.opening_seconds);
        self.set_some("resident", report.resident_after.map(|bytes| float(bytes) / MEBIBYTE));
        self.set_some("resident_per_client", report.resident_per_connection.map(|bytes| bytes / 1024.0));
        let kernel = report.kernel.map(|kernel| kernel.slab_per_connection + kernel.tcp_per_connection);
        self.set_some("kernel_per_client", kernel.map(|bytes| bytes / 1024.0));
        if let Some(hold) = &report.hold {
            self.set_some("idle_cpu", hold.cpu_microseconds);
            self.set("pings", float(hold.pings));
        }
        self.faults(&report.faults);
    }

    fn connect(&mut self, report: &ConnectReport) {
        self.set("rate", report.per_second);
        self.uses(report.server.as_ref(), &report.client);
        self.set("clients", float(report.plan.concurrency as u64));
        self.faults(&report.faults);
    }

    fn hold(&mut self, report: &HoldReport) {
        self.uses(None, &report.client);
        self.set("clients", float(report.connections as u64));
        self.set("opening", report.opening_seconds);
        self.set("refused", float(report.refused));
        self.set("pings", float(report.pings));
        self.faults(&report.faults);
    }

    fn load(&mut self, report: &LoadReport) {
        let (seconds, deliveries) = (report.seconds, float(report.deliveries));
        let clients = float(report.plan.clients as u64);
        if report.plan.is_idle() {
            self.shares(report.server.as_ref(), &report.client);
            let each = |server: &ServerUse| server.cpu_seconds * 1e6 / seconds / clients;
            self.set_some("idle_cpu", report.server.as_ref().map(each));
        } else {
            self.set("rate", deliveries / seconds);
            self.uses(report.server.as_ref(), &report.client);
        }
        self.set("clients", clients);
        self.distribution(LATENCY, &report.latency);
        // One goes without saying.
        if report.processes > 1 {
            self.set("processes", float(report.processes as u64));
        }
        self.distribution(UNCORRECTED, &report.uncorrected);
        self.lag(&report.lag);
        let counts = &report.counts;
        self.bytes(["down", "down_payload", "down_framing", "down_headers"], &counts.received, deliveries);
        self.bytes(["up", "up_payload", "up_framing", "up_headers"], &counts.sent, deliveries);
        self.set("requests", float(counts.requests) / seconds);
        self.set("per_arrival", deliveries / float(counts.arrivals));
        self.set("opening", report.opening_seconds);
        self.set_some("retransmissions", report.retransmissions.map(float));
        if let (Some(server), Some(before)) = (&report.server, report.resident_before) {
            let each = (float(server.resident) - float(before)) / clients;
            self.set("resident_per_client", each / 1024.0);
        }
        let sockets = report.sockets.map(|sockets| float(sockets.receive + sockets.send + sockets.forward) / 1024.0);
        self.set_some("sockets", sockets);
        self.set_some("sockets_per_client", sockets.map(|all| all / clients));
        if report.plan.stalled > 0 {
            self.set("stalled", float(report.plan.stalled as u64));
            self.set("stalled_told", float(report.reconciled.stalled_told));
        }
        self.reconciled(&report.reconciled);
    }

    fn resume(&mut self, report: &ResumeReport) {
        self.talked(report.plan.talk.clients, &report.talked);
        if !report.talked.reconnects.is_empty() {
            self.set("peak_reconnects", float(report.peak_reconnects as u64));
        }
        self.quantiles(["recovery_p50", "recovery_p99", "recovery_max"], &report.recoveries);
        self.set("resumed", float(report.resumed));
        self.set("replayed", float(report.replayed));
    }

    fn churn(&mut self, report: &ChurnReport) {
        self.set("rate", report.per_second);
        self.uses(report.server.as_ref(), &report.client);
        self.set("clients", float(report.most_clients as u64));
        self.distribution(LATENCY, &report.opening);
        self.distribution(UNCORRECTED, &report.uncorrected);
        self.set_some("kept", report.kept_per_client);
        self.faults(&report.faults);
    }

    fn chat(&mut self, report: &ChatReport) {
        self.talked(report.plan.talk.clients, &report.talked);
        self.set("comings", float(report.comings));
        self.set("goings", float(report.goings));
        self.set("switches", float(report.switches));
        self.set_some("memory_drift", report.memory.map(|drift| (drift.after - drift.before) / 1024.0));
    }

    fn talked(&mut self, clients: usize, talked: &Talked) {
        self.set("rate", float(talked.deliveries) / talked.seconds);
        self.uses(talked.server.as_ref(), &talked.client);
        self.set("clients", float(clients as u64));
        self.distribution(LATENCY, &talked.latency);
        self.lag(&talked.lag);
        self.quantiles(["reconnect_p50", "reconnect_p99", "reconnect_max"], &talked.reconnects);
        self.set("lost_sessions", float(talked.lost_sessions));
        self.set("gaps", float(talked.gaps));
        self.set("opening", talked.opening_seconds);
        self.reconciled(&talked.reconciled);
    }

    fn shootout(&mut self, report: &ShootoutReport) {
        self.uses(report.server.as_ref(), &report.client);
        self.set("sustained", float(report.sustained as u64));
        if let Some(step) = report.sustaining() {
            self.distribution(LATENCY, &step.rtt);
            self.set("clients", float(step.clients as u64));
        }
        self.faults(&report.faults);
    }

    fn lag(&mut self, times: &Distribution) {
        if !times.is_empty() {
            self.set("lag_max", times.max());
        }
    }

    fn quantiles(&mut self, names: [&'static str; 3], times: &Distribution) {
        if !times.is_empty() {
            let values = [times.at(0.5), times.at(0.99), times.max()];
            names.into_iter().zip(values).for_each(|(name, milliseconds)| self.set(name, milliseconds));
        }
    }

    fn reconciled(&mut self, reconciled: &Reconciled) {
        self.set("missing", float(reconciled.missing));
        self.set("told", float(reconciled.told));
        self.set("duplicate", float(reconciled.duplicate));
        self.set("reordered", float(reconciled.reordered));
        self.set("wrong", float(reconciled.wrong));
        self.set("closed", float(reconciled.closed));
    }

    fn uses(&mut self, server: Option<&ServerUse>, client: &ClientUse) {
        self.shares(server, client);
        let Some(server) = server else { return };
        self.set("per_cpu_second", server.per_cpu_second);
        // A server that served nothing cost nothing that could be shared out.
        self.set("cpu", 1e6 / server.per_cpu_second);
    }

    fn shares(&mut self, server: Option<&ServerUse>, client: &ClientUse) {
        self.set("client_share", client.share * 100.0);
        self.set_some("client_user", client.user_share().map(|share| share * 100.0));
        let Some(server) = server else { return };
        self.set("server_share", server.share * 100.0);
        self.set("resident", float(server.resident) / MEBIBYTE);
    }

    fn faults(&mut self, faults: &Faults) {
        self.set("missing", float(faults.lost));
        self.set("duplicate", float(faults.doubled));
        self.set("reordered", float(faults.reordered));
        self.set("wrong", float(faults.wrong));
        self.set("closed", float(faults.closed));
    }

    fn latency(&mut self, names: [&'static str; 5], latency: &Latency) {
        if latency.count > 0 {
            let values = [latency.p50, latency.p90, latency.p99, latency.p999, latency.max];
            names.into_iter().zip(values).for_each(|(name, microseconds)| self.set(name, microseconds / 1e3));
        }
    }

    fn distribution(&mut self, names: [&'static str; 5], times: &Distribution) {
        if !times.is_empty() {
            let values = [times.at(0.5), times.at(0.9), times.at(0.99), times.at(0.999), times.max()];
            names.into_iter().zip(values).for_each(|(name, milliseconds)| self.set(name, milliseconds));
        }
    }

    fn bytes(&mut self, names: [&'static str; 4], bytes: &Bytes, deliveries: f64) {
        let values = [bytes.all(), bytes.payload, bytes.framing, bytes.headers];
        names.into_iter().zip(values).for_each(|(name, bytes)| self.set(name, float(bytes) / deliveries));
    }
}

const LATENCY: [&str; 5] = ["p50", "p90", "p99", "p99.9", "max"];

const UNCORRECTED: [&str; 5] =
    ["uncorrected_p50", "uncorrected_p90", "uncorrected_p99", "uncorrected_p99.9", "uncorrected_max"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Transport, samples};

    #[test]
    fn clients_that_say_nothing_have_their_cost() {
        let mut report = samples::load(Transport::Polling, 200, 1.0, 1);
        let figures = |report: &LoadReport| Figures::of(&Report::Load(report.clone()));
        // 4 KiB and 64 KiB of sockets, of 200 clients.
        assert_eq!(figures(&report).get("sockets_per_client"), Some(0.34));
        assert_eq!(figures(&report).get("idle_cpu"), None);
        report.plan.rate = 0.0;
        report.server.as_mut().unwrap().cpu_seconds = 0.02;
        // 0.02 s in 10 s, of 200 clients.
        let idle = figures(&report).get("idle_cpu").unwrap();
        assert!((idle - 10.0).abs() < 1e-9, "{idle}");
        report.server = None;
        assert_eq!(figures(&report).get("idle_cpu"), None);
    }
}
