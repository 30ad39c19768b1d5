//! Two traces side by side, by service and span name: how many spans, how long in sum, how long by themselves. Spans that run
//! at the same time count each, so totals may exceed the trace.

use std::collections::BTreeMap;

use super::trace_tree::Tree;

/// The spans of one name in one trace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub spans: i64,
    /// Those with status Error.
    pub errors: i64,
    /// Nanoseconds from start to end.
    pub total_ns: i64,
    /// Nanoseconds in which no child ran.
    pub own_ns: i64,
}

/// One name in both traces.
#[derive(Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// `service.name`.
    pub service: &'a str,
    /// The span's name.
    pub name: &'a str,
    /// In the first trace.
    pub a: Sum,
    /// In the second.
    pub b: Sum,
}

impl Pair<'_> {
    /// How much longer the spans of the second were by themselves; these differences explain that of the traces.
    pub fn own_difference_ns(&self) -> i64 {
        self.b.own_ns - self.a.own_ns
    }

    /// How much longer they were altogether.
    pub fn total_difference_ns(&self) -> i64 {
        self.b.total_ns - self.a.total_ns
    }
}

/// Compares; the largest difference of own time first.
pub fn pairs<'a>(a: &Tree<'a>, b: &Tree<'a>) -> Vec<Pair<'a>> {
    let (a, b) = (sums(a), sums(b));
    let mut names: Vec<_> = a.keys().chain(b.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let mut pairs: Vec<_> = names
        .into_iter()
        .map(|name| Pair {
            service: name.0,
            name: name.1,
            a: a.get(&name).copied().unwrap_or_default(),
            b: b.get(&name).copied().unwrap_or_default(),
        })
        .collect();
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.own_difference_ns().abs()));
    pairs
}

fn sums<'a>(tree: &Tree<'a>) -> BTreeMap<(&'a str, &'a str), Sum> {
    let mut sums = BTreeMap::<_, Sum>::new();
    for node in &tree.nodes {
        let name = (node.span.service.as_str(), node.span.name.as_str());
        let sum = sums.entry(name).or_default();
        sum.spans += 1;
        sum.errors += i64::from(node.span.status == super::traces::Status::Error);
        sum.total_ns += node.span.duration_ns;
        sum.own_ns += node.own_ns();
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::trace_tree::tests::span;
    use crate::query::traces::Status;

    #[test]
    fn names_are_summed_and_the_largest_difference_comes_first() {
        let mut a = [
            span(1, 0, "root", 0, 100),
            span(2, 1, "query", 10, 20),
            span(3, 1, "query", 30, 50),
            span(4, 1, "gone", 60, 65),
        ];
        a[1].status = Status::Error;
        let b = [span(1, 0, "root", 500, 700), span(2, 1, "query", 510, 680)];
        let (a, b) = (Tree::of(&a), Tree::of(&b));
        let sum = |spans, errors, total_ns, own_ns| Sum {
            spans,
            errors,
            total_ns,
            own_ns,
        };
        let pair = |name, a, b| Pair {
            service: "a",
            name,
            a,
            b,
        };
        let compared = pairs(&a, &b);
        assert_eq!(
            compared,
            [
                pair("query", sum(2, 1, 30, 30), sum(1, 0, 170, 170)),
                pair("root", sum(1, 0, 100, 65), sum(1, 0, 200, 30)),
                pair("gone", sum(1, 0, 5, 5), Sum::default()),
            ]
        );
        let own: i64 = compared.iter().map(Pair::own_difference_ns).sum();
        assert_eq!(
            own,
            200 - 100,
            "the differences add up to that of the traces"
        );
    }
}
