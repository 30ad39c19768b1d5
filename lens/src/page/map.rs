//! The service map: who calls whom, in columns from callers to callees, with rate and errors on each edge. It is drawn twice, from
//! left to right and, for narrow screens, from top to bottom; the style sheet shows one.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::format;
use super::parts::Colours;
use super::view::View;
use crate::query::map::{Callee, Edge};
use crate::query::services::Service;

/// Characters of a name that fit into its box.
const NAME_LENGTH: usize = 15;
/// Shares of failed calls from which an edge warns and alarms.
const FAILING: (f64, f64) = (0.0, 0.05);

/// A box.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    /// Whoever calls and sends no spans.
    Outside,
    Callee(Callee),
}

/// Where the boxes stand and how they are apart, in pixels.
struct Direction {
    class: &'static str,
    node: (f64, f64),
    /// From one layer to the next, and from one box of a layer to the next.
    apart: (f64, f64),
    is_across: bool,
}

const ACROSS: Direction = Direction {
    class: "across",
    node: (150.0, 50.0),
    apart: (240.0, 74.0),
    is_across: true,
};
const DOWN: Direction = Direction {
    class: "down",
    node: (160.0, 50.0),
    apart: (112.0, 176.0),
    is_across: false,
};

/// Draws the map.
pub(super) fn map(view: &View, edges: &[Edge], services: &[Service]) -> Markup {
    let layers = layers(edges);
    html! { @for direction in [ACROSS, DOWN] { (drawn(view, edges, services, &layers, &direction)) } }
}

fn caller(edge: &Edge) -> Node {
    match &edge.caller {
        Some(name) => Node::Callee(Callee::Service(name.clone())),
        None => Node::Outside,
    }
}

fn callee(edge: &Edge) -> Node {
    Node::Callee(edge.callee.clone())
}

/// The boxes by layer: each one layer after the last of its callers, as far as calls do not go in a circle.
fn layers(edges: &[Edge]) -> Vec<Vec<Node>> {
    fn layer_of(
        node: &Node,
        edges: &[Edge],
        known: &mut BTreeMap<Node, usize>,
        path: &mut Vec<Node>,
    ) -> usize {
        if let Some(layer) = known.get(node) {
            return *layer;
        }
        path.push(node.clone());
        let mut layer = 0;
        for edge in edges.iter().filter(|edge| callee(edge) == *node) {
            let caller = caller(edge);
            if !path.contains(&caller) {
                layer = layer.max(layer_of(&caller, edges, known, path) + 1);
            }
        }
        path.pop();
        known.insert(node.clone(), layer);
        layer
    }
    let mut known = BTreeMap::new();
    for edge in edges {
        for node in [caller(edge), callee(edge)] {
            layer_of(&node, edges, &mut known, &mut Vec::new());
        }
    }
    let mut layers: Vec<Vec<Node>> = Vec::new();
    for (node, layer) in known {
        layers.resize(layers.len().max(layer + 1), Vec::new());
        layers[layer].push(node);
    }
    layers
}

/// The middle of a box.
type Middle = (f64, f64);

#[expect(clippy::cast_precision_loss, reason = "a map has few boxes")]
fn middles<'a>(
    layers: &'a [Vec<Node>],
    direction: &Direction,
) -> (BTreeMap<&'a Node, Middle>, (f64, f64)) {
    let most = layers.iter().map(Vec::len).max().unwrap_or_default() as f64;
    let (across, beside) = direction.apart;
    let node = if direction.is_across {
        direction.node
    } else {
        (direction.node.1, direction.node.0)
    };
    let mut middles = BTreeMap::new();
    for (layer, nodes) in layers.iter().enumerate() {
        let first = (most - nodes.len() as f64) / 2.0;
        for (index, of) in nodes.iter().enumerate() {
            let along = node.0 / 2.0 + layer as f64 * across;
            let beside = node.1 / 2.0 + (first + index as f64) * beside;
            middles.insert(
                of,
                if direction.is_across {
                    (along, beside)
                } else {
                    (beside, along)
                },
            );
        }
    }
    let along = node.0 + (layers.len() as f64 - 1.0).max(0.0) * across;
    let beside = node.1 + (most - 1.0).max(0.0) * beside;
    let size = if direction.is_across {
        (along, beside)
    } else {
        (beside, along)
    };
    (middles, size)
}

