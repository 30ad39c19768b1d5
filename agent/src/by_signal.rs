//! One of something for each signal.

use std::ops::Index;

use trivium_otlp::Signal;

/// A value for each signal, found by it.
#[derive(Debug, Clone, Default)]
pub struct BySignal<T>([T; Signal::ALL.len()]);

impl<T> BySignal<T> {
    /// What `make` makes for each.
    ///
    /// # Errors
    /// The first of `make`.
    pub fn try_new<E>(mut make: impl FnMut(Signal) -> Result<T, E>) -> Result<Self, E> {
        let [first, second, third] = Signal::ALL;
        Ok(Self([make(first)?, make(second)?, make(third)?]))
    }

    /// Each of them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut()
    }
}

impl<T> Index<Signal> for BySignal<T> {
    type Output = T;

    fn index(&self, signal: Signal) -> &T {
        // Their order is that of `Signal::ALL`, which the test below holds.
        &self.0[signal as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_finds_its_own() {
        let names = BySignal::try_new(|signal| Ok::<_, ()>(signal.name())).unwrap();
        for signal in Signal::ALL {
            assert_eq!(names[signal], signal.name());
        }
    }
}
