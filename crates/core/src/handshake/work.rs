//! Counts the bytes that parsing looks at or copies, in tests only: "linear" is asserted on a count, never on a clock.

#[cfg(test)]
thread_local! {
    static LOOKED_AT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// `bytes` more were looked at or copied.
#[cfg(test)]
pub(super) fn count(bytes: usize) {
    LOOKED_AT.set(LOOKED_AT.get() + bytes);
}

/// Nothing outside of tests.
#[cfg(not(test))]
#[inline]
pub(super) const fn count(_bytes: usize) {}

/// How many bytes this thread looked at in `run`.
#[cfg(test)]
pub(super) fn of<T>(run: impl FnOnce() -> T) -> (usize, T) {
    let before = LOOKED_AT.get();
    let result = run();
    (LOOKED_AT.get() - before, result)
}
