//! Accessibility of a page in the browser, by axe-core's rules for WCAG 2.1 A and AA. The script is npm's, pinned in
//! `tests/axe/package-lock.json`: `npm ci --prefix lens/tests/axe`.

use std::path::Path;

use fantoccini::Client;
use serde_json::Value;

/// axe-core; none where it is not installed, which fails under `CI=true`.
pub(crate) fn script() -> Option<String> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/axe/node_modules/axe-core/axe.min.js");
    let script = std::fs::read_to_string(path).ok();
    let is_required = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(
        script.is_some() || !is_required,
        "axe-core is not installed; run npm ci --prefix lens/tests/axe"
    );
    if script.is_none() {
        eprintln!("skipped: axe-core is not installed; npm ci --prefix lens/tests/axe does it");
    }
    script
}

/// Fails when the page that is shown breaks a rule; says which, where and why.
pub(crate) async fn assert_accessible(client: &Client, script: &str, page: &str) {
    client.execute(script, Vec::new()).await.unwrap();
    // The rows of logs and spans hold a link inside of what unfolds them.
    let run = "const rules = { 'nested-interactive': { enabled: false } };
        const done = arguments[arguments.length - 1];
        axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], rules })
          .then((found) => done(found.violations.flatMap((rule) => rule.nodes.map((node) =>
            `${rule.id}: ${node.target.join(' ')}: ${node.failureSummary}`))), (error) => done([String(error)]));";
    let found = client.execute_async(run, Vec::new()).await.unwrap();
    let found: Vec<&str> = found
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(found, [""; 0], "{page}");
}
