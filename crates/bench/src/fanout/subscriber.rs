//! One subscriber's traffic, without its socket.

use super::ledger::Ledger;
use super::publications::Publications;
use crate::Faults;
use crate::parser::{Control, Parser};
use std::ops::Range;

/// Gaps that are remembered, in case what is missing comes late. Past that the oldest is lost, and what comes of it doubled.
const MAX_GAPS: usize = 1024;

/// What a subscriber got so far.
#[derive(Debug)]
pub(crate) struct Subscriber {
    /// The publication that comes next.
    next: u64,
    /// Bytes of its frame that have come; counts while nothing is parsed.
    partial: usize,
    /// Whether it got any publication yet: it is not known before in which the server will have counted it in.
    joined: bool,
    /// `Some` from an unexpected byte on, until the bytes are as expected again; and before joining.
    parser: Option<Box<Parser>>,
    control: Control,
    /// Publications that were passed over, in their order.
    gaps: Vec<Range<u64>>,
}

impl Subscriber {
    pub(crate) fn new() -> Self {
        Self {
            next: 0,
            partial: 0,
            joined: false,
            parser: Some(Box::new(Parser::new(false))),
            control: Control::default(),
            gaps: Vec::new(),
        }
    }

    /// Takes the answers to pings out, to be sent between two frames.
    pub(crate) fn pongs(&mut self) -> &mut Vec<u8> {
        &mut self.control.replies
    }

    /// Takes what one read brought. An error is the reason why the connection is of no more use; what came before it counts.
    pub(crate) fn receive(
        &mut self,
        bytes: &[u8],
        publications: &Publications,
        ledger: &mut Ledger,
        faults: &mut Faults,
    ) -> Result<(), String> {
        if self.parser.is_none() {
            if self.receive_expected(bytes, publications, ledger).is_some() {
                return Ok(());
            }
            self.parse_from_here(publications)?;
        }
        let Some(mut parser) = self.parser.take() else { return Ok(()) };
        // Out of its place while it is used: what it finds changes the rest.
        let mut control = std::mem::take(&mut self.control);
        let received = parser.receive(bytes, publications.longest(), &mut control, |opcode, message| {
            self.judge(publications.number(opcode, message), publications.published(), ledger, faults);
        });
        self.control = control;
        if !parser.is_empty() || !self.joined {
            self.parser = Some(parser);
        }
        received
    }

    /// The fast path: one comparison, if the bytes are the expected ones and were published.
    fn receive_expected(&mut self, bytes: &[u8], publications: &Publications, ledger: &mut Ledger) -> Option<()> {
        if publications.expected(self.next, self.partial).get(..bytes.len())? != bytes {
            return None;
        }
        let frame = publications.frame_len();
        let (mut rest, mut end) = (self.partial + bytes.len(), self.next);
        while rest >= frame {
            rest -= frame;
            end += 1;
        }
        // An older publication may be the same bytes as one that is not there yet: the ring still has it in its place.
        if end + u64::from(rest > 0) > publications.published() {
            return None;
        }
        ledger.receive(self.next..end);
        (self.next, self.partial) = (end, rest);
        Some(())
    }

    /// Changes to parsing, beginning with what has come of the present publication.
    fn parse_from_here(&mut self, publications: &Publications) -> Result<(), String> {
        let mut parser = Box::new(Parser::new(false));
        let beginning = publications.beginning(self.next, std::mem::take(&mut self.partial));
        // Part of a message: nothing to judge yet.
        parser.receive(beginning, publications.longest(), &mut self.control, |_, _| ())?;
        self.parser = Some(parser);
        Ok(())
    }

