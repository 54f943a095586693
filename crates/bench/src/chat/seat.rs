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
pub(super) const MEMORY: Duration = Duration::from_secs(2);

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

/// What falls to a seat, whoever takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lot {
    moves: bool,
    is_slow: bool,
    /// What carries its clients, unless they move.
    transport: Transport,
}

impl Lot {
    fn of(plan: &ChatPlan, number: usize) -> Self {
        // Every so-manieth, from the first on.
        let below = |share: f64, number: usize| (number as f64 * share).ceil();
        let is_one_of = |share: f64, number: usize| below(share, number) < below(share, number + 1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to the number")]
        let move_before = below(plan.moving, number) as usize;
        // Those that stay are on the transports in turns, whichever seats move.
        let stay_before = number - move_before.min(number);
        Self {
            moves: is_one_of(plan.moving, number),
            // From the second on: the first moves.
            is_slow: is_one_of(plan.slow, (number + plan.talk.clients - 1) % plan.talk.clients),
            transport: Transport::SESSIONS[stay_before % Transport::SESSIONS.len()],
        }
    }
}

impl Seat {
    pub(super) fn new(plan: &ChatPlan, number: usize, weather: &Weather, random: &mut Random) -> Self {
        let lot = Lot::of(plan, number);
        let path = plan.target.path();
        let (url, transports) = match weather.address().filter(|_| lot.moves) {
            Some(address) => (format!("http://{address}{path}"), bowline_client::Transport::ALL.to_vec()),
            None => (plan.target.to_string(), vec![flow::carrier(lot.transport)]),
        };
        Self {
            number,
            way: Way::of(&plan.talk, url, transports, MEMORY),
            rooms: plan.talk.rooms,
            per_client: plan.talk.per_client,
            is_slow: lot.is_slow,
            phase: plan.talk.due(number),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How many move, how many are slow, and on which transports the others are.
    fn lots(change: impl Fn(&mut ChatPlan)) -> (usize, usize, [usize; 4]) {
        let mut plan = ChatPlan::new("http://127.0.0.1:1/".parse().unwrap());
        change(&mut plan);
        let lots: Vec<_> = (0..plan.talk.clients).map(|number| Lot::of(&plan, number)).collect();
        let on = |transport| lots.iter().filter(|lot| !lot.moves && lot.transport == transport).count();
        let count = |is: fn(&Lot) -> bool| lots.iter().filter(|lot| is(lot)).count();
        (count(|lot| lot.moves), count(|lot| lot.is_slow), Transport::SESSIONS.map(on))
    }

    #[test]
    fn those_that_stay_are_on_all_transports_alike() {
        assert_eq!(lots(|_| {}), (25, 1, [19, 19, 19, 18]));
        assert_eq!(lots(|plan| plan.moving = 0.0), (0, 1, [25; 4]));
        assert_eq!(lots(|plan| plan.moving = 0.5), (50, 1, [13, 13, 12, 12]));
        assert_eq!(lots(|plan| (plan.moving, plan.slow) = (1.0, 1.0)), (100, 100, [0; 4]));
        assert_eq!(lots(|plan| (plan.talk.clients, plan.slow) = (1, 0.0)), (1, 0, [0; 4]));
    }

    #[test]
    fn who_is_slow_is_not_who_moves() {
        let plan = ChatPlan::new("http://127.0.0.1:1/".parse().unwrap());
        let lots: Vec<_> = (0..plan.talk.clients).map(|number| Lot::of(&plan, number)).collect();
        assert!(lots.iter().all(|lot| !(lot.is_slow && lot.moves)), "{lots:?}");
    }
}
