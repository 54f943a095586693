//! What the server uses while it is measured.

use std::net::SocketAddr;

use crate::process::{Meter, Sample, float, resident, resident_at_a_glance};
use crate::{Error, ServerUse, SocketMemory, Stretch};

#[cfg(target_os = "linux")]
use super::sockets::look;

/// Elsewhere nothing tells it.
#[cfg(not(target_os = "linux"))]
fn look(_: SocketAddr, _: SocketAddr) -> Option<Sockets> {
    None
}

/// What is known of the sockets of a load.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Sockets {
    /// Of the server's ends; it has none where it is not of this machine.
    pub(super) memory: SocketMemory,
    /// Segments sent again, by either end that is of this machine.
    pub(super) retransmissions: u64,
}

/// Looks at the server, if its process is known.
pub(super) struct Server {
    /// Its own, whatever is in front of it.
    address: SocketAddr,
    /// What clients connect to.
    target: SocketAddr,
    pid: Option<u32>,
    meter: Meter,
    pub(super) resident_before: Option<u64>,
    /// When measuring began, and when the last stretch did.
    began: Option<(Sample, Sample)>,
    /// Resident bytes and share of a core of each stretch.
    stretches: Vec<(u64, f64)>,
    end: Option<ServerUse>,
    pub(super) sockets: Option<Sockets>,
}

impl Server {
    pub(super) fn new(pid: Option<u32>, address: SocketAddr, target: SocketAddr) -> Result<Self, Error> {
        let resident_before =
            pid.map(|pid| resident(pid).map_err(|source| Error::Server { pid, source })).transpose()?;
        let meter = Meter::new(pid)?;
        Ok(Self {
            address,
            target,
            pid,
            meter,
            resident_before,
            began: None,
            stretches: Vec::new(),
            end: None,
            sockets: None,
        })
    }

    /// Measuring begins, or a stretch ends.
    pub(super) fn look(&mut self) -> Result<(), Error> {
        let Some(pid) = self.pid else { return Ok(()) };
        let now = self.meter.sample()?;
        match &mut self.began {
            None => self.began = Some((now.clone(), now)),
            Some((_, last)) => {
                let resident = resident_at_a_glance(pid).map_err(|source| Error::Server { pid, source })?;
                self.stretches.extend(now.server_share_since(last).map(|share| (resident, share)));
                *last = now;
            }
        }
        Ok(())
    }

    /// Measuring ends, and a stretch with it.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        if self.began.is_some() {
            self.look()?;
        }
        if let Some((began, last)) = &self.began {
            self.end = self.meter.usage_until(last, began, 0)?.server;
        }
        // Last: to list all sockets takes the machine a while.
        self.sockets = look(self.address, self.target);
        Ok(())
    }

    /// What it used, where so many deliveries were measured.
    pub(super) fn usage(&self, deliveries: u64) -> Option<ServerUse> {
        self.end.map(|server| {
            // A server that used no time at all served nothing; JSON has no infinity.
            let per_cpu_second = if server.cpu_seconds > 0.0 { float(deliveries) / server.cpu_seconds } else { 0.0 };
            ServerUse { per_cpu_second, ..server }
        })
    }

    /// Adds what it used to stretches.
    pub(super) fn describe(&self, stretches: &mut [Stretch]) {
        for (stretch, &(resident, share)) in stretches.iter_mut().zip(&self.stretches) {
            (stretch.resident, stretch.server_share) = (Some(resident), Some(share));
        }
    }
}
