//! What plans of talking clients have in common.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    MAX_CONNECTIONS, MAX_DURATION, MAX_MESSAGE_SIZE, MAX_RATE, MAX_ROOMS, MAX_ROOMS_PER_CLIENT, MIN_LOAD_SIZE,
    Transport, bounds,
};
use crate::{Error, Protocol, Target, seconds};

/// Most messages that one checker judges: a million, of which it remembers a few hundred bytes each.
pub const MAX_PUBLICATIONS: usize = 1_000_000;

/// A wait between tries, and a polling interval, are 10 ms to an hour.
const WAITS: std::ops::RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3_600);

/// How clients talk: what a [`ResumePlan`](crate::ResumePlan) and a [`ChatPlan`](crate::ChatPlan) have in common.
///
/// The clients are those of `bowline-client`. Each is in some rooms, and sends messages at fixed times, whatever becomes of those before
/// them: half are echoed, half are published in one of its rooms. All deliveries are judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Talk {
    /// Clients at a time, 1 to [`MAX_CONNECTIONS`]; 100 by default.
    pub clients: usize,
    /// How many rooms there are, 1 to [`MAX_ROOMS`]; 10 by default, 20 of a chat.
    pub rooms: usize,
    /// How many of them each client is in, 1 to [`MAX_ROOMS_PER_CLIENT`] and `rooms`; 2 by default.
    pub per_client: usize,
    /// Messages a second of all together, more than 0, at most [`MAX_RATE`]; 200 by default, 100 of a chat. With `duration`, or the stretch
    /// of a chat, it makes at most [`MAX_PUBLICATIONS`].
    pub rate: f64,
    /// Bytes of a message, [`MIN_LOAD_SIZE`] to [`MAX_MESSAGE_SIZE`]; 128 by default.
    pub size: usize,
    /// How long they talk, up to [`MAX_DURATION`]; 20 s by default, 60 s of a chat.
    #[serde(with = "seconds")]
    pub duration: Duration,
    /// How long what is under way may take at the end, or at that of each stretch while the next goes on; 10 s by default, 30 s of a chat.
    #[serde(with = "seconds")]
    pub drain_timeout: Duration,
    /// The longest first wait of a client that lost its carrier, 10 ms to 1 h: it waits a random time up to it, which doubles with each
    /// try that fails, up to four times. 6 s by default, as `bowline-client` does; 1 s of a chat.
    #[serde(with = "seconds")]
    pub backoff: Duration,
    /// Time from one poll of a client to its next, 10 ms to 1 h; 1 s by default. Only for [`Transport::Polling`].
    #[serde(with = "seconds")]
    pub poll_interval: Duration,
}

impl Talk {
    /// When the message of that number is due: the first ones are each of another client, and then they begin again.
    pub(crate) fn due(&self, number: usize) -> Duration {
        Duration::from_secs_f64(number as f64 / self.rate)
    }

    /// Where `judged` is the time of which one checker judges all messages.
    pub(super) fn check(&self, judged: Duration) -> Result<(), Error> {
        bounds("number of clients", self.clients, 1, MAX_CONNECTIONS)?;
        bounds("message size", self.size, MIN_LOAD_SIZE, MAX_MESSAGE_SIZE)?;
        bounds("number of rooms", self.rooms, 1, MAX_ROOMS)?;
        bounds("number of rooms of a client", self.per_client, 1, MAX_ROOMS_PER_CLIENT.min(self.rooms))?;
        rate(self.rate, judged)?;
        wait("wait after a carrier was lost", self.backoff)?;
        wait("polling interval", self.poll_interval)?;
        if self.duration > MAX_DURATION {
            return Err(Error::Plan { problem: "the time to talk must be a day at the most".into() });
        }
        Ok(())
    }
}

