//! Flags of `bowline proxy`.

use std::ops::RangeInclusive;
use std::time::Duration;

use bowline_bench::proxy::{Direction, Refusal};
use clap::{ArgGroup, Args, ValueEnum};

use super::value::{Size, parse_address, parse_duration, parse_size, parse_wait};
use super::{LIMITS, LISTENING};

const PACE: &str = "Pace";
const ENDS: &str = "Cuts";
const HTTP: &str = "HTTP/1.1";

pub(super) const EXAMPLES: &str = "\
Examples:
  bowline proxy --to 127.0.0.1:9001 --delay 50ms --jitter 20ms --rate to-client=64KiB
  bowline proxy --to 127.0.0.1:9001 --cut-between 0..10000 --reset --seed 7
  bowline proxy --to 127.0.0.1:9001 --strip-upgrade --cut-idle 30s
  bowline proxy --to 127.0.0.1:9001 --buffer-responses --swallow-101
  bowline connect ws://127.0.0.1:9002/echo     through it

A value with `to-server=` or `to-client=` in front is for that direction, one without for both (a
cut then draws one); the flag may be given again. Faults combine. TLS and HTTP/2 pass as bytes.
Durations: 500ms, 20s, 2m. Sizes in bytes: 65536, 64KiB, 16MiB.
Ctrl-C or SIGTERM ends every connection, and prints how much passed and what was done to it.";

/// Flags of `bowline proxy`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("cut").args(["cut_at", "cut_between", "cut_idle"]).multiple(true))]
pub(crate) struct ProxyArgs {
    /// The server to carry connections to
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub(crate) to: String,

    /// Where all randomness comes from: the same seed draws the same for each connection
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,

    /// Address and port to listen on; port 0 takes any free one
    #[arg(long, short, value_name = "ADDR", default_value = "127.0.0.1:9002", value_parser = parse_address, help_heading = LISTENING)]
    pub(crate) listen: String,

    /// Refuse connections: reset them once accepted, or don't listen at all
    #[arg(long, value_name = "HOW", help_heading = LISTENING)]
    pub(crate) refuse: Option<Refuse>,

    /// Hold all that passes for this long, up to 1h
    #[arg(long, value_name = "TIME", value_parser = directed(parse_wait), help_heading = PACE)]
    pub(crate) delay: Vec<Directed<Duration>>,

    /// Add a random time up to this one to the delay, up to 1h; nothing overtakes
    #[arg(long, value_name = "TIME", value_parser = directed(parse_wait), help_heading = PACE)]
    pub(crate) jitter: Vec<Directed<Duration>>,

    /// Pass at most so many bytes a second of each connection
    #[arg(long, value_name = "BYTES", value_parser = directed(parse_size), help_heading = PACE)]
    pub(crate) rate: Vec<Directed<Size>>,

    /// Write each byte by itself, in both directions unless one is given
    #[arg(long, value_name = "DIRECTION", num_args = 0..=1, default_missing_value = "both", require_equals = true)]
    #[arg(value_parser = parse_direction, help_heading = PACE)]
    pub(crate) one_byte_writes: Option<Both>,

    /// Cut each connection after so many bytes, in a direction drawn unless one is given
    #[arg(long, value_name = "BYTES", value_parser = directed(parse_place), help_heading = ENDS)]
    #[arg(conflicts_with = "cut_between")]
    pub(crate) cut_at: Option<Directed<RangeInclusive<u64>>>,

    /// Cut each after a random number of bytes from MIN to MAX
    #[arg(long, value_name = "MIN..MAX", value_parser = directed(parse_range), help_heading = ENDS)]
    pub(crate) cut_between: Option<Directed<RangeInclusive<u64>>>,

