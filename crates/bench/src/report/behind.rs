//! Whether sending at fixed times fell behind, and how.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Parts of the measured time, to see whether lag grows from each to the next.
pub(crate) const QUARTERS: usize = 4;
/// Lag at the end of the measured time past which the load generator is what limits, in milliseconds.
pub(crate) const MAX_END_LAG: f64 = 50.0;
/// Lag that grows but is at most this on average in the last quarter is none that matters, in milliseconds.
const LEAST_GROWN: f64 = 5.0;

/// How late messages of a [`LoadPlan`](crate::LoadPlan) were sent that fell behind their times: more than 50 ms at the end of the
/// measured time, or later from each quarter of it to the next and by more than 5 ms in the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Behind {
    /// How late the last message was sent, or the next one is at the end of the measured time, in milliseconds.
    pub at_end: f64,
    /// How late messages were sent on average in each quarter of the measured time, in milliseconds.
    pub quarters: [f64; QUARTERS],
}

impl Behind {
    /// It, if it is.
    pub(crate) fn of(at_end: f64, quarters: [f64; QUARTERS]) -> Option<Self> {
        let it = Self { at_end, quarters };
        (at_end > MAX_END_LAG || it.grows()).then_some(it)
    }

    fn grows(&self) -> bool {
        self.quarters.is_sorted_by(|a, b| a < b) && self.quarters[QUARTERS - 1] > LEAST_GROWN
    }

    /// The worse of two processes'.
    pub(crate) fn worse(self, other: Self) -> Self {
        let lag = |it: &Self| it.at_end.max(it.quarters[QUARTERS - 1]);
        if lag(&other) > lag(&self) { other } else { self }
    }
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.grows() {
            let [a, b, c, d] = self.quarters;
            write!(
                f,
                "ever later, by {a:.1}, {b:.1}, {c:.1} and {d:.1} ms on average in the quarters of the measured time"
            )?;
        }
        if self.at_end > MAX_END_LAG {
            write!(f, "{}{:.0} ms late at the end", if self.grows() { ", and " } else { "" }, self.at_end)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_that_grows_or_is_long_at_the_end_is_behind() {
        for (at_end, quarters, told) in [
            (50.0, [5.0; 4], None),
            (0.0, [1.0, 2.0, 3.0, 5.0], None),
            (0.0, [9.0, 8.0, 9.0, 10.0], None),
            (
                0.0,
                [1.0, 2.0, 3.0, 5.1],
                Some("ever later, by 1.0, 2.0, 3.0 and 5.1 ms on average in the quarters of the measured time"),
            ),
            (51.0, [0.0; 4], Some("51 ms late at the end")),
        ] {
            let behind = Behind::of(at_end, quarters).map(|behind| behind.to_string());
            assert_eq!(behind.as_deref(), told);
        }
        let (one, other) = (Behind::of(60.0, [0.0; 4]).unwrap(), Behind::of(0.0, [1.0, 2.0, 3.0, 61.0]).unwrap());
        assert_eq!((one.worse(other), other.worse(one)), (other, other));
        let both = Behind::of(60.0, [1.0, 2.0, 3.0, 61.0]).unwrap().to_string();
        assert!(both.ends_with(" measured time, and 60 ms late at the end"), "{both}");
    }
}
