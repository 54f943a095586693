//! Messages at fixed times, over any transport.
//!
//! | | |
//! |---|---|
//! | [`conductor`] | has all parts begin and end together, and reports |
//! | [`workers`], [`words`], [`mod@slice`] | a part is a thread or a process; what it is told, and is to do |
//! | [`part`] | ramp, warm-up, steady, drain, reconcile |
//! | [`crowd`], [`client`], [`wire`] | sockets on one poller; a client's two; what goes over them |
//! | [`speakers`], [`schedule`], [`message`] | who sends, when, what |
//! | [`listeners`], [`book`], [`measure`] | what came, of what should have, and how long it took |
//! | [`server`], `sockets` | what the server used meanwhile |

#[cfg(target_os = "linux")]
mod alarm;
#[cfg(not(target_os = "linux"))]
#[path = "timeout.rs"]
mod alarm;
mod book;
mod client;
mod clock;
mod conductor;
mod crowd;
mod listeners;
mod measure;
mod message;
mod part;
mod schedule;
mod server;
mod slice;
#[cfg(target_os = "linux")]
mod sockets;
mod speakers;
mod wire;
mod words;
mod workers;

pub(crate) use self::conductor::run;
pub use self::workers::worker;
