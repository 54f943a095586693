//! Which colour stands for what: numbers of `--series-N` in the style sheet.
//!
//! A transport has the same colour wherever it is drawn, and nothing else has it. All of a kind are told apart without the
//! difference of red and green as well, and parts of a bar by how light they are.

use super::chart::COLOURS;
use crate::Transport;

/// The first that no transport and no part of a bar has.
const FIRST_OTHER: usize = 8;
/// Series that are no transports and can be told apart; further ones begin again.
pub(super) const OTHERS: usize = COLOURS - FIRST_OTHER;
/// Parts of bars, from the one that begins.
pub(super) const PARTS: [usize; 3] = [5, 6, 7];

pub(super) const fn transport(transport: Transport) -> usize {
    match transport {
        Transport::WebSocket => 0,
        Transport::LongPolling => 1,
        Transport::Comet => 2,
        Transport::Raw => 3,
        Transport::Polling => 4,
    }
}

/// Of series that aren't transports.
const fn other(number: usize) -> usize {
    FIRST_OTHER + number % OTHERS
}

/// Names in the order in which they appeared, each with a colour.
#[derive(Debug, Default)]
pub(super) struct Colours<'a>(Vec<(&'a str, usize)>);

impl<'a> Colours<'a> {
    /// The colour of a name, which is given one if it is new: its transport's, if no other name has that already.
    pub(super) fn take(&mut self, name: &'a str, of: Option<Transport>) -> usize {
        if let Some((_, known)) = self.0.iter().find(|(known, _)| *known == name) {
            return *known;
        }
        let own = of.map(transport).filter(|own| self.0.iter().all(|(_, known)| known != own));
        let others = self.0.iter().filter(|(_, known)| *known >= FIRST_OTHER).count();
        let colour = own.unwrap_or_else(|| other(others));
        self.0.push((name, colour));
        colour
    }

    /// Which of the names it is, and its colour.
    pub(super) fn of(&self, name: &str) -> Option<(usize, usize)> {
        self.0.iter().enumerate().find(|(_, (known, _))| *known == name).map(|(place, (_, colour))| (place, *colour))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_has_its_colour_whatever_comes_before_it() {
        for first in Transport::SESSIONS {
            let mut colours = Colours::default();
            colours.take("something", None);
            colours.take(first.name(), Some(first));
            assert_eq!(colours.take("raw", Some(Transport::Raw)), transport(Transport::Raw));
            assert_eq!(colours.of(first.name()), Some((1, transport(first))));
        }
    }

    #[test]
    fn what_is_no_transport_has_a_colour_that_none_has() {
        let mut colours = Colours::default();
        let mut taken: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(|name| colours.take(name, None)).into();
        // Two of one transport are told apart.
        let polling = Some(Transport::Polling);
        let (each_second, each_minute) = (colours.take("each second", polling), colours.take("each minute", polling));
        assert!(each_second == transport(Transport::Polling) && each_minute >= FIRST_OTHER);
        taken.extend(PARTS);
        taken.extend(Transport::SESSIONS.map(transport));
        taken.push(transport(Transport::Raw));
        taken.sort_unstable();
        assert_eq!(taken, (0..COLOURS).collect::<Vec<_>>());
        assert_eq!(colours.take("a", None), FIRST_OTHER);
    }
}
