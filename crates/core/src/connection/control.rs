//! Control frames: the peer's budget of them, the Pong that is owed, and Close (RFC 6455 §5.5).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Connection, Ended, Event, State};
use crate::{
    CloseCode, CloseFrame, Utf8Bytes,
    error::{Error, Limit, LimitExceeded, ProtocolError},
    frame::Opcode,
};

/// Pongs that may wait to be written; past it, only the latest Ping is answered. Others answer each Ping, and some peers
/// count on it (Autobahn 2.10 sends ten at once). Worst-case memory: 16 × 131 B.
const MAX_PONGS_WAITING: u32 = 16;

/// Control frames on their way, and how many more the peer may send.
#[derive(Debug)]
// The pong is looked for at each write.
#[repr(C)]
pub(super) struct ControlBudget {
    /// The answer to the latest Ping, until it can be queued between two frames.
    pub(super) pong: Option<Box<Bytes>>,
    /// The start of a control frame whose end has not come.
    #[expect(clippy::box_collection, reason = "nearly always there is none, in a struct that is held a million times")]
    pub(super) partial: Option<Box<Vec<u8>>>,
    /// How many bytes will have been written once the last queued Pong has.
    pong_ends_at: u64,
    /// Pongs queued since all of them were written.
    pongs_waiting: u32,
    left: u32,
    refilled: Option<Instant>,
}

impl ControlBudget {
    pub(super) const fn new(rate: u32) -> Self {
        let left = rate.saturating_mul(2);
        Self { partial: None, pong: None, pong_ends_at: 0, pongs_waiting: 0, left, refilled: None }
    }

    pub(super) const fn is_at_rest(&self) -> bool {
        self.partial.is_none() && self.pong.is_none()
    }

    /// Takes one from the budget: `rate` a second, with a burst of twice as many.
    fn spend(&mut self, rate: u32, now: Instant) -> Result<(), LimitExceeded> {
        let refilled = *self.refilled.get_or_insert(now);
        let earned = now.saturating_duration_since(refilled).as_secs_f64() * f64::from(rate);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is not negative")]
        let earned = earned as u32;
        if earned > 0 {
            self.left = self.left.saturating_add(earned).min(rate.saturating_mul(2));
            // The time that has earned only a part of the next one still counts for it.
            self.refilled = Some(refilled + Duration::from_secs_f64(f64::from(earned) / f64::from(rate)));
        }
        self.left = self.left.checked_sub(1).ok_or(LimitExceeded::new(Limit::ControlFrames, rate as usize))?;
        Ok(())
    }
}

impl Connection {
    /// Takes in a whole control frame.
    pub(super) fn receive_control(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        now: impl Fn() -> Instant,
    ) -> Result<Event, Error> {
        if opcode == Opcode::Close {
            return self.receive_close(payload);
        }
        self.control.spend(self.config.limits.max_control_rate, now())?;
        let payload = Bytes::copy_from_slice(payload);
        if opcode == Opcode::Pong {
            self.deadlines.pong_came(&payload, now);
            return Ok(Event::Pong(payload));
        }
        // RFC 6455 §5.5.3: of several Pings, only the latest need be answered; and none after Close was sent.
        if self.state == State::Open {
            self.control.pong = Some(Box::new(payload.clone()));
            self.queue_pong();
        }
        Ok(Event::Ping(payload))
    }

    /// Queues the Pong that is owed, unless [`MAX_PONGS_WAITING`] wait to be written: then it waits in its own place, where
    /// the next Ping's replaces it. So each of some Pings that come in one read is answered, and a peer that pings and
    /// doesn't read costs little. Other frames that wait don't hold it up, for where there are always some, it would
    /// never be sent.
    #[inline]
    pub(super) fn queue_pong(&mut self) {
        if self.control.pong.is_none() {
            return;
        }
        if self.output.total_written() >= self.control.pong_ends_at {
            self.control.pongs_waiting = 0;
        }
        if self.control.pongs_waiting < MAX_PONGS_WAITING
            && let Some(payload) = self.control.pong.take()
        {
            self.queue_control(Opcode::Pong, &payload);
            self.control.pong_ends_at = self.output.total_written() + self.output.len() as u64;
            self.control.pongs_waiting += 1;
        }
    }

    // RFC 6455 §5.5.1: Close is answered with Close, which carries the code that came; §7.1.3: that ends the handshake.
    fn receive_close(&mut self, payload: &[u8]) -> Result<Event, Error> {
        let frame = parse_close(payload)?;
        let by_peer = self.state == State::Open;
        if by_peer {
            self.queue_close(frame.as_ref().map(|frame| CloseFrame::from(frame.code())).as_ref());
        }
        self.end(Ended::new(by_peer, true, frame.clone()));
        Ok(Event::Close(frame))
    }

    pub(super) fn queue_close(&mut self, frame: Option<&CloseFrame>) {
        // A Pong that is owed goes first: nothing may follow Close.
        if let Some(payload) = self.control.pong.take() {
            self.queue_control(Opcode::Pong, &payload);
        }
        let mut payload = Vec::new();
        if let Some(frame) = frame {
            payload.extend_from_slice(&frame.code().get().to_be_bytes());
            payload.extend_from_slice(frame.reason().as_bytes());
        }
        self.queue_control(Opcode::Close, &payload);
    }
}

fn parse_close(payload: &[u8]) -> Result<Option<CloseFrame>, ProtocolError> {
    match payload {
        [] => Ok(None),
        [_] => Err(ProtocolError::TruncatedClosePayload),
        [high, low, reason @ ..] => {
            let number = u16::from_be_bytes([*high, *low]);
            let code = CloseCode::new(number).ok_or(ProtocolError::InvalidCloseCode(number))?;
            let reason = Utf8Bytes::try_from(Bytes::copy_from_slice(reason)).map_err(|_| ProtocolError::InvalidUtf8)?;
            Ok(Some(CloseFrame::new(code, reason)))
        }
    }
}
