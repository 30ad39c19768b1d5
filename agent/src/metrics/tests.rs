//! `docs/metrics.md` against what is written.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    containers::{Containers, tests as container_tree},
    fixture::{Point, Tree, points},
    host::{Host, Settings, tests as host_tree},
};

const DOCS: &str = include_str!("../../docs/metrics.md");

/// A row of one of the tables.
#[derive(Debug)]
struct Row {
    name: String,
    kind: String,
    unit: String,
    keys: BTreeSet<String>,
    /// One set of sources for each column of them.
    sources: Vec<Vec<String>>,
}

fn rows(prefix: &str) -> Vec<Row> {
    DOCS.lines()
        .filter(|line| line.starts_with(&format!("| `{prefix}.")))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [name, kind, unit, keys, sources @ .., _remark] = cells.as_slice() else {
                panic!("{line}");
            };
            Row {
                name: name.replace('`', ""),
                kind: (*kind).to_owned(),
                unit: unit.replace('`', ""),
                keys: list(keys).into_iter().collect(),
                sources: sources.iter().map(|cell| list(cell)).collect(),
            }
        })
        .collect()
}

fn list(cell: &str) -> Vec<String> {
    let names = cell.split(',').map(|name| name.trim().replace('`', ""));
    names.filter(|name| !name.is_empty()).collect()
}

/// Kind, unit and keys of each metric.
fn shapes(points: &[Point]) -> BTreeMap<&str, (&str, &str, BTreeSet<String>)> {
    let mut shapes = BTreeMap::new();
    for point in points {
        let shape = shapes
            .entry(point.name.as_str())
            .or_insert_with(|| (point.kind, point.unit.as_str(), BTreeSet::new()));
        shape.2.extend(point.keys.clone());
    }
    shapes
}

fn assert_documented(rows: &[Row], points: &[Point]) {
    let documented: BTreeMap<_, _> = rows
        .iter()
        .map(|row| {
            let shape = (row.kind.as_str(), row.unit.as_str(), row.keys.clone());
            (row.name.as_str(), shape)
        })
        .collect();
    assert_eq!(documented.len(), rows.len(), "a metric is documented twice");
    assert_eq!(documented, shapes(points));
}

/// The second sample, in which everything has a value, of a tree without some files.
fn host_without(source: Option<&str>) -> Vec<Point> {
    let tree = host_tree::tree();
    if let Some(source) = source {
        let paths: Vec<String> = match source {
            "/proc/*/stat" => [1, 20, 21, 22].map(|pid| format!("proc/{pid}/stat")).into(),
            other => vec![other.trim_start_matches('/').replace("PID", "1")],
        };
        for path in paths {
            assert!(tree.remove(&path), "{path}");
        }
    }
    let settings = Settings {
        root: tree.root().to_owned(),
        is_per_cpu: false,
    };
    let mut host = Host::new(&settings, Arc::from([]));
    host.sample(host_tree::NOW, &mut Vec::new());
    if source != Some("/proc/stat") {
        tree.write("proc/stat", host_tree::STAT_LATER);
    }
    let mut out = Vec::new();
    host.sample(host_tree::NOW + 1, &mut out);
    points(&out)
}

fn containers_without(tree: &Tree, file: Option<&str>) -> Vec<Point> {
    if let Some(file) = file {
        assert!(tree.remove(file), "{file}");
    }
    let mut containers = Containers::new(tree.root(), Arc::from([]));
    containers.sample(container_tree::NOW, &|_| None, &mut Vec::new());
    let mut out = Vec::new();
    containers.sample(container_tree::NOW + 1, &|_| None, &mut out);
    points(&out)
}

fn has(points: &[Point], name: &str) -> bool {
    points.iter().any(|point| point.name == name)
}

#[test]
fn the_table_of_the_host_is_what_is_written() {
    assert_documented(&rows("system"), &host_without(None));
}

#[test]
fn each_metric_of_the_host_vanishes_without_any_of_its_sources() {
    let mut without = BTreeMap::new();
    for row in rows("system") {
        for source in row.sources.concat() {
            let points = without
                .entry(source.clone())
                .or_insert_with(|| host_without(Some(&source)));
            assert!(!has(points, &row.name), "{} without {source}", row.name);
            // The others go on.
            assert!(points.len() > 20, "{source}");
        }
    }
    assert_eq!(without.len(), 16);
}

#[test]
fn the_table_of_containers_is_what_is_written_of_both_versions() {
    let id = container_tree::ID;
    for tree in [
        container_tree::v2(&format!("docker/{id}")),
        container_tree::v1(),
    ] {
        assert_documented(&rows("container"), &containers_without(&tree, None));
    }
}

#[test]
fn each_metric_of_a_container_vanishes_without_any_of_its_sources() {
    let id = container_tree::ID;
    let mut count = 0;
    for row in rows("container") {
        for (column, sources) in row.sources.iter().enumerate() {
            for source in sources {
                let is_v1 = column == 1;
                let tree = if is_v1 {
                    container_tree::v1()
                } else {
                    container_tree::v2(&format!("docker/{id}"))
                };
                let path = match source.strip_prefix("/proc/PID") {
                    Some(file) => format!("proc/4711{file}"),
                    None if is_v1 => {
                        let (controller, file) = source.split_once('/').unwrap();
                        format!("sys/fs/cgroup/{controller}/docker/{id}/{file}")
                    }
                    None => format!("sys/fs/cgroup/docker/{id}/{source}"),
                };
                let points = containers_without(&tree, Some(&path));
                assert!(!has(&points, &row.name), "{} without {source}", row.name);
                assert!(points.len() > 4, "{source}");
                count += 1;
            }
        }
    }
    assert_eq!(count, 31);
}