fn drawn(
    view: &View,
    edges: &[Edge],
    services: &[Service],
    layers: &[Vec<Node>],
    direction: &Direction,
) -> Markup {
    let (middles, (width, height)) = middles(layers, direction);
    let names = layers.iter().flatten().filter_map(|node| match node {
        Node::Callee(Callee::Service(name)) => Some(name.as_str()),
        _ => None,
    });
    let colours = Colours::of(names);
    let fastest = edges
        .iter()
        .map(|edge| edge.rate)
        .fold(f64::MIN_POSITIVE, f64::max);
    // Room for strokes and for edges that go back below the boxes.
    let margin = 12.0;
    let (full_width, full_height) = (width + 2.0 * margin, height + 2.0 * margin);
    html! {
        svg class={ "map " (direction.class) } width=(full_width) height=(full_height)
            viewBox=(format!("-{margin} -{margin} {full_width} {full_height}")) role="group" aria-label="Service map" {
            @for edge in edges {
                @if let (Some(from), Some(to)) = (middles.get(&caller(edge)), middles.get(&callee(edge))) {
                    (line(edge, *from, *to, direction, fastest))
                }
            }
            @for node in layers.iter().flatten() {
                @if let Some(middle) = middles.get(node) {
                    (boxed(view, node, *middle, direction, services, &colours))
                }
            }
            // Above all lines and boxes.
            @for edge in edges {
                @if let (Some(from), Some(to)) = (middles.get(&caller(edge)), middles.get(&callee(edge))) {
                    (label(view, edge, *from, *to, direction))
                }
            }
        }
    }
}

fn failing(error_ratio: f64) -> &'static str {
    match error_ratio {
        ratio if ratio > FAILING.1 => "failed",
        ratio if ratio > FAILING.0 => "refused",
        _ => "unset",
    }
}

/// Where an edge leaves its caller and reaches its callee.
fn ends(from: Middle, to: Middle, direction: &Direction) -> (Middle, Middle) {
    let (half_width, half_height) = (direction.node.0 / 2.0, direction.node.1 / 2.0);
    if direction.is_across {
        ((from.0 + half_width, from.1), (to.0 - half_width, to.1))
    } else {
        ((from.0, from.1 + half_height), (to.0, to.1 - half_height))
    }
}

fn line(edge: &Edge, from: Middle, to: Middle, direction: &Direction, fastest: f64) -> Markup {
    const ARROW: f64 = 7.0;
    let ((x1, y1), (x2, y2)) = ends(from, to, direction);
    let width = 1.5 + 2.5 * (edge.rate / fastest).sqrt();
    let (path, arrow) = if direction.is_across {
        let (end, bend) = (x2 - ARROW, ((x2 - x1).abs() / 2.0).max(60.0));
        (
            format!(
                "M{x1:.1} {y1:.1}C{:.1} {y1:.1} {:.1} {y2:.1} {end:.1} {y2:.1}",
                x1 + bend,
                end - bend
            ),
            format!("M{x2:.1} {y2:.1}l-{ARROW} -4.5v9z"),
        )
    } else {
        let (end, bend) = (y2 - ARROW, ((y2 - y1).abs() / 2.0).max(30.0));
        (
            format!(
                "M{x1:.1} {y1:.1}C{x1:.1} {:.1} {x2:.1} {:.1} {x2:.1} {end:.1}",
                y1 + bend,
                end - bend
            ),
            format!("M{x2:.1} {y2:.1}l-4.5 -{ARROW}h9z"),
        )
    };
    html! {
        g class={ "edge " (failing(edge.error_ratio)) } aria-hidden="true" {
            path.wire d=(path) stroke-width=(format!("{width:.1}")) {}
            path.tip d=(arrow) {}
        }
    }
}

fn label(view: &View, edge: &Edge, from: Middle, to: Middle, direction: &Direction) -> Markup {
    let ((x1, y1), (x2, y2)) = ends(from, to, direction);
    let (x, y) = (f64::midpoint(x1, x2), f64::midpoint(y1, y2));
    // Above and below a line that goes across, beside one that goes down.
    let (x, above, below, anchor) = if direction.is_across {
        (x - 3.0, y - 8.0, y + 17.0, "middle")
    } else {
        (x + 10.0, y - 4.0, y + 11.0, "start")
    };
    let [x, above, below] = [x, above, below].map(|place| format!("{place:.1}"));
    let service = match &edge.callee {
        Callee::Service(name) => Some(name),
        Callee::Database { .. } => edge.caller.as_ref(),
    };
    let link = view
        .link("/traces")
        .with_some("service", service.map(String::as_str));
    html! {
        a class={ "label " (failing(edge.error_ratio)) } href=(link) data-testid="edge" data-tip {
            title {
                (edge.caller.as_deref().unwrap_or("outside")) " → " (name(&callee(edge))) "\n"
                (format::rate(edge.rate)) ", " (format::percent(edge.error_ratio)) " failed, "
                (format::duration(edge.mean_seconds)) " on average\n"
                "from " (format::counted(edge.calls, "stored call"))
            }
            text x=(x) y=(above) text-anchor=(anchor) { (format::rate(edge.rate)) }
            @if edge.error_ratio > 0.0 {
                text.errors x=(x) y=(below) text-anchor=(anchor) {
                    (format::percent(edge.error_ratio)) " failed"
                }
            }
        }
    }
}

