//! Whether publications were delivered as promised: a checker of histories.
//!
//! A room is a sequence of publications with an epoch and offsets that grow by 1. A member of it is handed publications in
//! the order of their offsets, each at most once and none missing, or is first told exactly one gap. While a system runs, every
//! client object writes down what it asks for and what happens to it, an [`Event`] a line. The checker reads these lines
//! afterwards, and judges the [`Invariant`]s, from the events alone.
//!
//! ```
//! let history = r#"
//! {"t":1,"proc":"ann","kind":"ok","op":"join","room":"r","epoch":"e","off":0}
//! {"t":2,"proc":"bob","kind":"invoke","op":"pub","room":"r","id":"x"}
//! {"t":3,"proc":"bob","kind":"ok","op":"pub","room":"r","id":"x","epoch":"e","off":1}
//! {"t":4,"proc":"ann","kind":"ok","op":"recv","room":"r","id":"x","epoch":"e","off":1}
//! {"t":5,"proc":"ann","kind":"ok","op":"recv","room":"r","id":"x","epoch":"e","off":1}
//! "#;
//! let verdict = bowline_bench::delivery::check(history.lines());
//! assert!(!verdict.is_clean());
//! assert!(verdict.to_string().contains("I5: e-1 comes again"));
//! ```
//!
//! # What a history needs
//! - The lines of one client in the order in which it saw them. Those of several may be merged in any way.
//! - Times of one clock. What is asked for is written down before it is asked, what happened after it did.
//! - Places where they are known. A raw WebSocket isn't told them: a receipt without a place has the one that the
//!   acknowledgement, or another member, says that its id has.
//! - A publication that isn't for a member ([`Op::Except`]), and a room's [`Rules`], as remarks.
//!
//! Memory grows with distinct publications, with joins, and with the holes and gaps of each member; not with receipts. Only what a
//! member receives after a publication that has no known place waits for one.

mod book;
mod checker;
mod event;
mod gaps;
mod index;
mod member;
mod order;
mod reach;
mod record;
#[cfg(test)]
mod tests;
mod truth;
mod verdict;

pub use self::{
    checker::{Checker, Options, check},
    event::{Event, From, Kind, Op, Rules},
    verdict::{Invariant, Verdict, Violation},
};
