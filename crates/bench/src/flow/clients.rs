//! Making clients, and choosing their rooms.

use std::time::Duration;

use bowline_client::{Backoff, Client, Proxy, Transport};

use crate::{Error, Talk, random::Random};

/// How clients find their way.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    pub(crate) url: String,
    pub(crate) transports: Vec<Transport>,
    /// The longest first wait after a carrier was lost.
    pub(crate) backoff: Duration,
    pub(crate) poll_interval: Duration,
    /// How long it is remembered that a transport doesn't work.
    pub(crate) memory: Duration,
}

impl Way {
    /// That of clients that talk so.
    pub(crate) fn of(talk: &Talk, url: String, transports: Vec<Transport>, memory: Duration) -> Self {
        Self { url, transports, backoff: talk.backoff, poll_interval: talk.poll_interval, memory }
    }

    /// A client that begins to connect.
    pub(crate) fn client(&self) -> Result<Client, Error> {
        let first = self.backoff.min(Duration::from_millis(500));
        let backoff = Backoff::default().base(first).spread(self.backoff).max(self.backoff * 4);
        Client::builder(&self.url)
            .transports(self.transports.iter().copied())
            .proxy(Proxy::Direct)
            .poll_interval(self.poll_interval)
            .backoff(backoff)
            .memory(self.memory)
            .build()
            .map_err(|error| Error::Plan { problem: error.to_string() })
    }
}

/// Draws rooms for one client, each once: any of them alike, or, if skewed, the first twice as often as the second and so on.
pub(crate) fn draw_rooms(random: &mut Random, rooms: usize, count: usize, is_skewed: bool) -> Vec<usize> {
    let weights: Vec<u64> =
        (1..=rooms as u64).map(|rank| if is_skewed { (rooms as u64 * 16).div_ceil(rank) } else { 1 }).collect();
    let all: u64 = weights.iter().sum();
    let mut drawn = Vec::with_capacity(count);
    while drawn.len() < count.min(rooms) {
        let mut left = random.up_to(all.saturating_sub(1));
        let found = weights.iter().position(|weight| {
            let is_it = left < *weight;
            left = left.saturating_sub(*weight);
            is_it
        });
        drawn.extend(found.filter(|room| !drawn.contains(room)));
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_drawn_once_each_and_skewed_if_they_are_to_be() {
        let mut random = Random::new(1);
        let mut all = draw_rooms(&mut random, 128, 128, true);
        all.sort_unstable();
        assert_eq!(all, (0..128).collect::<Vec<_>>());
        for (is_skewed, range) in [(false, 150..250), (true, 600..760)] {
            let first = (0..2_000).filter(|_| draw_rooms(&mut random, 10, 1, is_skewed) == [0]).count();
            // A tenth, or one of 1 + 1/2 + … + 1/10.
            assert!(range.contains(&first), "{is_skewed}: {first}");
        }
    }
}
