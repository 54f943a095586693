//! A document in the forms that people and programs read.

mod csv;
mod grid;
mod hlog;
mod summary;
pub(crate) mod verdict;

pub use self::csv::csv;
pub use self::hlog::hlog;
pub use self::summary::summary;

pub(crate) use self::grid::Grid;
pub(crate) use self::summary::{about, blocks, entry, faults, label, shown};
