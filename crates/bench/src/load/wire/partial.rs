//! What has come of something that isn't whole.

/// The bytes that a scan left over. Where nothing was left over, what comes is scanned where it is.
#[derive(Debug, Default)]
pub(super) struct Partial {
    held: Vec<u8>,
}

impl Partial {
    /// Has `scan` take what it can of what is left over and `bytes`, and keeps the rest. It is given all of it and how much of that it
    /// has seen before, and says how much it took.
    pub(super) fn feed<E>(
        &mut self,
        bytes: &[u8],
        scan: impl FnOnce(&[u8], usize) -> Result<usize, E>,
    ) -> Result<(), E> {
        if self.held.is_empty() {
            let taken = scan(bytes, 0)?;
            self.held.extend_from_slice(bytes.get(taken..).unwrap_or_default());
            return Ok(());
        }
        let seen = self.held.len();
        self.held.extend_from_slice(bytes);
        let taken = scan(&self.held, seen)?;
        if taken >= self.held.len() {
            // Many clients have nothing left over most of the time: they shall not hold memory for it.
            self.held = Vec::new();
        } else {
            self.held.drain(..taken);
        }
        Ok(())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}
