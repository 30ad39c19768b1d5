//! Arithmetic on explicit-bucket histograms: quantiles as Prometheus's `histogram_quantile` computes them.

/// How many values each bucket got, summed over series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Buckets {
    /// Upper bound and the number of values up to it, ascending; complete when the last bound is infinite.
    cumulative: Vec<(f64, f64)>,
}

impl Buckets {
    /// Adds to the bucket whose upper bound is `bound` (its `le` label); counts are cumulative, as the series are.
    pub fn add(&mut self, bound: f64, count: f64) {
        match self
            .cumulative
            .binary_search_by(|(known, _)| known.total_cmp(&bound))
        {
            Ok(index) => self.cumulative[index].1 += count,
            Err(index) => self.cumulative.insert(index, (bound, count)),
        }
    }

    /// Upper bound of each bucket and the count up to it.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, f64)> {
        self.cumulative.iter().copied()
    }

    /// Upper bound and count of each bucket by itself. Counts that fall from one bound to the next (series scraped
    /// apart, or with other bounds) are taken as none.
    pub fn counts(&self) -> impl Iterator<Item = (f64, f64)> {
        self.cumulative
            .iter()
            .scan(0.0_f64, |below, &(bound, upto)| {
                let count = (upto - *below).max(0.0);
                *below = below.max(upto);
                Some((bound, count))
            })
    }

    /// The value below which the share `q` of all values lies, linear inside its bucket; the lowest bucket starts at 0,
    /// and in the one without an upper bound the answer is its lower bound. Absent without values.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let total: f64 = self.counts().map(|(_, count)| count).sum();
        if total <= 0.0 {
            return None;
        }
        let rank = q * total;
        let (mut lower, mut below) = (0.0_f64, 0.0);
        for (bound, count) in self.counts() {
            if count > 0.0 && below + count >= rank {
                let share = (rank - below) / count;
                return Some(if bound.is_infinite() {
                    lower
                } else {
                    lower + (bound - lower) * share
                });
            }
            below += count;
            lower = bound;
        }
        Some(lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(cumulative: &[(f64, f64)]) -> Buckets {
        let mut buckets = Buckets::default();
        for &(bound, count) in cumulative.iter().rev() {
            buckets.add(bound, count);
        }
        buckets
    }

    #[test]
    fn interpolates_inside_the_bucket() {
        let buckets = buckets(&[(0.1, 10.0), (0.2, 30.0), (0.4, 40.0), (f64::INFINITY, 40.0)]);
        let quantile = |q| buckets.quantile(q).unwrap();
        assert!((quantile(0.5) - 0.15).abs() < 1e-12); // rank 20: half-way through 0.1..0.2
        assert!((quantile(0.95) - 0.36).abs() < 1e-12); // rank 38: 8 of the 10 in 0.2..0.4
        assert!((quantile(0.125) - 0.05).abs() < 1e-12); // the lowest bucket starts at 0
        assert!((quantile(1.0) - 0.4).abs() < 1e-12);
    }

    #[test]
    fn beyond_the_last_bound_the_answer_is_that_bound() {
        assert_eq!(
            buckets(&[(1.0, 1.0), (f64::INFINITY, 4.0)]).quantile(0.9),
            Some(1.0)
        );
    }

    #[test]
    fn nothing_counted_has_no_quantile() {
        assert_eq!(Buckets::default().quantile(0.5), None);
        assert_eq!(
            buckets(&[(1.0, 0.0), (f64::INFINITY, 0.0)]).quantile(0.5),
            None
        );
    }

    #[test]
    fn adds_series_up_and_tells_each_bucket_by_itself() {
        let mut two = buckets(&[(0.1, 2.0), (0.5, 5.0), (f64::INFINITY, 5.0)]);
        two.add(0.1, 1.0);
        two.add(0.5, 1.0);
        two.add(f64::INFINITY, 2.0);
        let counts: Vec<_> = two.counts().collect();
        assert_eq!(counts, [(0.1, 3.0), (0.5, 3.0), (f64::INFINITY, 1.0)]);
    }
}
