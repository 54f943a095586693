//! The publications of a run as bytes: what the publisher sends, and what every subscriber must get.

use crate::cycle::READ_BUFFER;
use crate::{Content, FanoutPlan, MessageKind, Protocol, frame, payload};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many bytes of a payload are its number: 6 bits each, in letters, so that it goes as text.
pub(crate) const NUMBER: usize = 8;

/// What a number is written with.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A masking key without a zero byte. One that can't be foreseen protects proxies (RFC 6455 §10.3), which are not measured.
const MASK: [u8; 4] = [0x9d, 0xe5, 0xa3, 0xc7];

/// Publications with an open rate that subscribers may be behind before the next has to wait.
const MAX_BEHIND: usize = 4096;
/// The same in bytes, unless two publications are more.
const MAX_BEHIND_BYTES: usize = 64 << 20;

/// Publications are numbered from 0 on, and differ in nothing but their number.
#[derive(Debug)]
pub(crate) struct Publications {
    opcode: u8,
    /// The payload, but for its number.
    payload: Vec<u8>,
    /// The bytes to publish it with, and where its number stands in them.
    outgoing: Vec<u8>,
    outgoing_number: usize,
    masked: bool,
    /// Length of the frame that a subscriber gets, and of its header.
    frame: usize,
    header: usize,
    /// The frames of the last `slots` publications, each where its number says; then the first ones again, so that a read
    /// that goes on at the beginning can be compared in one go.
    ring: Box<[u8]>,
    slots: usize,
    published: u64,
}

impl Publications {
    pub(crate) fn new(plan: &FanoutPlan) -> Self {
        let raw = plan.target.protocol() == Protocol::Raw;
        let opcode = if plan.kind == MessageKind::Text { frame::TEXT } else { frame::BINARY };
        let payload = payload(Content::Letters, plan.size, seed());
        let mut outgoing = Vec::new();
        if raw {
            // The bound on the plan's size is far below 4 GiB.
            outgoing.extend(u32::try_from(plan.size).unwrap_or(u32::MAX).to_be_bytes());
            outgoing.extend_from_slice(&payload);
        } else {
            frame::write(&mut outgoing, opcode, Some(MASK), &payload);
        }
        let mut incoming = Vec::new();
        frame::write(&mut incoming, opcode, None, &payload);
        let slots = match plan.rate {
            None => plan.in_flight,
            Some(_) => MAX_BEHIND.min(MAX_BEHIND_BYTES / incoming.len()),
        };
        let slots = slots.max(2).next_power_of_two();
        let copies = (READ_BUFFER / incoming.len() + 2).min(slots);
        Self {
            opcode,
            outgoing_number: outgoing.len() - plan.size,
            masked: !raw,
            frame: incoming.len(),
            header: incoming.len() - plan.size,
            ring: incoming.repeat(slots + copies).into_boxed_slice(),
            payload,
            outgoing,
            slots,
            published: 0,
        }
    }

    /// How many were published.
    pub(crate) fn published(&self) -> u64 {
        self.published
    }

    /// How many may be outstanding at most.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// How long the frame is that a subscriber gets.
    pub(crate) fn frame_len(&self) -> usize {
        self.frame
    }

    /// How long a message may be and still be taken: wrong, but no reason to give the connection up.
    pub(crate) fn longest(&self) -> usize {
        self.payload.len() * 2 + 1024
    }

    /// Whether connections speak WebSocket.
    pub(crate) fn framed(&self) -> bool {
        self.masked
    }

    /// Appends the next one as it is published.
    pub(crate) fn publish(&mut self, out: &mut Vec<u8>) {
        let number = digits(self.published);
        let at = out.len() + self.outgoing_number;
        out.extend_from_slice(&self.outgoing);
        for (index, (to, digit)) in out[at..].iter_mut().zip(number).enumerate() {
            *to = if self.masked { digit ^ MASK[index % 4] } else { digit };
        }
        let slot = self.slot(self.published);
        for place in [slot, slot + self.slots] {
            let at = place * self.frame + self.header;
            if let Some(to) = self.ring.get_mut(at..at + NUMBER) {
                to.copy_from_slice(&number);
            }
        }
        self.published += 1;
    }

    /// What follows the first `partial` bytes of publication `next`, for as long as the ring has it.
    pub(crate) fn expected(&self, next: u64, partial: usize) -> &[u8] {
        &self.ring[self.slot(next) * self.frame + partial..]
    }

    /// The beginning of the frame of publication `next`.
    pub(crate) fn beginning(&self, next: u64, partial: usize) -> &[u8] {
        &self.expected(next, 0)[..partial]
    }

