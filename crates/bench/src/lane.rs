//! One connection's traffic, without its socket.

use crate::check::{Place, judge};
use crate::cycle::Cycle;
use crate::parser::{Control, Parser};
use crate::{ACKNOWLEDGE_EVERY, Faults, frame};

/// What a connection has sent and received, and what it is to send.
#[derive(Debug)]
pub(crate) struct Lane {
    place: Place,
    /// Place in the incoming period; counts while nothing is parsed.
    incoming: usize,
    /// Bytes of an answer that have come; counts while nothing is parsed.
    partial: usize,
    /// `Some` from an unexpected byte on, until the bytes are as expected again; always with compression.
    parser: Option<Box<Parser>>,
    deflate: bool,
    /// Place in the outgoing period, and how many bytes from there on may be sent.
    outgoing: usize,
    unsent: usize,
    /// Index of the frame that is queued next.
    queued: usize,
    control: Control,
    /// `Some` where the connection is a resumable session.
    session: Option<Acknowledged>,
}

/// Records that have come in a session.
#[derive(Debug, Default)]
struct Acknowledged {
    received: usize,
    told: usize,
}

impl Acknowledged {
    /// `count` more have come; what to send, if it is time to.
    fn received(&mut self, count: usize, out: &mut Vec<u8>) {
        self.received += count;
        if self.received - self.told >= ACKNOWLEDGE_EVERY {
            self.told = self.received;
            let ack = format!("\u{1e}event: ack\ndata: {}", self.received);
            frame::write(out, frame::TEXT, Some([0; 4]), ack.as_bytes());
        }
    }
}

impl Lane {
    pub(crate) fn new(deflate: bool, session: bool) -> Self {
        Self {
            place: Place::default(),
            incoming: 0,
            partial: 0,
            parser: deflate.then(|| Box::new(Parser::new(true))),
            deflate,
            outgoing: 0,
            unsent: 0,
            queued: 0,
            control: Control::default(),
            session: session.then(Acknowledged::default),
        }
    }

    /// Messages sent or queued, and not answered.
    pub(crate) fn outstanding(&self) -> usize {
        self.place.outstanding
    }

    /// Pings that came.
    pub(crate) fn pings(&self) -> u64 {
        self.control.pings
    }

    /// Queues the next `count` messages.
    pub(crate) fn queue(&mut self, count: usize, cycle: &Cycle) {
        for _ in 0..count {
            self.unsent += cycle.frame_len(self.queued);
            self.queued = if self.queued + 1 == cycle.messages.len() { 0 } else { self.queued + 1 };
        }
        self.place.outstanding += count;
    }

    /// What to write next; empty if nothing.
    pub(crate) fn to_write<'a>(&'a self, cycle: &'a Cycle) -> &'a [u8] {
        if self.control.replies.is_empty() {
            return cycle.outgoing(self.outgoing, self.unsent);
        }
        match cycle.rest_of_frame(self.outgoing) {
            0 => &self.control.replies,
            rest => cycle.outgoing(self.outgoing, rest),
        }
    }

    /// So many bytes of [`to_write`](Self::to_write) are written.
    pub(crate) fn wrote(&mut self, count: usize, cycle: &Cycle) {
        if !self.control.replies.is_empty() && cycle.rest_of_frame(self.outgoing) == 0 {
            self.control.replies.drain(..count);
            return;
        }
        self.unsent -= count;
        self.outgoing = (self.outgoing + count) % cycle.period();
    }

    /// Whether the outgoing bytes end with a whole frame: another may be written.
    pub(crate) fn between_frames(&self, cycle: &Cycle) -> bool {
        self.control.replies.is_empty() && cycle.rest_of_frame(self.outgoing) == 0
    }

