//! What a client sends by requests of their own.

use bowline_core::{
    CloseCode,
    session::{ClientRecord, Offered, Record as _},
};

use crate::{
    http::Rights,
    session::{Link, Shared},
    signal::CARRIER,
};

/// What became of a client's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Posted {
    /// The session has all up to this number.
    Taken(u64),
    /// So it has, and the first of them that it has not is not the next.
    Hole(u64),
    /// It is over.
    Gone,
}

impl Shared {
    /// The client wants its end, and to know no more of it.
    pub(crate) fn close_by_peer(&self) {
        let mut wire = self.wire();
        let Some(carried) = wire.link.carried() else { return };
        carried.start_closing(CloseCode::NORMAL_CLOSURE.into(), true);
        carried.forget_all();
        drop(wire);
        self.signal.raise(CARRIER);
    }

    /// Takes as many of the records as there are places for, in order; those that it has already are passed over.
    pub(crate) fn post(&self, records: impl IntoIterator<Item = (u64, ClientRecord)>, rights: &Rights) -> Posted {
        let bounds = self.hub.config().session_ring;
        let mut guard = self.wire();
        let wire = &mut *guard;
        let mut has_hole = false;
        for (number, record) in records {
            let message_len = if let ClientRecord::Message(message) = &record { Some(message.len()) } else { None };
            let has_place = message_len.is_none_or(|len| wire.has_place(len, bounds));
            let Link::Carried(carried) = &mut wire.link else { return Posted::Gone };
            if carried.closed_by_peer().is_some() || number > carried.ends.intake.last() && !has_place {
                break;
            }
            // Every command is answered, which takes room.
            if message_len.is_none() && !carried.ends.ring.has_room(0) {
                break;
            }
            match carried.ends.intake.offer(number) {
                Offered::New => {}
                Offered::Duplicate => continue,
                Offered::Hole => {
                    has_hole = true;
                    break;
                }
            }
            match record {
                ClientRecord::Message(message) => wire.put(message),
                record => {
                    if wire.admits(record.size())
                        && let Link::Carried(carried) = &mut wire.link
                    {
                        carried.carry_out(self, number, record, rights);
                    }
                }
            }
        }
        let Link::Carried(carried) = &mut wire.link else { return Posted::Gone };
        carried.ends.intake.acked_now();
        let last = carried.ends.intake.last();
        let receiver = if std::mem::take(&mut wire.is_receiving) { wire.receiver.clone() } else { None };
        drop(guard);
        self.signal.raise(CARRIER);
        if let Some(receiver) = receiver {
            receiver.wake();
        }
        if has_hole { Posted::Hole(last) } else { Posted::Taken(last) }
    }
}