fn name(node: &Node) -> &str {
    match node {
        Node::Outside => "outside",
        Node::Callee(Callee::Service(name)) => name,
        Node::Callee(Callee::Database { namespace, system }) => {
            namespace.as_deref().unwrap_or(system)
        }
    }
}

fn cut(name: &str) -> String {
    if name.chars().count() <= NAME_LENGTH {
        return name.to_owned();
    }
    name.chars().take(NAME_LENGTH - 1).chain(['…']).collect()
}

fn boxed(
    view: &View,
    node: &Node,
    (x, y): Middle,
    direction: &Direction,
    services: &[Service],
    colours: &Colours,
) -> Markup {
    let (width, height) = direction.node;
    let (left, top) = (x - width / 2.0, y - height / 2.0);
    let drawn = |class: &str, below: &str| {
        html! {
            rect.box x=(format!("{left:.1}")) y=(format!("{top:.1}")) width=(width) height=(height) rx="9" {}
            rect class={ "mark " (class) } x=(format!("{:.1}", left + 11.0)) y=(format!("{:.1}", y - 13.0)) width="9" height="9" rx="3" {}
            text.name x=(format!("{:.1}", left + 28.0)) y=(format!("{:.1}", y - 4.0)) { (cut(name(node))) }
            text.sub x=(format!("{:.1}", left + 28.0)) y=(format!("{:.1}", y + 13.0)) { (below) }
        }
    };
    html! {
        @match node {
            Node::Callee(Callee::Service(name)) => {
                a.node href=(view.service_link(name)) data-testid="node" {
                    title { (name) }
                    (drawn(&colours.class(name), &served(name, services)))
                }
            }
            Node::Callee(Callee::Database { system, .. }) => g.node.database data-testid="node" { (drawn("", system)) },
            Node::Outside => g.node.outside data-testid="node" { (drawn("", "no spans of it")) },
        }
    }
}

/// What a service's own metrics say.
fn served(name: &str, services: &[Service]) -> String {
    let requests = services
        .iter()
        .find(|service| service.name == name)
        .map(|service| service.requests);
    match requests.and_then(|requests| requests.request_rate.zip(requests.p95_seconds)) {
        Some((rate, p95)) => format!("{}, p95 {}", format::rate(rate), format::duration(p95)),
        None => "service".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: Option<&str>, to: &str) -> Edge {
        Edge {
            caller: from.map(str::to_owned),
            callee: Callee::Service(to.to_owned()),
            calls: 1,
            rate: 1.0,
            error_ratio: 0.0,
            mean_seconds: 0.1,
        }
    }

    fn names(edges: &[Edge]) -> Vec<Vec<String>> {
        let name = |node: &Node| super::name(node).to_owned();
        layers(edges)
            .iter()
            .map(|layer| layer.iter().map(name).collect())
            .collect()
    }

    #[test]
    fn a_box_stands_after_the_last_of_its_callers() {
        let edges = [
            edge(None, "gateway"),
            edge(Some("gateway"), "auth"),
            edge(Some("gateway"), "mail"),
            edge(Some("auth"), "mail"),
        ];
        assert_eq!(
            names(&edges),
            [vec!["outside"], vec!["gateway"], vec!["auth"], vec!["mail"]]
        );
    }

    #[test]
    fn calls_in_a_circle_have_layers_too() {
        let edges = [edge(Some("a"), "b"), edge(Some("b"), "a")];
        let all: Vec<String> = names(&edges).concat();
        assert_eq!(all.len(), 2, "{all:?}");
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(cut("auth"), "auth");
        assert_eq!(cut("a-service-with-a-long-name"), "a-service-with…");
    }
}
