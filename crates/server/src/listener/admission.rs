//! Who may come in: so many in all, and so many from one address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::slots::Slot;

/// The right of a connection to be open, in the extensions of each of its requests. The connection counts against
/// `max_connections` and `max_connections_per_ip` until the last clone is dropped: whoever upgrades it keeps one for as
/// long as the upgraded stream lives, and nobody else any. It is one word.
#[derive(Clone, Debug)]
pub struct ConnectionSlot(Arc<Held>);

#[derive(Debug)]
struct Held {
    _slot: Slot,
    _address: Option<AddressSlot>,
}

impl ConnectionSlot {
    pub(super) fn new(slot: Slot, address: Option<AddressSlot>) -> Self {
        Self(Arc::new(Held { _slot: slot, _address: address }))
    }

    /// How many hold it: the connection itself, and its requests and responses.
    pub(super) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

/// What counts as one address: an IPv4 address, or the /64 that a single IPv6 customer is given at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    V4([u8; 4]),
    V6([u8; 8]),
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        // A listener on [::] sees IPv4 peers as ::ffff:a.b.c.d, which would all be in one /64.
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.octets()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = v6.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

/// How many connections each address has. An entry goes with its last connection: so there are never more entries than
/// connections.
#[derive(Debug)]
pub(super) struct Addresses {
    max: u32,
    counts: Mutex<HashMap<Network, u32>>,
}

/// This address has as many connections as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Addresses {
    /// `u32::MAX` counts nothing, and costs nothing.
    pub(super) fn new(max: u32) -> Self {
        Self { max, counts: Mutex::default() }
    }

    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Option<AddressSlot>, TooMany> {
        if self.max == u32::MAX {
            return Ok(None);
        }
        let network = Network::from(address);
        let mut counts = self.counts();
        let count = counts.entry(network).or_default();
        if *count >= self.max {
            return Err(TooMany);
        }
        *count += 1;
        Ok(Some(AddressSlot { addresses: Arc::clone(self), network }))
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Network, u32>> {
        // Nothing panics half-way through a change of the map.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of an address's connections; given back when dropped.
#[derive(Debug)]
pub(super) struct AddressSlot {
    addresses: Arc<Addresses>,
    network: Network,
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        let mut counts = self.addresses.counts();
        if let Entry::Occupied(mut entry) = counts.entry(self.network) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
        // Half a million connections gone leave no megabytes behind.
        if counts.capacity() > 1024 && counts.len() < counts.capacity() / 8 {
            counts.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::slots::Slots;
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_has_as_many_as_said() {
        let addresses = Arc::new(Addresses::new(2));
        let first = addresses.admit(ip("192.0.2.1"));
        let second = addresses.admit(ip("::ffff:192.0.2.1"));
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(addresses.admit(ip("192.0.2.1")).err(), Some(TooMany));
        assert!(addresses.admit(ip("192.0.2.2")).is_ok());
        drop(first);
        assert!(addresses.admit(ip("192.0.2.1")).is_ok());
        drop(second);
        assert!(addresses.counts().is_empty());
    }

    #[test]
    fn a_64_is_one_address() {
        let addresses = Arc::new(Addresses::new(1));
        let _first = addresses.admit(ip("2001:db8:0:1::1")).expect("free");
        assert!(addresses.admit(ip("2001:db8:0:1:ffff::2")).is_err());
        assert!(addresses.admit(ip("2001:db8:0:2::1")).is_ok());
    }

    #[test]
    fn the_map_shrinks_again() {
        let addresses = Arc::new(Addresses::new(1));
        let all: Vec<_> = (0..10_000_u32).map(|n| addresses.admit(IpAddr::V4(n.into())).expect("free")).collect();
        assert_eq!(addresses.counts().len(), 10_000);
        drop(all);
        assert!(addresses.counts().capacity() <= 1024);
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let addresses = Arc::new(Addresses::new(u32::MAX));
        assert!(addresses.admit(ip("192.0.2.1")).expect("free").is_none());
        assert!(addresses.counts().is_empty());
    }

    /// The socket is closed by then, whatever the handler has yet to do.
    #[tokio::test]
    async fn a_session_gives_its_slot_back_with_its_connection() {
        use bowline_core::{Role, connection::Config, handshake::Negotiated, stream::WebSocket};

        let slots = Arc::new(Slots::new(1));
        let slot = Some(ConnectionSlot::new(slots.try_take().expect("free"), None));
        let (near, far) = tokio::io::duplex(100);
        let io = crate::io::Io::other(far);
        let ws = WebSocket::from_raw(io, &Negotiated::assumed(Role::Server), Config::default(), bytes::BytesMut::new());
        let admission = crate::hub::Admission { slot, ..Default::default() };
        let hub = crate::Hub::builder().build();
        let goes_on = |_: crate::Session| std::future::pending::<()>();
        hub.serve_with(ws, admission, goes_on).expect("it takes sessions");
        drop(near);
        let all_free = tokio::time::timeout(std::time::Duration::from_secs(20), slots.all_free());
        assert!(all_free.await.is_ok());
    }

    #[test]
    fn a_connections_slot_is_one_word_and_ends_with_the_last_clone() {
        assert_eq!(size_of::<ConnectionSlot>(), size_of::<usize>());
        let slots = Arc::new(Slots::new(1));
        let first = ConnectionSlot::new(slots.try_take().expect("free"), None);
        let second = first.clone();
        assert_eq!(first.holders(), 2);
        drop(first);
        assert_eq!(slots.taken(), 1);
        drop(second);
        assert_eq!(slots.taken(), 0);
    }
}
