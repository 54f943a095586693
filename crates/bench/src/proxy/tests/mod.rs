//! The machines on a clock that the tests move.

mod flow;
mod link;