/// What is sent at this rate in this time is judged by one checker.
fn rate(rate: f64, within: Duration) -> Result<(), Error> {
    if rate.is_nan() || rate <= 0.0 || rate > MAX_RATE {
        return Err(Error::Plan {
            problem: format!("the rate must be over 0 and at most {MAX_RATE} a second, not {rate}"),
        });
    }
    if rate * within.as_secs_f64() > MAX_PUBLICATIONS as f64 {
        return Err(Error::Plan {
            problem: format!(
                "{rate} messages a second for {within:?} are more than {MAX_PUBLICATIONS}: lower one of them"
            ),
        });
    }
    Ok(())
}

pub(super) fn wait(what: &str, wait: Duration) -> Result<(), Error> {
    if !WAITS.contains(&wait) {
        return Err(Error::Plan { problem: format!("the {what} must be 10 ms to 1 h, not {wait:?}") });
    }
    Ok(())
}

pub(super) fn has_sessions(target: &Target, transport: Transport) -> Result<(), Error> {
    if transport == Transport::Raw {
        return Err(Error::Plan { problem: "a bare WebSocket is no session: use --transport websocket".into() });
    }
    has_transports(target)
}

pub(super) fn has_transports(target: &Target) -> Result<(), Error> {
    if target.protocol() == Protocol::Raw {
        return Err(Error::Plan { problem: "a tcp:// server knows no transports: use http:// or ws://".into() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_at_the_limit_and_not_past_it() {
        let (second, ms) = (Duration::from_secs(1), Duration::from_millis);
        let with = |change: &dyn Fn(&mut Talk)| {
            let mut talk = crate::ChatPlan::new("http://127.0.0.1:1/".parse().unwrap()).talk;
            change(&mut talk);
            talk.check(second).is_ok()
        };
        assert!(with(&|_| {}));
        assert!(with(&|talk| talk.clients = MAX_CONNECTIONS) && !with(&|talk| talk.clients = MAX_CONNECTIONS + 1));
        assert!(with(&|talk| talk.clients = 1) && !with(&|talk| talk.clients = 0));
        assert!(with(&|talk| talk.size = MIN_LOAD_SIZE) && !with(&|talk| talk.size = MIN_LOAD_SIZE - 1));
        assert!(with(&|talk| talk.size = MAX_MESSAGE_SIZE) && !with(&|talk| talk.size = MAX_MESSAGE_SIZE + 1));
        assert!(with(&|talk| talk.rooms = MAX_ROOMS) && !with(&|talk| talk.rooms = MAX_ROOMS + 1));
        for (rooms, per_client, fits) in
            [(200, MAX_ROOMS_PER_CLIENT, true), (200, MAX_ROOMS_PER_CLIENT + 1, false), (3, 3, true), (3, 4, false)]
        {
            assert_eq!(with(&|talk| (talk.rooms, talk.per_client) = (rooms, per_client)), fits, "{per_client}");
        }
        let most = (MAX_PUBLICATIONS as f64).min(MAX_RATE);
        for (rate, fits) in [(most, true), (most + 1.0, false), (0.0, false), (f64::NAN, false)] {
            assert_eq!(with(&|talk| talk.rate = rate), fits, "{rate}");
        }
        assert!(with(&|talk| talk.duration = MAX_DURATION) && !with(&|talk| talk.duration = MAX_DURATION + second));
        for (wait, fits) in [(ms(9), false), (ms(10), true), (ms(3_600_000), true), (ms(3_600_001), false)] {
            assert_eq!(with(&|talk| talk.backoff = wait), fits, "{wait:?}");
            assert_eq!(with(&|talk| talk.poll_interval = wait), fits, "{wait:?}");
        }
    }

    #[test]
    fn what_one_checker_judges_is_bounded() {
        let talk = crate::ChatPlan::new("http://127.0.0.1:1/".parse().unwrap()).talk;
        let longest = Duration::from_secs_f64(MAX_PUBLICATIONS as f64 / talk.rate);
        assert!(talk.check(longest).is_ok() && talk.check(longest + Duration::from_secs(1)).is_err());
        let fastest = Talk { rate: MAX_RATE, ..talk.clone() };
        assert!(fastest.check(Duration::ZERO).is_ok());
        assert!(Talk { rate: MAX_RATE + 1.0, ..talk }.check(Duration::ZERO).is_err());
    }
}
