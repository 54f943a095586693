//! What lies between the clients and the server.

use std::io;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use tokio::runtime::{self, Runtime};
use tokio::sync::oneshot;

use super::cores::Cores;
use crate::proxy::{Config, Faults, Proxy};
use crate::{Error, MAX_CONNECTIONS};

/// A [`Proxy`] in a thread of its own, beside the server rather than beside the load; ended when dropped.
#[derive(Debug)]
pub(super) struct Distance {
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Distance {
    pub(super) fn start(server: SocketAddr, faults: Faults, cores: &Cores) -> Result<Self, Error> {
        let failed = Error::io("start a proxy");
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(&failed)?;
        let config = Config::default().max_connections(MAX_CONNECTIONS);
        let proxy = {
            let _inside = runtime.enter();
            Proxy::start(server, faults, config)?
        };
        let address = proxy.local_addr();
        let (end, ended) = oneshot::channel();
        let thread = cores.on_servers(|| spawn(runtime, proxy, ended)).map_err(failed)?;
        Ok(Self { address, end: Some(end), thread: Some(thread) })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

fn spawn(runtime: Runtime, proxy: Proxy, ended: oneshot::Receiver<()>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("proxy".to_owned()).spawn(move || {
        runtime.block_on(async {
            // It ends as well when nobody is left to say so.
            let _ = ended.await;
            proxy.close().await;
        });
    })
}

impl Drop for Distance {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A proxy that panicked is gone as well.
            let _ = thread.join();
        }
    }
}
