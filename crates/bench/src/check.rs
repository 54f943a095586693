//! Answers that are not byte for byte what was expected: judged.

use crate::Faults;
use crate::cycle::Cycle;

/// Where a connection stands in the cycle.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Place {
    /// Index of the message whose answer comes next.
    pub(crate) next: usize,
    /// Messages sent or about to be, and not answered.
    pub(crate) outstanding: usize,
}

/// Counts what a message is, and moves on by as many as it answers: lost ones too, so that others are sent in their stead.
pub(crate) fn judge(payload: &[u8], opcode: u8, cycle: &Cycle, place: &mut Place, faults: &mut Faults) {
    let count = cycle.messages.len();
    let is = |ahead: usize| payload == cycle.messages[(place.next + ahead) % count];
    let ahead = if opcode == cycle.opcode { (0..count).find(|&ahead| is(ahead)) } else { None };
    let answered = match ahead {
        Some(ahead) if ahead < place.outstanding => {
            if ahead > 0 {
                faults.lost += ahead as u64;
                faults.note(|| format!("an answer came before {ahead} others"));
            }
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
    place.outstanding -= answered;
    place.next = (place.next + answered) % count;
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
