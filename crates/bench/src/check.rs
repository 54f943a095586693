//! Answers that are not byte for byte what was expected: judged.

use crate::Faults;
use crate::cycle::Cycle;

/// Where a connection stands in the cycle.
#[derive(Debug, Default, Clone)]
pub(crate) struct Place {
    /// Index of the message whose answer comes next.
    pub(crate) next: usize,
    /// Messages sent or about to be, and not answered.
    pub(crate) outstanding: usize,
    /// How many are answered, or lost, before it.
    pub(crate) passed: u64,
    /// Those of them that others came before, which may come late: of the last cycle only, as messages are the same again then.
    skipped: Vec<u64>,
}

impl Place {
    /// So many are answered. It may be hot.
    pub(crate) fn advance(&mut self, answered: usize, cycle: &Cycle) {
        self.outstanding -= answered;
        self.passed += answered as u64;
        self.next += answered;
        while self.next >= cycle.messages.len() {
            self.next -= cycle.messages.len();
        }
    }

    /// Takes away what of those that were skipped is the message with this index, if one is.
    fn take_skipped(&mut self, index: usize, count: usize) -> bool {
        let (passed, count) = (self.passed, count as u64);
        self.skipped.retain(|number| passed - number < count);
        let late = self.skipped.iter().position(|number| number % count == index as u64);
        late.map(|late| self.skipped.swap_remove(late)).is_some()
    }
}

/// Counts what a message is, and moves on by as many as it answers: lost ones too, so that others are sent in their stead.
pub(crate) fn judge(payload: &[u8], opcode: u8, cycle: &Cycle, place: &mut Place, faults: &mut Faults) {
    let count = cycle.messages.len();
    let is = |ahead: usize| payload == cycle.messages[(place.next + ahead) % count];
    let ahead = if opcode == cycle.opcode { (0..count).find(|&ahead| is(ahead)) } else { None };
    let index = ahead.map(|ahead| (place.next + ahead) % count);
    let answered = match ahead {
        Some(0) if place.outstanding > 0 => 1,
        Some(_) if index.is_some_and(|index| place.take_skipped(index, count)) => {
            // It was taken for lost.
            faults.lost = faults.lost.saturating_sub(1);
            faults.reordered += 1;
            0
        }
        Some(ahead) if ahead < place.outstanding => {
            faults.lost += ahead as u64;
            faults.note(|| format!("an answer came before {ahead} others"));
            place.skipped.extend((0..ahead as u64).map(|number| place.passed + number));
            ahead + 1
        }
        Some(_) => {
            faults.doubled += 1;
            faults.note(|| "an answer came a second time".into());
            0
        }
        None => {
            faults.wrong += 1;
            faults.note(|| what_is_wrong(payload, opcode, cycle, place));
            1.min(place.outstanding)
        }
    };
    place.advance(answered, cycle);
}

fn what_is_wrong(payload: &[u8], opcode: u8, cycle: &Cycle, place: &Place) -> String {
    let expected = &cycle.messages[place.next];
    if opcode != cycle.opcode {
        return format!("an answer has opcode {opcode} instead of {}", cycle.opcode);
    }
    if payload.len() != expected.len() {
        return format!("an answer has {} bytes instead of {}", payload.len(), expected.len());
    }
    let at = payload.iter().zip(expected).take_while(|(got, sent)| got == sent).count();
    format!("an answer differs from what was sent at byte {at}")
}
