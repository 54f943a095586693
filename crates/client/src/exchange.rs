//! What goes over the wire, for people to see.

use std::{fmt, sync::Arc};

use crate::Transport;

/// Something that goes over the wire, as it goes: for [`Builder::observe`](crate::Builder::observe).
///
/// What gives a right to something is left out: of the session's secret all but the node, of `Authorization`, `Cookie` and the
/// like all.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Exchange<'a> {
    /// By what it goes.
    pub transport: Transport,
    /// From the client to the server.
    pub outgoing: bool,
    /// A request or an answer, without its body; an event; or a WebSocket message. In several lines, maybe, without an end.
    pub text: &'a str,
}

type Observer = dyn Fn(&Exchange<'_>) + Send + Sync;

/// Who looks on, if anybody does.
#[derive(Clone, Default)]
pub(crate) struct Wire(Option<Arc<Observer>>);

impl Wire {
    pub(crate) fn new(observer: impl Fn(&Exchange<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observer)))
    }

    /// Something goes out; `text` is made only where somebody looks on.
    pub(crate) fn sent(&self, transport: Transport, text: impl FnOnce() -> String) {
        self.show(transport, true, text);
    }

    /// Something came.
    pub(crate) fn came(&self, transport: Transport, text: impl FnOnce() -> String) {
        self.show(transport, false, text);
    }

    fn show(&self, transport: Transport, outgoing: bool, text: impl FnOnce() -> String) {
        if let Some(observer) = &self.0 {
            observer(&Exchange { transport, outgoing, text: &text() });
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wire").field(&self.0.is_some()).finish()
    }
}
