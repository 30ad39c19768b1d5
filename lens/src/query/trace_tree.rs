//! What the spans of one trace say together: who called whom, how long each was busy itself, and which of them the trace
//! waited for. Arithmetic over spans that were read; clocks are taken as they are.

use std::collections::{HashMap, HashSet};

use opentelemetry::SpanId;

use super::trace::Span;

/// From the first to the second moment, in nanoseconds since the Unix epoch.
pub type Interval = (i64, i64);

/// A trace in the order of a walk from each span to its children, by start.
#[derive(Debug)]
pub struct Tree<'a> {
    /// A parent stands before its children.
    pub nodes: Vec<Node<'a>>,
    /// Start of the earliest span.
    pub start_ns: i64,
    /// End of the latest one.
    pub end_ns: i64,
}

/// One span in its trace.
#[derive(Debug)]
pub struct Node<'a> {
    /// The span itself.
    pub span: &'a Span,
    /// How far below a root.
    pub depth: usize,
    /// The index of its parent among the nodes; none of a root.
    pub parent: Option<usize>,
    /// The indices of its children.
    pub children: Vec<usize>,
    /// When it ran and no child did.
    pub own: Vec<Interval>,
    /// When the trace waited for this very span, latest first: any of this time saved would have ended the trace earlier.
    pub critical: Vec<Interval>,
}

impl Node<'_> {
    /// When it ended.
    pub fn end_ns(&self) -> i64 {
        self.span.start_ns + self.span.duration_ns
    }

    /// Nanoseconds that it ran without a child.
    pub fn own_ns(&self) -> i64 {
        total_ns(&self.own)
    }

    /// Nanoseconds that the trace waited for it.
    pub fn critical_ns(&self) -> i64 {
        total_ns(&self.critical)
    }
}

fn total_ns(intervals: &[Interval]) -> i64 {
    intervals.iter().map(|(from, to)| to - from).sum()
}

impl<'a> Tree<'a> {
    /// Orders `spans`, at least one, sorted by start. A span is a root when its parent is not among them; those in a circle of
    /// parents, which no root leads to, come last, each as a root.
    pub fn of(spans: &'a [Span]) -> Self {
        let mut tree = Self {
            nodes: ordered(spans),
            start_ns: spans
                .iter()
                .map(|span| span.start_ns)
                .min()
                .unwrap_or_default(),
            end_ns: spans
                .iter()
                .map(|span| span.start_ns + span.duration_ns)
                .max()
                .unwrap_or_default(),
        };
        for index in 0..tree.nodes.len() {
            tree.nodes[index].own = own(&tree.nodes, index);
        }
        tree.mark_critical();
        tree
    }

    /// The earliest root.
    pub fn root(&self) -> &'a Span {
        self.nodes[0].span
    }

    /// Walks back from the end of the trace: at each moment it waited for the child that ended last before it, or, where no
    /// child ran, for the span itself. What a child did after its parent had ended kept nobody waiting.
    fn mark_critical(&mut self) {
        let roots = (0..self.nodes.len()).filter(|&index| self.nodes[index].parent.is_none());
        let whole = (self.start_ns, self.end_ns);
        let mut walk = vec![Step::into(None, whole, roots.collect(), &self.nodes)];
        while let Some(step) = walk.last_mut() {
            let next = step.waiting.pop();
            let (to, is_last) = match &next {
                // It ended after the moment up to which another child is already accounted for.
                Some((_, (_, end))) if *end > step.at => continue,
                Some((_, (_, end))) => (*end, false),
                None => (step.from, true),
            };
            if let Some(node) = step.node.filter(|_| to < step.at) {
                self.nodes[node].critical.push((to, step.at));
            }
            if let Some((child, ran)) = next {
                step.at = ran.0;
                let children = self.nodes[child].children.clone();
                walk.push(Step::into(Some(child), ran, children, &self.nodes));
            } else if is_last {
                walk.pop();
            }
        }
    }
}

