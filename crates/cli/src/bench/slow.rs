//! `bowline bench slow`.

use bowline_bench::{LoadPlan, Plan, Traffic, Transport};
use clap::Args;

use super::job::{Job, RoundsArgs};
use super::load::LoadArgs;
use super::server::ServerArgs;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct SlowArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    rounds: RoundsArgs,

    /// Clients that stop reading when measuring begins: so many, or a share of them, as in 1%
    #[arg(long, value_name = "N", default_value = "1%", value_parser = parse_stalled)]
    stalled: Stalled,

    #[command(flatten)]
    load: LoadArgs,
}

/// How many don't read.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stalled {
    Clients(usize),
    Percent(f64),
}

impl SlowArgs {
    pub(super) fn into_job(self) -> Result<Job, Failure> {
        let traffic = Traffic::Rooms { rooms: 1, per_client: 1 };
        let mut base = LoadPlan::new(self.server.mount()?, Transport::WebSocket, traffic);
        // So much that a reader who has stopped falls behind what the kernel and the room keep for it.
        (base.clients, base.rate, base.size, base.seed) = (200, 100.0, 1_024, self.rounds.seed);
        let mut cells = self.load.cells(&self.server, &base, &[Transport::WebSocket])?;
        for cell in &mut cells {
            if let Plan::Load(plan) = &mut cell.plan {
                plan.stalled = self.stalled.of(plan.clients);
            }
        }
        self.rounds.job("slow", &self.server, cells)
    }
}

impl Stalled {
    /// At least one of them.
    fn of(self, clients: usize) -> usize {
        match self {
            Self::Clients(count) => count,
            Self::Percent(percent) => share(clients, percent).max(1),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a plan has a million clients at the most, and the share is 0 to 100"
)]
fn share(clients: usize, percent: f64) -> usize {
    (clients as f64 * percent / 100.0).round() as usize
}

fn parse_stalled(text: &str) -> Result<Stalled, String> {
    let wrong = || "write a number of clients, as in 5, or a share of them up to 100%, as in 1%".to_owned();
    let Some(percent) = text.strip_suffix('%') else { return text.parse().map(Stalled::Clients).map_err(|_| wrong()) };
    match percent.parse() {
        Ok(percent @ 0.0..=100.0) => Ok(Stalled::Percent(percent)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_or_a_share() {
        let of = |text, clients| parse_stalled(text).map(|stalled| stalled.of(clients));
        assert_eq!(of("1%", 1_000), Ok(10));
        assert_eq!(of("1%", 20), Ok(1));
        assert_eq!(of("7", 1_000), Ok(7));
        for wrong in ["", "%", "-1", "101%", "-1%", "NaN%", "1.5"] {
            assert!(parse_stalled(wrong).is_err(), "{wrong}");
        }
    }
}
