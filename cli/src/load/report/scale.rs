//! From values to places in a chart: shares of its height and width, and the ticks of its axes.

/// An axis: a place from 0 to 1 for a value, and labelled ticks at such places.
#[derive(Debug)]
pub(super) struct Axis {
    kind: Kind,
    pub(super) ticks: Vec<(f64, String)>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// From 0 to this.
    Linear(f64),
    /// Decimal logarithms of the least and the greatest value.
    Log(f64, f64),
}

impl Axis {
    /// From 0 to a round number from `greatest` on, with at most five steps.
    pub(super) fn linear(greatest: f64, label: impl Fn(f64) -> String) -> Self {
        let greatest = if greatest > 0.0 { greatest } else { 1.0 };
        let power = 10_f64.powf((greatest / 5.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * power)
            .into_iter()
            .find(|step| greatest / step <= 5.0)
            .unwrap_or(10.0 * power);
        let steps = (greatest / step).ceil();
        let end = steps * step;
        // Five steps at the most.
        let ticks = (0..=steps as u32).map(|number| f64::from(number) * step);
        Self {
            kind: Kind::Linear(end),
            ticks: ticks.map(|value| (value / end, label(value))).collect(),
        }
    }

    /// Over all `values` above 0, from 1, 2 or 5 times a power of ten to another; `None` without such values.
    pub(super) fn log(
        values: impl Iterator<Item = f64>,
        label: impl Fn(f64) -> String,
    ) -> Option<Self> {
        let (least, greatest) = values
            .filter(|value| *value > 0.0)
            .map(|value| (value, value))
            .reduce(|(low, high), (value, _)| (low.min(value), high.max(value)))?;
        let first = least.log10().floor() as i32;
        let last = greatest.log10().ceil() as i32;
        let rounds: Vec<_> = (first - 1..=last + 1)
            .flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * 10_f64.powi(power)))
            .collect();
        // A little air, so that a value that is round itself is not on the edge.
        let low = rounds.iter().copied().rfind(|round| *round < least * 0.98);
        let high = rounds
            .iter()
            .copied()
            .find(|round| *round > greatest * 1.02);
        let (low, high) = (low.unwrap_or(least / 2.0), high.unwrap_or(greatest * 2.0));
        let (low_log, high_log) = (low.log10(), high.log10());
        let place = |value: f64| (value.log10() - low_log) / (high_log - low_log);
        let has_room_for_all = high_log - low_log < 2.1;
        let is_power = |value: f64| (value.log10() - value.log10().round()).abs() < 1e-9;
        let ticks = rounds
            .iter()
            .copied()
            .filter(|round| (low * 0.999..=high * 1.001).contains(round))
            .filter(|round| has_room_for_all || is_power(*round))
            .map(|round| (place(round), label(round)));
        Some(Self {
            kind: Kind::Log(low_log, high_log),
            ticks: ticks.collect(),
        })
    }

    pub(super) fn place(&self, value: f64) -> f64 {
        let place = match self.kind {
            Kind::Linear(end) => value / end,
            Kind::Log(low, high) => (value.max(f64::MIN_POSITIVE).log10() - low) / (high - low),
        };
        place.clamp(0.0, 1.0)
    }
}

/// The axis of shares of requests: each step to the right is ten times rarer, from all to one in `10^decades`.
pub(super) fn rarity(share: f64, decades: f64) -> f64 {
    // In front of 1 - 0.9999 there is no 0.0001 in binary.
    (-(1.0 - share).max(1e-9).log10() / decades).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn a_linear_axis_ends_at_a_round_number() {
        let axis = Axis::linear(43.0, |value| format!("{value}"));
        assert_eq!(labels(&axis), ["0", "10", "20", "30", "40", "50"]);
        assert_eq!(axis.place(25.0), 0.5);
        let axis = Axis::linear(0.3, |value| format!("{value:.1}"));
        assert_eq!(labels(&axis), ["0.0", "0.1", "0.2", "0.3"]);
        assert_eq!(
            labels(&Axis::linear(0.0, |value| format!("{value:.1}"))).len(),
            6
        );
    }

    #[test]
    fn a_log_axis_holds_all_values_between_round_numbers() {
        let axis = Axis::log([0.003, 0.3].into_iter(), |value| format!("{value}")).unwrap();
        assert_eq!(labels(&axis), ["0.01", "0.1"]);
        assert!((axis.place(0.002) - 0.0).abs() < 1e-9);
        assert!((axis.place(0.5) - 1.0).abs() < 1e-9);
        let narrow = Axis::log([0.004, 0.03].into_iter(), |value| format!("{value}")).unwrap();
        assert_eq!(labels(&narrow), ["0.002", "0.005", "0.01", "0.02", "0.05"]);
        assert!(Axis::log([0.0].into_iter(), |_| String::new()).is_none());
    }

    #[test]
    fn a_value_that_is_a_power_of_ten_alone_has_an_axis() {
        let axis = Axis::log([1.0].into_iter(), |value| format!("{value}")).unwrap();
        assert_eq!(labels(&axis), ["0.5", "1", "2"]);
    }

    #[test]
    fn each_nine_is_a_step_to_the_right() {
        for (share, place) in [(0.0, 0.0), (0.9, 0.25), (0.99, 0.5), (0.9999, 1.0)] {
            assert!((rarity(share, 4.0) - place).abs() < 1e-9, "{share}");
        }
    }
}