    /// Takes what one read brought. An error is the reason why the connection is of no more use; answers before it count.
    pub(crate) fn receive(&mut self, bytes: &[u8], cycle: &Cycle, faults: &mut Faults) -> Result<(), String> {
        let before = self.place.outstanding;
        self.take(bytes, cycle, faults)?;
        if let Some(session) = &mut self.session {
            session.received(before - self.place.outstanding, &mut self.control.replies);
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8], cycle: &Cycle, faults: &mut Faults) -> Result<(), String> {
        if self.parser.is_none() {
            if self.receive_expected(bytes, cycle).is_some() {
                return Ok(());
            }
            if !cycle.framed() {
                faults.wrong += 1;
                return Err("a byte came back that was not sent".into());
            }
            self.parse_from_here(cycle)?;
        }
        let Some(parser) = &mut self.parser else { return Ok(()) };
        let (place, in_session) = (&mut self.place, self.session.is_some());
        parser.receive(bytes, cycle.longest(), &mut self.control, |opcode, message| {
            // The session's own records.
            if !(in_session && opcode == frame::TEXT) {
                judge(message, opcode, cycle, place, faults);
            }
        })?;
        if parser.is_empty() && !self.deflate {
            self.parser = None;
            let frame = cycle.incoming_lengths().map_or(0, |(frame, _)| frame);
            (self.incoming, self.partial) = (self.place.next * frame, 0);
        }
        Ok(())
    }

    /// The fast path: one comparison, if the bytes are the expected ones and no more than are outstanding.
    fn receive_expected(&mut self, bytes: &[u8], cycle: &Cycle) -> Option<()> {
        let (frame, period) = cycle.incoming_lengths()?;
        if cycle.incoming(self.incoming)?.get(..bytes.len())? != bytes {
            return None;
        }
        let mut partial = self.partial + bytes.len();
        let mut answered = 0;
        while partial >= frame {
            partial -= frame;
            answered += 1;
        }
        if answered + usize::from(partial > 0) > self.place.outstanding {
            return None;
        }
        self.partial = partial;
        self.incoming += bytes.len();
        while self.incoming >= period {
            self.incoming -= period;
        }
        self.place.advance(answered, cycle);
        Some(())
    }

