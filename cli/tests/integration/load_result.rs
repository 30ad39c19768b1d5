//! What comes of a run of `trivium load`: reports, conditions, links.

use serde_json::Value;

use crate::{
    failure,
    load::{counting_server, load, run, summary},
    trivium,
};

const SHORT: &str = "--users 5 --spawn-rate 100 --duration 1s";

#[tokio::test]
async fn the_reports_are_the_summary_as_json_and_as_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let (json, html) = (folder.path().join("a.json"), folder.path().join("a.html"));
    let (address, _) = counting_server(|_, _| None).await;
    let mut command = load(address, SHORT);
    command
        .arg("--report")
        .arg(&json)
        .arg("--report")
        .arg(&html);
    let output = run(command).await;
    let printed = summary(&output);

    let written: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(written, printed);
    let page = std::fs::read_to_string(html).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    let requests = &printed["requests"];
    assert!(
        page.contains(&format!("<dt>Requests</dt><dd>{requests}</dd>")),
        "{page}"
    );
    let link = printed["slowest"][0]["link"].as_str().unwrap();
    assert!(page.contains(&format!("<a href=\"{link}\">")), "{page}");
}

#[tokio::test]
async fn a_condition_that_is_met_fails_the_run_after_its_summary() {
    let (address, _) = counting_server(|route, _| (route == "POST /login/").then_some(503)).await;
    let mut command = load(address, SHORT);
    for condition in ["p95>10s", "error_rate>1%", "failures(POST /signup/)>0"] {
        command.args(["--fail-if", condition]);
    }
    let output = run(command).await;

    let error = failure(&output);
    assert!(
        error.contains("trivium: failed, for error_rate>1%: 50.00%\n"),
        "{error}"
    );
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let failed: Vec<_> = summary["thresholds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|threshold| threshold["failed"].as_bool().unwrap())
        .collect();
    assert_eq!(failed, [false, true, false]);
}

#[tokio::test]
async fn conditions_that_are_not_met_pass() {
    let (address, _) = counting_server(|_, _| None).await;
    let output = run(load(
        address,
        &format!("{SHORT} --fail-if p99>10s --fail-if error_rate>0%"),
    ))
    .await;
    assert_eq!(summary(&output)["thresholds"][0]["failed"], false);
}

#[tokio::test]
async fn links_follow_a_template() {
    let (address, _) = counting_server(|_, _| None).await;
    let template = "http://grafana.example/explore?trace={trace_id}&x";
    let output = run(load(address, &format!("{SHORT} --traces-url {template}"))).await;
    let slowest = &summary(&output)["slowest"][0];
    let trace_id = slowest["trace_id"].as_str().unwrap();
    assert_eq!(
        slowest["link"],
        format!("http://grafana.example/explore?trace={trace_id}&x")
    );
}

#[test]
fn a_report_in_a_folder_that_is_not_there_is_refused_before_the_load() {
    let mut command = trivium();
    command.args(["load", "--target", "http://127.0.0.1:1"]);
    let error = failure(
        &command
            .args(["--report", "no/such/a.html"])
            .output()
            .unwrap(),
    );
    assert!(
        error.contains("cannot write the report no/such/a.html: "),
        "{error}"
    );
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_before_the_load() {
    for (arguments, part) in [
        (
            vec!["--fail-if", "p95>200"],
            "\"200\" is no latency; write a number and us, ms, s or m, like 200ms",
        ),
        (
            vec!["--fail-if", "latency>2s"],
            "unknown measure \"latency\"; known are p50, p95",
        ),
        (vec!["--rate", "0"], "give a number above 0"),
    ] {
        let output = trivium().arg("load").args(&arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
    for (arguments, part) in [
        (["--report", "a.txt"], "must end in .html or .json"),
        (["--traces-url", "http://g/"], "{trace_id} is missing"),
    ] {
        let error = failure(&trivium().arg("load").args(arguments).output().unwrap());
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
}