    /// Counts what a message is.
    fn judge(&mut self, number: Result<u64, String>, published: u64, ledger: &mut Ledger, faults: &mut Faults) {
        match number {
            Ok(number) if !self.joined => {
                ledger.join(number);
                ledger.receive(number..number + 1);
                (self.joined, self.next) = (true, number + 1);
            }
            Ok(number) if number >= self.next => {
                if number > self.next {
                    faults.note(|| format!("publication {number} came when {} was next", self.next));
                    self.pass(number, ledger, faults);
                }
                ledger.receive(number..number + 1);
                self.next = number + 1;
            }
            Ok(number) if self.fill(number) => {
                faults.reordered += 1;
                ledger.receive_late();
            }
            Ok(number) => {
                faults.doubled += 1;
                faults.note(|| format!("publication {number} came a second time"));
            }
            // What the room had before this run, and gives to newcomers.
            Err(_) if !self.joined => {}
            Err(why) => {
                faults.wrong += 1;
                faults.note(|| why);
                // It stands for the next, if there is one: nobody would wait for that in vain.
                if self.next < published {
                    ledger.pass(self.next..self.next + 1);
                    self.next += 1;
                }
            }
        }
    }

    /// Goes on at publication `to`; what is before it may come late.
    fn pass(&mut self, to: u64, ledger: &mut Ledger, faults: &mut Faults) {
        ledger.pass(self.next..to);
        if self.gaps.len() == MAX_GAPS {
            let lost = self.gaps.remove(0);
            faults.lost += lost.end - lost.start;
        }
        self.gaps.push(self.next..to);
        self.next = to;
    }

    /// Takes a publication out of the gaps; false if it is in none.
    fn fill(&mut self, number: u64) -> bool {
        let Some(index) = self.gaps.iter().position(|gap| gap.contains(&number)) else { return false };
        let gap = self.gaps[index].clone();
        let parts = [gap.start..number, number + 1..gap.end];
        self.gaps.splice(index..=index, parts.into_iter().filter(|part| !part.is_empty()));
        true
    }

    /// Nothing comes any more of what was published so far: it is missing, and nobody waits for it.
    pub(crate) fn write_off(
        &mut self,
        publications: &Publications,
        ledger: &mut Ledger,
        faults: &mut Faults,
    ) -> Result<(), String> {
        let published = publications.published();
        if !self.joined || self.next == published {
            return Ok(());
        }
        if self.parser.is_none() && self.partial > 0 {
            self.parse_from_here(publications)?;
        }
        let (missing, next) = (published - self.next, self.next);
        faults.note(|| format!("{missing} publications from number {next} on did not reach a subscriber"));
        self.pass(published, ledger, faults);
        Ok(())
    }