/// A span on the walk back; none stands for the trace.
struct Step {
    node: Option<usize>,
    from: i64,
    /// Up to here its time is accounted for.
    at: i64,
    /// Its children with the part of their time within it, the one that ends last at the end.
    waiting: Vec<(usize, Interval)>,
}

impl Step {
    fn into(
        node: Option<usize>,
        (from, to): Interval,
        children: Vec<usize>,
        nodes: &[Node<'_>],
    ) -> Self {
        let within = |child: usize| {
            let ran = (
                nodes[child].span.start_ns.max(from),
                nodes[child].end_ns().min(to),
            );
            (ran.0 < ran.1).then_some((child, ran))
        };
        let mut waiting: Vec<_> = children.into_iter().filter_map(within).collect();
        waiting.sort_by_key(|(_, (start, end))| (*end, *start));
        Self {
            node,
            from,
            at: to,
            waiting,
        }
    }
}

/// The time of a node that none of its children covers.
fn own(nodes: &[Node<'_>], index: usize) -> Vec<Interval> {
    let node = &nodes[index];
    let mut own = Vec::new();
    let mut at = node.span.start_ns;
    // By start, as the nodes are.
    for &child in &node.children {
        let child = &nodes[child];
        if child.span.start_ns.min(node.end_ns()) > at {
            own.push((at, child.span.start_ns.min(node.end_ns())));
        }
        at = at.max(child.end_ns());
    }
    if at < node.end_ns() {
        own.push((at, node.end_ns()));
    }
    own
}

fn ordered(spans: &[Span]) -> Vec<Node<'_>> {
    let stored: HashSet<SpanId> = spans.iter().map(|span| span.span_id).collect();
    let mut children: HashMap<Option<SpanId>, Vec<&Span>> = HashMap::new();
    for span in spans {
        let parent = span.parent_span_id.filter(|parent| stored.contains(parent));
        children.entry(parent).or_default().push(span);
    }
    let mut nodes: Vec<Node<'_>> = Vec::with_capacity(spans.len());
    // Depth first without recursion: a trace may be thousands deep.
    let roots = children.remove(&None).unwrap_or_default();
    let mut waiting: Vec<(&Span, Option<usize>)> =
        roots.into_iter().rev().map(|root| (root, None)).collect();
    while let Some((span, parent)) = waiting.pop() {
        let index = nodes.len();
        if let Some(parent) = parent {
            nodes[parent].children.push(index);
        }
        nodes.push(node(
            span,
            parent,
            parent.map_or(0, |parent| nodes[parent].depth + 1),
        ));
        let below = children.remove(&Some(span.span_id)).unwrap_or_default();
        waiting.extend(below.into_iter().rev().map(|child| (child, Some(index))));
    }
    let mut circular: Vec<&Span> = children.into_values().flatten().collect();
    circular.sort_by_key(|span| span.start_ns);
    nodes.extend(circular.into_iter().map(|span| node(span, None, 0)));
    nodes
}

fn node(span: &Span, parent: Option<usize>, depth: usize) -> Node<'_> {
    Node {
        span,
        depth,
        parent,
        children: Vec::new(),
        own: Vec::new(),
        critical: Vec::new(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::query::trace::Kind;
    use crate::query::traces::Status;

    /// A span `id` of `a` below `parent`, which 0 stands for none of, from one moment to another.
    pub(in crate::query) fn span(
        id: u8,
        parent: u8,
        name: &str,
        start_ns: i64,
        end_ns: i64,
    ) -> Span {
        let span_id = |id| SpanId::from_bytes([id; 8]);
        Span {
            span_id: span_id(id),
            parent_span_id: (parent > 0).then(|| span_id(parent)),
            name: name.to_owned(),
            kind: Kind::Internal,
            service: "a".to_owned(),
            scope: String::new(),
            start: String::new(),
            start_ns,
            duration_seconds: 0.0,
            duration_ns: end_ns - start_ns,
            status: Status::Unset,
            status_message: String::new(),
            route: None,
            http_status: None,
            attributes: serde_json::Value::Null,
            resource: serde_json::Value::Null,
            events: Vec::new(),
            links: serde_json::Value::Null,
        }
    }

    fn told<'a>(
        tree: &'a Tree<'_>,
        of: impl Fn(&'a Node<'_>) -> &'a [Interval],
    ) -> Vec<(&'a str, &'a [Interval])> {
        tree.nodes
            .iter()
            .map(|node| (node.span.name.as_str(), of(node)))
            .collect()
    }

    #[test]
    fn own_time_is_what_no_child_covers_however_they_overlap() {
        let spans = [
            span(1, 0, "root", 0, 100),
            span(2, 1, "early", 10, 40),
            span(3, 1, "overlaps", 30, 50),
            span(4, 1, "within", 35, 45),
            span(5, 1, "outlives", 90, 130),
        ];
        let tree = Tree::of(&spans);
        assert_eq!(tree.nodes[0].own, [(0, 10), (50, 90)]);
        assert_eq!(tree.nodes[0].own_ns(), 50);
        assert_eq!((tree.start_ns, tree.end_ns), (0, 130));
        assert_eq!(tree.nodes[4].own_ns(), 40);
    }

    #[test]
    fn the_critical_path_is_the_last_child_to_end_and_the_parent_between_children() {
        let spans = [
            span(1, 0, "root", 0, 100),
            span(2, 1, "first", 10, 30),
            span(4, 1, "parallel, ends last", 35, 80),
            span(3, 1, "parallel, ends earlier", 40, 60),
            span(5, 4, "leaf", 50, 70),
            span(6, 1, "nothing", 85, 85),
        ];
        let tree = Tree::of(&spans);
        let expected: Vec<(&str, &[Interval])> = vec![
            ("root", &[(80, 100), (30, 35), (0, 10)]),
            ("first", &[(10, 30)]),
            ("parallel, ends last", &[(70, 80), (35, 50)]),
            ("leaf", &[(50, 70)]),
            ("parallel, ends earlier", &[]),
            ("nothing", &[]),
        ];
        assert_eq!(told(&tree, |node| &node.critical), expected);
        let whole: i64 = tree.nodes.iter().map(Node::critical_ns).sum();
        assert_eq!(whole, 100, "every moment is somebody's");
    }

    #[test]
    fn what_a_child_does_after_its_parent_keeps_nobody_waiting() {
        let spans = [
            span(1, 0, "root", 0, 50),
            span(2, 1, "send", 10, 50),
            span(3, 2, "receive", 40, 90),
            span(4, 1, "begins after", 60, 70),
        ];
        let tree = Tree::of(&spans);
        let expected: Vec<(&str, &[Interval])> = vec![
            ("root", &[(0, 10)]),
            ("send", &[(10, 40)]),
            ("receive", &[(40, 50)]),
            ("begins after", &[]),
        ];
        assert_eq!(told(&tree, |node| &node.critical), expected);
    }

    #[test]
    fn roots_whose_parent_is_not_stored_share_the_path() {
        let spans = [span(1, 9, "one", 0, 30), span(2, 8, "two", 20, 60)];
        let tree = Tree::of(&spans);
        // `one` was still running when `two` began, so nobody waited for its end.
        assert_eq!(tree.nodes[0].critical, []);
        assert_eq!(tree.nodes[1].critical, [(20, 60)]);
        let spans = [span(1, 9, "one", 0, 20), span(2, 8, "two", 20, 60)];
        assert_eq!(Tree::of(&spans).nodes[0].critical, [(0, 20)]);
    }

    #[test]
    fn depth_and_circles() {
        let deep: Vec<Span> = (1..=200)
            .map(|id| span(id, id - 1, "deep", i64::from(id), 1_000))
            .collect();
        let tree = Tree::of(&deep);
        assert_eq!(tree.nodes[199].depth, 199);
        assert_eq!(tree.nodes[198].critical, [(199, 200)]);
        let circle = [span(1, 2, "a", 0, 5), span(2, 1, "b", 1, 4)];
        let tree = Tree::of(&circle);
        assert_eq!(
            tree.nodes.iter().map(|node| node.depth).collect::<Vec<_>>(),
            [0, 0]
        );
    }
}
