//! How long things took: one distribution for each thread, merged.

use std::fmt;
use std::time::Duration;

use hdrhistogram::{
    Histogram,
    serialization::{Deserializer as V2Reader, Serializer as _, V2DeflateSerializer},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};

use crate::process::float;

/// The longest time that is told apart: an hour.
pub const MAX_TIME: Duration = Duration::from_secs(3_600);

/// A distribution of times, exact to three digits (an HDR histogram of nanoseconds, up to [`MAX_TIME`]; longer counts as that).
/// In JSON it is the histogram in its V2 form with deflate, base64: what the tools of `HdrHistogram` read.
#[derive(Clone, PartialEq)]
pub struct Distribution(Histogram<u64>);

impl Default for Distribution {
    fn default() -> Self {
        let longest = u64::try_from(MAX_TIME.as_nanos()).unwrap_or(u64::MAX);
        #[expect(clippy::expect_used, reason = "constant bounds, which a test goes through")]
        Self(Histogram::new_with_bounds(1, longest, 3).expect("bounds of a histogram"))
    }
}

impl Distribution {
    /// Counts one time.
    pub fn record(&mut self, nanoseconds: u64) {
        self.0.saturating_record(nanoseconds);
    }

    /// Adds another's times.
    pub fn add(&mut self, other: &Self) {
        // Both have the same bounds: it can't fail.
        let _same_bounds = self.0.add(&other.0);
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.0.reset();
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time that a share of all (0 to 1) took at most, in milliseconds; 0 where there are none.
    #[must_use]
    pub fn at(&self, quantile: f64) -> f64 {
        if self.is_empty() { 0.0 } else { milliseconds(self.0.value_at_quantile(quantile)) }
    }

    /// The longest, in milliseconds; 0 where there are none.
    #[must_use]
    pub fn max(&self) -> f64 {
        if self.is_empty() { 0.0 } else { milliseconds(self.0.max()) }
    }

    /// The shortest, in milliseconds; 0 where there are none.
    #[must_use]
    pub fn min(&self) -> f64 {
        if self.is_empty() { 0.0 } else { milliseconds(self.0.min()) }
    }

    /// The mean in milliseconds; 0 where there are none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.0.mean() / 1e6
    }

    /// The share (0 to 1) that took a time at most; `None` where there are none.
    #[must_use]
    pub fn share_within(&self, time: Duration) -> Option<f64> {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let within = self.0.count_between(0, nanoseconds.min(self.0.high()));
        (!self.is_empty()).then(|| float(within) / float(self.count()))
    }

    /// The histogram, in nanoseconds.
    pub(crate) const fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }
}

impl fmt::Debug for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_struct("Distribution");
        all.field("count", &self.count()).field("p50", &self.at(0.5)).field("p99", &self.at(0.99));
        all.field("max", &self.max()).finish_non_exhaustive()
    }
}

fn milliseconds(nanoseconds: u64) -> f64 {
    float(nanoseconds) / 1e6
}

impl Serialize for Distribution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.0, &mut bytes)
            .map_err(|error| S::Error::custom(error.to_string()))?;
        serializer.serialize_str(&STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(D::Error::custom)?;
        let read: Histogram<u64> =
            V2Reader::new().deserialize(&mut bytes.as_slice()).map_err(|error| D::Error::custom(error.to_string()))?;
        let mut own = Self::default();
        own.0.add(&read).map_err(|error| D::Error::custom(error.to_string()))?;
        Ok(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_to_three_digits_from_a_microsecond_to_an_hour() {
        for nanoseconds in [1_234_u64, 56_789, 8_765_432, 1_234_567_890, 3_599_999_999_999] {
            let mut times = Distribution::default();
            times.record(nanoseconds);
            let (told, is) = (times.at(0.5), milliseconds(nanoseconds));
            assert!((told - is).abs() <= is / 1_000.0, "{told} for {is}");
        }
        let mut times = Distribution::default();
        times.record(u64::MAX);
        assert_eq!(times.count(), 1);
        assert!(times.max() >= 3_599_000.0, "{}", times.max());
    }

    #[test]
    fn the_share_within_a_time_counts_what_took_just_that() {
        let mut times = Distribution::default();
        assert_eq!(times.share_within(Duration::from_secs(1)), None);
        [1, 2, 3, 4].iter().for_each(|seconds| times.record(seconds * 1_000_000_000));
        let within = |seconds| times.share_within(Duration::from_secs(seconds));
        assert_eq!([0, 1, 3, 4].map(within), [0.0, 0.25, 0.75, 1.0].map(Some));
        assert_eq!(times.share_within(Duration::MAX), Some(1.0));
    }

    #[test]
    fn json_keeps_all_of_it() {
        let mut times = Distribution::default();
        (1..5_000).for_each(|n| times.record(n * 1_237));
        let json = serde_json::to_string(&times).unwrap();
        assert_eq!(serde_json::from_str::<Distribution>(&json).unwrap(), times);
        assert!(serde_json::from_str::<Distribution>("\"AAAA\"").is_err());
    }
}