    /// Changes to parsing, beginning with what has come of the present answer.
    fn parse_from_here(&mut self, cycle: &Cycle) -> Result<(), String> {
        let mut parser = Box::new(Parser::new(false));
        let (frame, _) = cycle.incoming_lengths().unwrap_or_default();
        if let Some(bytes) = cycle.incoming(self.place.next * frame) {
            // Part of a message: nothing to judge yet.
            parser.receive(&bytes[..self.partial], cycle.longest(), &mut self.control, |_, _| ())?;
        }
        self.parser = Some(parser);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EchoPlan;

    /// A lane with `in_flight` messages of 16 bytes sent, and its cycle.
    fn lane(in_flight: usize) -> (Lane, Cycle) {
        let mut plan = EchoPlan::new("ws://127.0.0.1/".parse().unwrap());
        (plan.size, plan.in_flight) = (16, in_flight);
        let cycle = Cycle::new(&plan).unwrap();
        let mut lane = Lane::new(false, false);
        lane.queue(in_flight, &cycle);
        lane.wrote(in_flight * cycle.frame_len(0), &cycle);
        (lane, cycle)
    }

    #[test]
    fn any_split_of_the_answers_counts_the_same() {
        for piece in [1, 7, 18, 19, 500] {
            // More than one period.
            let (mut lane, cycle) = lane(100);
            let mut faults = Faults::default();
            let answers = cycle.incoming(0).unwrap()[..100 * 18].to_vec();
            for bytes in answers.chunks(piece) {
                lane.receive(bytes, &cycle, &mut faults).unwrap();
                assert!(lane.parser.is_none(), "an expected byte was parsed");
            }
            assert_eq!((lane.outstanding(), faults.any()), (0, false), "{piece}: {faults}");
        }
    }

    #[test]
    fn after_an_unexpected_frame_the_fast_path_goes_on_at_the_right_place() {
        let (mut lane, cycle) = lane(10);
        let mut faults = Faults::default();
        let answers = cycle.incoming(0).unwrap()[..10 * 18].to_vec();
        let (first, second) = answers.split_at(3 * 18);
        // In the middle of the fourth answer a read ends; it turns out to be wrong.
        let mut wrong = second[..18].to_vec();
        wrong[17] ^= 1;
        for bytes in [first, &wrong[..9], &wrong[9..], &second[18..]] {
            lane.receive(bytes, &cycle, &mut faults).unwrap();
        }
        assert!(lane.parser.is_none());
        assert_eq!((lane.outstanding(), faults.wrong, faults.lost + faults.doubled), (0, 1, 0), "{faults}");
    }

    #[test]
    fn a_session_s_records_are_no_answers_and_what_comes_is_acknowledged() {
        let (mut lane, cycle) = lane(ACKNOWLEDGE_EVERY);
        lane.session = Some(Acknowledged::default());
        let mut faults = Faults::default();
        let mut open = Vec::new();
        frame::write(&mut open, frame::TEXT, None, "\u{1e}event: open\ndata: {}".as_bytes());
        lane.receive(&open, &cycle, &mut faults).unwrap();
        let answers = cycle.incoming(0).unwrap()[..ACKNOWLEDGE_EVERY * 18].to_vec();
        let (last_but_one, last) = answers.split_at(answers.len() - 18);
        lane.receive(last_but_one, &cycle, &mut faults).unwrap();
        assert!(lane.to_write(&cycle).is_empty());
        lane.receive(last, &cycle, &mut faults).unwrap();
        assert!(lane.to_write(&cycle).ends_with("\u{1e}event: ack\ndata: 32".as_bytes()));
        assert_eq!((lane.outstanding(), faults.any()), (0, false), "{faults}");
    }

    #[test]
    fn an_answer_to_nothing_is_doubled() {
        let (mut lane, cycle) = lane(1);
        let mut faults = Faults::default();
        // The right bytes, but for two messages, and only one was sent.
        lane.receive(&cycle.incoming(0).unwrap()[..36], &cycle, &mut faults).unwrap();
        assert_eq!((faults.doubled, lane.outstanding()), (1, 0), "{faults}");
    }

    #[test]
    fn answers_that_change_places_are_reordered_as_long_as_they_are_told_apart() {
        let (mut lane, cycle) = lane(10);
        let mut faults = Faults::default();
        let answers = cycle.incoming(0).unwrap()[..10 * 18].to_vec();
        let of = |index: usize| &answers[index * 18..][..18];
        // One by one, so that what is expected again is compared as such.
        for index in [0, 2, 1, 3, 6, 4, 5, 7] {
            lane.receive(of(index), &cycle, &mut faults).unwrap();
        }
        assert_eq!((faults.reordered, faults.lost, faults.doubled, lane.outstanding()), (3, 0, 0, 2), "{faults}");
        // It has come.
        lane.receive(of(5), &cycle, &mut faults).unwrap();
        lane.receive(of(9), &cycle, &mut faults).unwrap();
        assert_eq!((faults.reordered, faults.lost, faults.doubled, lane.outstanding()), (3, 1, 1, 0), "{faults}");
        // A cycle later it is another message that it is the answer to.
        let count = cycle.messages.len();
        lane.queue(count - 1, &cycle);
        lane.receive(&cycle.incoming(10 * 18).unwrap()[..(count - 1) * 18], &cycle, &mut faults).unwrap();
        lane.receive(of(8), &cycle, &mut faults).unwrap();
        assert_eq!((faults.reordered, faults.lost, faults.doubled), (3, 1, 2), "{faults}");
    }

    #[test]
    fn a_pong_waits_for_the_end_of_a_frame() {
        let (mut lane, cycle) = lane(1);
        lane.queue(2, &cycle);
        lane.wrote(5, &cycle);
        lane.receive(&[0x89, 0], &cycle, &mut Faults::default()).unwrap();
        assert_eq!(lane.to_write(&cycle).len(), cycle.frame_len(1) - 5);
        lane.wrote(cycle.frame_len(1) - 5, &cycle);
        assert_eq!(lane.to_write(&cycle)[0], 0x8a);
        lane.wrote(6, &cycle);
        assert_eq!(lane.to_write(&cycle).len(), cycle.frame_len(2));
    }
}
