//! A place in the chat, which one client takes after another.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::sleep};

use super::weather::Weather;
use crate::{
    ChatPlan, Error, Transport,
    flow::{self, Crowd, Going, Guest, Turn, Way, draw_rooms},
    process::float,
    random::Random,
};

/// How long those that move remember that a transport doesn't work: then they try upward again.
const MEMORY: Duration = Duration::from_secs(2);

/// A place in the chat.
pub(super) struct Seat {
    number: usize,
    way: Way,
    rooms: usize,
    per_client: usize,
    is_slow: bool,
    phase: Duration,
    /// How long a client stays, on average; zero for ever.
    stay: Duration,
    random: Random,
}

impl Seat {
    pub(super) fn new(plan: &ChatPlan, number: usize, weather: &Weather, random: &mut Random) -> Self {
        let clients = plan.clients as f64;
        // Every so-manieth, from the first on.
        let is_one_of = |share: f64| (number as f64 * share).ceil() < ((number + 1) as f64 * share).ceil();
        let path = plan.target.path();
        let (url, transports) = match weather.address().filter(|_| is_one_of(plan.moving)) {
            Some(address) => (format!("http://{address}{path}"), bowline_client::Transport::ALL.to_vec()),
            None => {
                (plan.target.to_string(), vec![flow::carrier(Transport::SESSIONS[number % Transport::SESSIONS.len()])])
            }
        };
        let (backoff, poll_interval) = (plan.backoff, plan.poll_interval);
        Self {
            number,
            way: Way { url, transports, backoff, poll_interval, memory: MEMORY },
            rooms: plan.rooms,
            per_client: plan.per_client,
            is_slow: is_one_of(plan.slow),
            phase: Duration::from_secs_f64(clients / plan.rate * (number as f64 / clients)),
            stay: plan.stay,
            random: random.split(),
        }
    }

    /// One client after another, until there is no other turn.
    pub(super) async fn fill(
        mut self,
        crowd: Arc<Crowd>,
        turns: watch::Sender<Option<Arc<Turn>>>,
    ) -> Result<(), Error> {
        for visit in 0_u64.. {
            let rooms = draw_rooms(&mut self.random, self.rooms, self.per_client, true);
            let by = format!("{}.{visit}", self.number);
            let mut guest = Guest::new(Arc::clone(&crowd), self.number, &by, rooms, self.random.split());
            (guest.is_slow, guest.phase) = (self.is_slow, self.phase);
            let (going, stays) = (Going::new(), self.stays());
            let leaving = tokio::spawn({
                let (going, crowd) = (going.clone(), Arc::clone(&crowd));
                async move {
                    if let Some(stays) = stays {
                        crowd.until_complete().await;
                        sleep(stays).await;
                        going.go();
                    }
                }
            });
            guest.visit(self.way.client()?, turns.subscribe(), going).await;
            leaving.abort();
            if turns.borrow().is_none() {
                break;
            }
        }
        Ok(())
    }

    /// How long this one stays: as memoryless as people are.
    fn stays(&mut self) -> Option<Duration> {
        let even = float(self.random.up_to(1 << 32).max(1)) / float(1 << 32);
        (!self.stay.is_zero()).then(|| self.stay.mul_f64(-even.ln()))
    }
}
