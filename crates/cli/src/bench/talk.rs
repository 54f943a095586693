//! Flags of clients that talk: those of `bowline-client`, in rooms and with an echo.

use std::time::Duration;

use bowline_bench::Talk;
use clap::Args;

use super::seconds;
use crate::args::value::parse_duration;

const LOAD: &str = "Load";
const TIMES: &str = "Times";

/// What scenarios of talking clients have in common. What isn't given is as the plan has it, which [`helps`](super::helps) tells.
#[derive(Debug, Args)]
pub(super) struct TalkArgs {
    /// Clients [default: 100]
    #[arg(short, long, value_name = "N", help_heading = LOAD)]
    clients: Option<usize>,

    /// Rooms
    #[arg(long, value_name = "N", help_heading = LOAD)]
    rooms: Option<usize>,

    /// Rooms that each client is in [default: 2]
    #[arg(long, value_name = "N", help_heading = LOAD)]
    per_client: Option<usize>,

    /// Messages a second of all together, half to be echoed, half published
    #[arg(long, value_name = "N", help_heading = LOAD)]
    rate: Option<f64>,

    /// Bytes of a message, 48 or more
    #[arg(long, value_name = "BYTES", help_heading = LOAD)]
    size: Option<usize>,

    /// Seconds that they talk
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds, help_heading = TIMES)]
    duration: Option<Duration>,

    /// Seconds that what is under way may take at the end
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = TIMES)]
    drain: Option<Duration>,

    /// Longest first wait of a client that lost its carrier
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = TIMES)]
    backoff: Option<Duration>,

    /// Time from one poll of a client to its next [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = TIMES)]
    poll_interval: Option<Duration>,
}

impl TalkArgs {
    pub(super) fn change(&self, talk: &mut Talk) {
        set(&mut talk.clients, self.clients);
        set(&mut talk.rooms, self.rooms);
        set(&mut talk.per_client, self.per_client);
        set(&mut talk.rate, self.rate);
        set(&mut talk.size, self.size);
        set(&mut talk.duration, self.duration);
        set(&mut talk.drain_timeout, self.drain);
        set(&mut talk.backoff, self.backoff);
        set(&mut talk.poll_interval, self.poll_interval);
    }
}

fn set<T>(value: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *value = given;
    }
}