    /// Cut a connection on which nothing came from either side for this long
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = ENDS)]
    pub(crate) cut_idle: Option<Duration>,

    /// Cut by a reset instead of a FIN
    #[arg(long, requires = "cut", help_heading = ENDS)]
    pub(crate) reset: bool,

    /// Pass so many bytes of a connection (0 if none are given), then read on and pass nothing, not even the end
    #[arg(long, value_name = "BYTES", num_args = 0..=1, default_missing_value = "0", require_equals = true)]
    #[arg(value_parser = directed(parse_number), help_heading = ENDS)]
    pub(crate) black_hole: Vec<Directed<u64>>,

    /// Take `Upgrade` out of requests, so that the server answers as without
    #[arg(long, conflicts_with = "swallow_101", help_heading = HTTP)]
    pub(crate) strip_upgrade: bool,

    /// Keep a 101 and all that follows from the client, and the connection open
    #[arg(long, help_heading = HTTP)]
    pub(crate) swallow_101: bool,

    /// Hold each response until its end; a 101 and what follows passes
    #[arg(long, help_heading = HTTP)]
    pub(crate) buffer_responses: bool,

    /// Connections at a time; more wait in the kernel's queue [default: 1024, if the descriptor limit allows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = LIMITS)]
    pub(crate) max_connections: Option<u32>,

    /// Most bytes waiting in one direction of a connection; then its sender waits
    #[arg(long, value_name = "BYTES", default_value = "64KiB", value_parser = parse_size, help_heading = LIMITS)]
    pub(crate) max_buffer: Size,

    /// Most bytes of a response that are held; then they pass, and holding begins again
    #[arg(long, value_name = "BYTES", default_value = "1MiB", value_parser = parse_size, help_heading = LIMITS)]
    pub(crate) max_held: Size,
}

/// How `--refuse` refuses.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Refuse {
    /// Accept and reset
    Reset,
    /// Nobody listens
    NotListening,
}

impl From<Refuse> for Refusal {
    fn from(refuse: Refuse) -> Self {
        match refuse {
            Refuse::Reset => Self::Reset,
            Refuse::NotListening => Self::NotListening,
        }
    }
}

/// A value for one direction, or for both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directed<T> {
    pub(crate) direction: Option<Direction>,
    pub(crate) value: T,
}

/// One direction, or both. A type of its own: to clap an `Option` is a flag that may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Both(pub(crate) Option<Direction>);

/// `to-server`, `to-client` or `both`.
fn parse_direction(text: &str) -> Result<Both, String> {
    match text {
        "to-server" => Ok(Both(Some(Direction::ToServer))),
        "to-client" => Ok(Both(Some(Direction::ToClient))),
        "both" => Ok(Both(None)),
        _ => Err("write to-server, to-client or both".to_owned()),
    }
}

/// What `parse` takes, with a direction and `=` in front or without.
fn directed<T>(parse: fn(&str) -> Result<T, String>) -> impl Fn(&str) -> Result<Directed<T>, String> + Clone {
    move |text| {
        let (Both(direction), value) = match text.split_once('=') {
            Some((direction, value)) => (parse_direction(direction)?, value),
            None => (Both(None), text),
        };
        Ok(Directed { direction, value: parse(value)? })
    }
}

/// A number of bytes, 0 too.
fn parse_number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "write a whole number of bytes, as in 0 or 1000".to_owned())
}

fn parse_place(text: &str) -> Result<RangeInclusive<u64>, String> {
    parse_number(text).map(|place| place..=place)
}

/// `MIN..MAX`, both included.
fn parse_range(text: &str) -> Result<RangeInclusive<u64>, String> {
    let (min, max) = text.split_once("..").ok_or("write MIN..MAX in bytes, as in 0..10000")?;
    let (min, max) = (parse_number(min)?, parse_number(max)?);
    if min > max {
        return Err(format!("no byte lies between {min} and {max}; write {max}..{min}"));
    }
    Ok(min..=max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_have_a_direction() {
        let both = Directed { direction: None, value: 7 };
        assert_eq!(directed(parse_number)("7"), Ok(both.clone()));
        assert_eq!(directed(parse_number)("both=7"), Ok(both));
        let one = Directed { direction: Some(Direction::ToClient), value: 0..=9 };
        assert_eq!(directed(parse_range)("to-client=0..9"), Ok(one));
        for wrong in ["", "up=7", "=7", "to-client", "to-server=", "to-server=x", "-1", "1KiB"] {
            assert!(directed(parse_number)(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_range_has_both_its_ends() {
        assert_eq!(parse_range("5..5"), Ok(5..=5));
        for wrong in ["", "5", "..", "5..", "..5", "5..=6", "6..5", "a..b"] {
            assert!(parse_range(wrong).is_err(), "{wrong}");
        }
    }
}
