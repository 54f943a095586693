//! What lets less or more through on the way of those that move.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::time::sleep;

use crate::{
    ChatPlan, Error, flow,
    proxy::{Faults, Proxy},
    random::Random,
};

/// A proxy whose faults change; none where nobody moves.
#[derive(Clone)]
pub(super) struct Weather(Option<Arc<Proxy>>);

impl Weather {
    pub(super) fn new(plan: &ChatPlan) -> Result<Self, Error> {
        if plan.moving == 0.0 {
            return Ok(Self(None));
        }
        Ok(Self(Some(Arc::new(flow::proxy(&plan.target, plan.talk.clients)?))))
    }

    /// Where those that move go; `None` where nobody does.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.0.as_ref().map(|proxy| proxy.local_addr())
    }

    /// Changes it again and again: no WebSocket gets through, or no stream either, or all does. What was open is cut.
    pub(super) async fn change(self, every: Duration, mut random: Random) {
        let Some(proxy) = self.0 else { return };
        for day in 0_u64.. {
            sleep(every).await;
            let faults =
                Faults::default().seed(random.next()).strip_upgrade(day % 3 < 2).buffer_responses(day % 3 == 1);
            // Out of bounds they aren't, and nobody else takes a port that is listened on.
            let _changed = proxy.set_faults(faults).await;
            if random.up_to(1) == 0 { proxy.cut_all() } else { proxy.reset_all() }
        }
    }

    /// Everything gets through from here on.
    pub(super) async fn clear(&self) -> Result<(), Error> {
        match &self.0 {
            Some(proxy) => proxy.set_faults(Faults::default()).await,
            None => Ok(()),
        }
    }
}