    /// The connection is gone, or the run over: what it lacks is lost.
    pub(crate) fn leave(&mut self, publications: &Publications, ledger: &mut Ledger, faults: &mut Faults) {
        let published = publications.published();
        if self.joined {
            ledger.pass(self.next..published);
            faults.lost += published - self.next;
            faults.lost += self.gaps.drain(..).map(|gap| gap.end - gap.start).sum::<u64>();
        } else {
            ledger.pass(ledger.oldest()..published);
        }
        self.next = published;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FanoutPlan;
    use std::time::Instant;

    /// A subscriber that joined with publication 0, and `published` publications.
    struct Scene {
        publications: Publications,
        ledger: Ledger,
        faults: Faults,
        subscriber: Subscriber,
        frames: Vec<Vec<u8>>,
    }

    impl Scene {
        fn new(published: usize) -> Self {
            let mut plan = FanoutPlan::new("ws://127.0.0.1/".parse().unwrap());
            (plan.size, plan.in_flight) = (16, published);
            let mut scene = Self {
                publications: Publications::new(&plan),
                ledger: Ledger::new().unwrap(),
                faults: Faults::default(),
                subscriber: Subscriber::new(),
                frames: Vec::new(),
            };
            let now = Instant::now();
            for number in 0..published as u64 {
                scene.publications.publish(&mut Vec::new());
                scene.ledger.sent(now, now, 1);
                let frame = &scene.publications.expected(number, 0)[..scene.publications.frame_len()];
                scene.frames.push(frame.to_vec());
            }
            let first = scene.frames[0].clone();
            scene.receive(&first);
            scene
        }

        fn receive(&mut self, bytes: &[u8]) {
            self.subscriber.receive(bytes, &self.publications, &mut self.ledger, &mut self.faults).unwrap();
        }

        /// Lost, doubled, wrong, reordered at the end.
        fn end(mut self) -> [u64; 4] {
            self.subscriber.leave(&self.publications, &mut self.ledger, &mut self.faults);
            assert_eq!(self.ledger.outstanding(), 0);
            let faults = &self.faults;
            [faults.lost, faults.doubled, faults.wrong, faults.reordered]
        }
    }

    #[test]
    fn any_split_counts_the_same() {
        for piece in [1, 7, 18, 19, 500] {
            let mut scene = Scene::new(40);
            let rest = scene.frames[1..].concat();
            for bytes in rest.chunks(piece) {
                scene.receive(bytes);
                assert!(scene.subscriber.parser.is_none(), "an expected byte was parsed");
            }
            assert_eq!((scene.ledger.deliveries(), scene.ledger.outstanding()), (40, 0));
            assert_eq!(scene.end(), [0; 4]);
        }
    }

    #[test]
    fn lost_doubled_and_reordered_are_told_apart() {
        for (order, counts) in [
            (&[1, 2, 4, 5][..], [1, 0, 0, 0]),
            (&[1, 2, 3, 3, 4, 5], [0, 1, 0, 0]),
            (&[1, 3, 2, 4, 5], [0, 0, 0, 1]),
            (&[4, 5, 2, 1, 2], [1, 1, 0, 2]),
            (&[1, 2, 3, 4], [1, 0, 0, 0]),
        ] {
            let mut scene = Scene::new(6);
            for &number in order {
                let frame = scene.frames[number].clone();
                scene.receive(&frame);
            }
            assert!(scene.subscriber.parser.is_none(), "parsing ends where all is whole");
            assert_eq!(scene.end(), counts, "{order:?}");
        }
    }

    #[test]
    fn a_wrong_one_stands_for_the_next() {
        let mut scene = Scene::new(4);
        let mut frames = scene.frames.clone();
        frames[1][12] ^= 1;
        scene.receive(&frames.concat()[18..]);
        assert_eq!(scene.end(), [0, 0, 1, 0]);
    }

    #[test]
    fn what_was_not_published_yet_is_not_expected() {
        let mut scene = Scene::new(2);
        let frames = scene.frames.clone();
        scene.receive(&frames[1]);
        // The ring has publication 0 where number 2 will be.
        scene.receive(&frames[0]);
        assert_eq!(scene.end(), [0, 1, 0, 0]);
    }

    #[test]
    fn what_is_written_off_may_still_come() {
        let mut scene = Scene::new(4);
        let frames = scene.frames.clone();
        scene.receive(&frames[1][..5]);
        scene.subscriber.write_off(&scene.publications, &mut scene.ledger, &mut scene.faults).unwrap();
        assert_eq!(scene.ledger.outstanding(), 0);
        scene.receive(&frames[1][5..]);
        scene.receive(&frames[3]);
        assert_eq!(scene.end(), [1, 0, 0, 2]);
    }

    #[test]
    fn gaps_past_the_limit_are_lost() {
        for (gaps, late) in [(MAX_GAPS, [0, 1]), (MAX_GAPS + 1, [1, 0])] {
            let mut scene = Scene::new(2 * gaps + 1);
            let frames = scene.frames.clone();
            (1..=gaps).for_each(|gap| scene.receive(&frames[2 * gap]));
            scene.receive(&frames[1]);
            assert_eq!([scene.faults.doubled, scene.faults.reordered], late, "{gaps}");
            assert_eq!(scene.end()[0], gaps as u64 - late[1]);
        }
    }

    #[test]
    fn a_ping_between_publications_is_answered() {
        let mut scene = Scene::new(3);
        let bytes = [&scene.frames[1][..], &[0x89, 1, b'x'], &scene.frames[2]].concat();
        scene.receive(&bytes);
        assert_eq!(scene.subscriber.pongs()[..2], [0x8a, 0x81]);
        assert!(scene.subscriber.parser.is_none());
        assert_eq!(scene.end(), [0; 4]);
    }
}
