//! Which publications have reached how many connections.

use crate::Event;
use std::collections::VecDeque;

/// Publications that are counted at a time; past that the oldest is told as it is: at fewer connections than are open.
const MAX_UNDER_WAY: usize = 64;

/// Counts how far each publication got. A connection's publications are numbered by the order in which it gets them.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// How many are complete: the number of the first entry is one more.
    complete: u64,
    under_way: VecDeque<Arrival>,
}

#[derive(Debug)]
struct Arrival {
    connections: u64,
    first: u64,
    last: u64,
}

impl Arrivals {
    /// How many reached all connections.
    pub(crate) fn complete(&self) -> u64 {
        self.complete
    }

    /// How many connections the oldest has reached that has not reached all; 0 if there is none.
    pub(crate) fn under_way(&self) -> u64 {
        self.under_way.front().map_or(0, |arrival| arrival.connections)
    }

    /// A connection gets its `number`th publication, from 1 on, at `now`.
    pub(crate) fn count(&mut self, number: u64, now: u64, tell: &mut dyn FnMut(&Event)) {
        let Some(index) = number.checked_sub(self.complete + 1) else { return };
        while self.under_way.len() as u64 <= index {
            if self.under_way.len() == MAX_UNDER_WAY {
                self.pop(tell);
                return self.count(number, now, tell);
            }
            self.under_way.push_back(Arrival { connections: 0, first: now, last: now });
        }
        if let Some(arrival) = usize::try_from(index).ok().and_then(|index| self.under_way.get_mut(index)) {
            arrival.connections += 1;
            arrival.last = now;
        }
    }

    /// Tells of those that all `open` connections have.
    pub(crate) fn settle(&mut self, open: usize, tell: &mut dyn FnMut(&Event)) {
        while self.under_way.front().is_some_and(|arrival| arrival.connections >= open as u64) {
            self.pop(tell);
        }
    }

    fn pop(&mut self, tell: &mut dyn FnMut(&Event)) {
        let Some(Arrival { connections, first, last }) = self.under_way.pop_front() else { return };
        self.complete += 1;
        tell(&Event::Published { publication: self.complete, connections, first, last });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_is_told_when_all_have_it() {
        let mut told = Vec::new();
        let mut tell = |event: &Event| told.push(event.clone());
        let (mut arrivals, mut waiting) = (Arrivals::default(), Vec::new());
        for (number, now) in [(1, 10), (2, 11), (1, 12)] {
            arrivals.count(number, now, &mut tell);
            arrivals.settle(2, &mut tell);
            waiting.push(arrivals.under_way());
        }
        assert_eq!(waiting, [1, 1, 1]);
        assert_eq!(arrivals.complete(), 1);
        assert_eq!(told, [Event::Published { publication: 1, connections: 2, first: 10, last: 12 }]);
    }

    #[test]
    fn past_the_limit_the_oldest_is_told_as_it_is() {
        for (ahead, complete) in [(MAX_UNDER_WAY as u64, 0), (MAX_UNDER_WAY as u64 + 1, 1)] {
            let mut arrivals = Arrivals::default();
            (1..=ahead).for_each(|number| arrivals.count(number, 0, &mut |_| ()));
            assert_eq!(arrivals.complete(), complete, "{ahead}");
        }
    }
}
