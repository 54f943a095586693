//! Numbers that look random and are the same for the same seed.

/// A splitmix64 generator.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Others, that don't depend on how many of these are drawn from here on.
    pub(crate) fn split(&mut self) -> Self {
        Self(self.next())
    }

    /// 0 to `max`, both included.
    pub(crate) fn up_to(&mut self, max: u64) -> u64 {
        let next = self.next();
        max.checked_add(1).map_or(next, |bound| next % bound)
    }
}
