//! What is killed.

use std::{net::SocketAddr, time::Duration};

use super::server::Server;
use crate::{Error, Kill, ResumePlan, flow, proxy::Proxy, random::Random};

/// What is killed.
pub(super) enum Victim {
    /// All connections, on a proxy.
    Carriers { proxy: Proxy, random: Random },
    /// The server.
    Server { server: Server, down: Duration },
}

impl Victim {
    pub(super) async fn new(plan: &ResumePlan) -> Result<Self, Error> {
        match &plan.kill {
            Kill::Carriers => {
                let proxy = flow::proxy(&plan.target, plan.talk.clients)?;
                Ok(Self::Carriers { proxy, random: Random::new(plan.seed) })
            }
            Kill::Server { command, down } => {
                let mut server = Server::new(command, plan.target.resolve()?, plan.open_timeout);
                server.start().await?;
                Ok(Self::Server { server, down: *down })
            }
        }
    }

    /// Where clients go.
    pub(super) const fn address(&self) -> SocketAddr {
        match self {
            Self::Carriers { proxy, .. } => proxy.local_addr(),
            Self::Server { server, .. } => server.address(),
        }
    }

    /// Kills; a server is there again when this is done.
    pub(super) async fn kill(&mut self) -> Result<(), Error> {
        match self {
            Self::Carriers { proxy, random } => {
                if random.up_to(1) == 0 {
                    proxy.cut_all();
                } else {
                    proxy.reset_all();
                }
                Ok(())
            }
            Self::Server { server, down } => {
                server.kill();
                tokio::time::sleep(*down).await;
                server.start().await
            }
        }
    }

    /// Nothing is killed any more: a server that is away comes back.
    pub(super) async fn restore(&mut self) -> Result<(), Error> {
        match self {
            Self::Carriers { .. } => Ok(()),
            Self::Server { server, .. } => server.start().await,
        }
    }
}