    /// Which publication a message is; or what is wrong with it.
    pub(crate) fn number(&self, opcode: u8, message: &[u8]) -> Result<u64, String> {
        if opcode != self.opcode {
            return Err(format!("a message has opcode {opcode} instead of {}", self.opcode));
        }
        if message.len() != self.payload.len() {
            return Err(format!("a message has {} bytes instead of {}", message.len(), self.payload.len()));
        }
        let (number, rest) = message.split_at(NUMBER);
        let same = rest.iter().zip(&self.payload[NUMBER..]).take_while(|(got, sent)| got == sent).count();
        if same < rest.len() {
            return Err(format!("a message differs from what was published at byte {}", NUMBER + same));
        }
        match value(number) {
            Some(number) if number < self.published => Ok(number),
            _ => Err("a message came that was never published".into()),
        }
    }

    /// Where the frame of a publication stands.
    fn slot(&self, number: u64) -> usize {
        // The remainder is below `slots`.
        usize::try_from(number % self.slots as u64).unwrap_or_default()
    }
}

/// Another one in each run: a room may still have the publications of the last.
fn seed() -> usize {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.subsec_nanos());
    time as usize ^ std::process::id() as usize
}

fn digits(number: u64) -> [u8; NUMBER] {
    std::array::from_fn(|index| DIGITS[(number >> (6 * (NUMBER - 1 - index)) & 63) as usize])
}

fn value(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, digit| {
        let place = DIGITS.iter().position(|known| known == digit)?;
        Some(value << 6 | place as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publications(url: &str, size: usize, in_flight: usize) -> Publications {
        let mut plan = FanoutPlan::new(url.parse().unwrap());
        (plan.size, plan.in_flight) = (size, in_flight);
        Publications::new(&plan)
    }

    #[test]
    fn numbers_read_back() {
        for number in [0, 1, 63, 64, 4095, 1 << 40, (1 << 48) - 1] {
            assert_eq!(value(&digits(number)), Some(number));
        }
        assert_eq!(value(b"AAAA AAA"), None);
    }

    #[test]
    fn what_is_sent_is_what_is_expected() {
        for (size, in_flight) in [(8, 1), (64, 3), (126, 16), (70_000, 2)] {
            let mut publications = publications("ws://127.0.0.1/", size, in_flight);
            for number in 0..40_u64 {
                let mut sent = Vec::new();
                publications.publish(&mut sent);
                let payload = frame::header_len(size) + 4;
                let plain: Vec<u8> = sent[payload..].iter().zip(MASK.iter().cycle()).map(|(b, key)| b ^ key).collect();
                let expected = &publications.expected(number, 0)[..publications.frame_len()];
                assert_eq!(&expected[frame::header_len(size)..], plain);
                assert_eq!(publications.number(frame::BINARY, &plain), Ok(number));
                assert_eq!(publications.expected(number, 3)[0], expected[3]);
            }
        }
    }

    #[test]
    fn the_ring_goes_on_at_its_beginning() {
        let mut publications = publications("ws://127.0.0.1/", 64, 4);
        let mut sent = Vec::new();
        (0..6).for_each(|_| publications.publish(&mut sent));
        let two = publications.expected(3, 0)[..2 * publications.frame_len()].to_vec();
        let (third, fourth) = two.split_at(publications.frame_len());
        assert_eq!(publications.number(frame::BINARY, &third[2..]), Ok(3));
        assert_eq!(publications.number(frame::BINARY, &fourth[2..]), Ok(4));
    }

    #[test]
    fn raw_publications_have_their_length_in_front() {
        let mut publications = publications("tcp://127.0.0.1:1", 64, 1);
        let mut sent = Vec::new();
        publications.publish(&mut sent);
        assert_eq!(sent[..4], [0, 0, 0, 64]);
        assert_eq!(publications.number(frame::BINARY, &sent[4..]), Ok(0));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let mut publications = publications("ws://127.0.0.1/", 16, 1);
        publications.publish(&mut Vec::new());
        let message = publications.expected(0, 2)[..16].to_vec();
        let of = |message: &[u8]| publications.number(frame::BINARY, message).unwrap_err();
        assert!(publications.number(frame::TEXT, &message).unwrap_err().contains("opcode 1"));
        assert!(of(&message[1..]).contains("15 bytes"));
        let mut other = message.clone();
        other[12] ^= 1;
        assert!(of(&other).contains("byte 12"));
        other = message;
        other[7] = b'B';
        assert!(of(&other).contains("never published"));
    }
}
