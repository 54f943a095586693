//! Kinds of metrics beside those of the `metrics` crate: a level that can be read back, and one metric for each label.

use std::{
    marker::PhantomData,
    sync::atomic::{AtomicU64, Ordering},
};

use metrics::{Counter, Gauge, Histogram, Unit};

use super::Label;

/// How a metric gets its handle.
pub(super) trait Register: Sized {
    fn register(name: &'static str, unit: Unit, description: &'static str) -> Self;
}

/// A metric that a [`Family`] may have one of for each label.
pub(crate) trait Labelled: Sized {
    fn describe(name: &'static str, unit: Unit, description: &'static str);
    fn with(name: &'static str, label: Option<(&'static str, &'static str)>) -> Self;
}

impl<M: Labelled> Register for M {
    fn register(name: &'static str, unit: Unit, description: &'static str) -> Self {
        Self::describe(name, unit, description);
        Self::with(name, None)
    }
}

impl Labelled for Counter {
    fn describe(name: &'static str, unit: Unit, description: &'static str) {
        metrics::describe_counter!(name, unit, description);
    }

    fn with(name: &'static str, label: Option<(&'static str, &'static str)>) -> Self {
        let counter = match label {
            Some((key, value)) => metrics::counter!(name, key => value),
            None => metrics::counter!(name),
        };
        // So that it is there, as 0, from the start: a rate over its first step can be told.
        counter.increment(0);
        counter
    }
}

impl Labelled for Histogram {
    fn describe(name: &'static str, unit: Unit, description: &'static str) {
        metrics::describe_histogram!(name, unit, description);
    }

    fn with(name: &'static str, label: Option<(&'static str, &'static str)>) -> Self {
        match label {
            Some((key, value)) => metrics::histogram!(name, key => value),
            None => metrics::histogram!(name),
        }
    }
}

/// A gauge that counts up and down, and that can be read back (a handle of the `metrics` crate can't).
#[derive(Debug)]
pub(crate) struct Level {
    value: AtomicU64,
    gauge: Gauge,
}

impl Level {
    /// So many more.
    pub(crate) fn add(&self, more: u64) {
        self.value.fetch_add(more, Ordering::Relaxed);
        self.gauge.increment(float(more));
    }

    /// So many fewer.
    pub(crate) fn sub(&self, fewer: u64) {
        self.value.fetch_sub(fewer, Ordering::Relaxed);
        self.gauge.decrement(float(fewer));
    }

    /// There are so many.
    pub(crate) fn set(&self, count: u64) {
        self.value.store(count, Ordering::Relaxed);
        self.gauge.set(float(count));
    }

    /// How many there are.
    pub(crate) fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }
}

/// A gauge holds a float, which is exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts and bytes of one process stay far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

impl Labelled for Level {
    fn describe(name: &'static str, unit: Unit, description: &'static str) {
        metrics::describe_gauge!(name, unit, description);
    }

    fn with(name: &'static str, label: Option<(&'static str, &'static str)>) -> Self {
        let gauge = match label {
            Some((key, value)) => metrics::gauge!(name, key => value),
            None => metrics::gauge!(name),
        };
        gauge.set(0.0);
        Self { value: AtomicU64::new(0), gauge }
    }
}

/// One metric for each value of the label `L`.
#[derive(Debug)]
pub(crate) struct Family<L, M> {
    metrics: Box<[M]>,
    label: PhantomData<fn(L)>,
}

impl<L: Label, M> Family<L, M> {
    /// The one with this label.
    pub(crate) fn of(&self, label: L) -> &M {
        // As long as `ALL`, which has every label at its index: a test says so.
        &self.metrics[label.index()]
    }
}

impl<L: Label, M: Labelled> Family<L, M> {
    /// For the table; see [`Register`].
    pub(super) fn register(name: &'static str, unit: Unit, description: &'static str) -> Self {
        M::describe(name, unit, description);
        let metrics = L::ALL.iter().map(|label| M::with(name, Some((L::NAME, label.as_str())))).collect();
        Self { metrics, label: PhantomData }
    }
}
