//! Members that may read the same again: sessions that go from carrier to carrier.
//!
//! What a carrier was given may be lost with it. So such a member keeps the place up to which its client has acknowledged, and
//! the next carrier reads from there: the log is the ring. What has left it by then is told by a gap.

use bowline_core::session::AheadOfSent;

use super::{
    Encoding, Gap, GapReason, Room,
    state::{State, count_reader, forget_reader},
};

/// Where a member may go back to.
#[derive(Debug)]
pub(super) struct Resume {
    /// Its client has all publications up to this one, or knows that it misses them.
    acked: u64,
    /// The last that any carrier was given.
    sent: u64,
    /// What it missed as it joined, until its client has acknowledged that: nothing else tells it.
    gap: Option<Gap>,
    /// Without a carrier for so long that no publisher waits for it.
    pub(super) is_away: bool,
}

impl Resume {
    pub(super) const fn new(after: u64, gap: Option<Gap>) -> Self {
        Self { acked: after, sent: after, gap, is_away: false }
    }

    pub(super) fn sent_to(&mut self, offset: u64) {
        self.sent = self.sent.max(offset);
    }
}

impl State {
    fn resume(&mut self, index: usize) -> Option<&mut Resume> {
        self.members.get_mut(index)?.resume.as_deref_mut()
    }

    pub(super) fn acknowledge(&mut self, index: usize, offset: u64) -> Result<(), AheadOfSent> {
        let Some(resume) = self.resume(index) else { return Ok(()) };
        if offset > resume.sent {
            return Err(AheadOfSent { acked: offset, last: resume.sent });
        }
        resume.acked = resume.acked.max(offset);
        resume.gap = resume.gap.filter(|gap| gap.to.offset > offset);
        Ok(())
    }

    pub(super) fn rewind(&mut self, index: usize, encoding: Option<Encoding>) {
        let lost = self.log.lost();
        let Some(member) = self.members.get_mut(index) else { return };
        let Some(resume) = &mut member.resume else { return };
        let stood = resume.gap.map_or(resume.acked, |gap| gap.to.offset);
        let goes_on = stood.max(lost);
        // One gap, which has grown where more is gone by now: the client leaves out of it what it has.
        let (from, to) = (self.log.place(stood), self.log.place(goes_on));
        let expired = (stood < lost).then_some(Gap { from, to, reason: GapReason::Expired });
        resume.gap = resume.gap.map(|gap| Gap { to, ..gap });
        resume.is_away = false;
        member.gap = resume.gap.or(expired).map(Box::new);
        member.next = goes_on + 1;
        member.is_over = false;
        let before = std::mem::replace(&mut member.encoding, encoding);
        if before == encoding {
            return;
        }
        let presence = self.presence.as_deref_mut().map(|presence| &mut presence.variants);
        for variants in [Some(&mut self.variants), presence].into_iter().flatten() {
            if let Some(before) = before {
                forget_reader(variants, before);
            }
            if let Some(encoding) = encoding {
                count_reader(variants, encoding);
            }
        }
    }

    pub(super) fn leave_behind(&mut self, index: usize) {
        if let Some(resume) = self.resume(index) {
            resume.is_away = true;
            self.wake_publishers();
        }
    }
}

impl Room {
    /// The client of the member at `index` has all up to `offset`.
    ///
    /// # Errors
    /// It was never given so much.
    pub(crate) fn acknowledge(&self, index: usize, offset: u64) -> Result<(), AheadOfSent> {
        self.state().acknowledge(index, offset)
    }

    /// The member at `index` reads on from where its client has acknowledged, in another encoding. Whether there is something.
    pub(crate) fn rewind(&self, index: usize, encoding: Option<Encoding>) -> bool {
        let mut state = self.state();
        state.rewind(index, encoding);
        state.has_more(index)
    }

    /// The member at `index` has been away for so long that no publisher is to wait for it any more.
    pub(crate) fn leave_behind(&self, index: usize) {
        self.state().leave_behind(index);
    }
}
