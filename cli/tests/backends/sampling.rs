//! policies/tail-sampling.yaml keeps what it promises, and leaves the rest.

use std::collections::HashSet;

use serde_json::Value;

use crate::{
    collector::Collector,
    here::{self, until},
    lens::{DURATION, Lens},
    swap::lens,
};

const REQUESTS: usize = 400;

/// The traces of `/` in lens, each with whether a span of it failed, or bears the mark of an exemplar.
async fn kept(lens: &Lens) -> Vec<(String, bool, bool)> {
    let path = "/api/traces?service=auth&since=1h&limit=1000";
    let traces = lens.list(path, "traces").await;
    let mut kept = Vec::new();
    for trace in traces.iter().filter(|trace| trace["route"] == "/") {
        let trace_id = trace["trace_id"].as_str().unwrap();
        let spans = lens.spans(trace_id).await;
        let failed = spans.iter().any(|span| span["status"] == "error");
        let marked = |span: &Value| span["attributes"]["trivium.exemplar"] == true;
        kept.push((trace_id.to_owned(), failed, spans.iter().any(marked)));
    }
    kept
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_and_what_exemplars_point_to_are_kept_and_the_rest_is_not() {
    let Some(program) = here::collector() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (lens, _lens, mut environment) = lens(folder.path()).await;
    environment.extend([
        ("TAIL_WAIT", "2s".to_owned()),
        ("TAIL_SHARE_PERCENT", "0".to_owned()),
        ("TAIL_SLOW_MS", "60000".to_owned()),
    ]);
    let files = [
        "config.yaml",
        "backends/lens.yaml",
        "policies/tail-sampling.yaml",
    ];
    let collector =
        Collector::start(&program, folder.path(), "otelcol", &files, &environment).await;
    let (app, _app) = collector
        .app(|command| {
            command
                .env("APP_FAULTS", "error:/:0.05:500")
                .env("APP_FAULTS_SEED", "1");
        })
        .await;
    let mut failed = HashSet::new();
    for _ in 0..REQUESTS {
        let sent = app.get("/").await;
        if sent.status == 500 {
            failed.insert(sent.trace_id);
        }
    }
    assert!(failed.len() > 5, "{} failed", failed.len());

    // Metrics are not sampled, neither the app's nor those of its spans.
    let all = REQUESTS as u64;
    for metric in [DURATION, "traces.span.metrics.calls"] {
        until(&format!("{metric} of all requests"), || async {
            let path =
                format!("/api/metrics/{metric}?since=1h&where=service_name=auth,http_route=/");
            let points = lens.list(&path, "points").await;
            let count = points.last()?["value"].as_f64()? as u64;
            (count == all).then_some(())
        })
        .await;
    }
    let path = format!("/api/exemplars?metric={DURATION}&since=1h&limit=1000&route=/");
    let exemplars = lens.list(&path, "exemplars").await;
    assert!(!exemplars.is_empty());
    for exemplar in &exemplars {
        let trace_id = exemplar["trace_id"].as_str().unwrap();
        until(&format!("the trace of {exemplar}"), || lens.root(trace_id)).await;
    }
    until("all traces that failed", || async {
        let kept = kept(&lens).await;
        let kept: HashSet<_> = kept.into_iter().map(|(trace_id, ..)| trace_id).collect();
        failed.is_subset(&kept).then_some(())
    })
    .await;

    let kept = kept(&lens).await;
    for (trace_id, has_failed, is_marked) in &kept {
        assert_eq!(*has_failed, failed.contains(trace_id), "{trace_id}");
        assert!(has_failed | is_marked, "{trace_id} was kept for nothing");
    }
    let marked = kept.len() - failed.len();
    assert!(
        marked < REQUESTS / 4,
        "{marked} of {REQUESTS} for exemplars"
    );
    let path = "/api/exemplars?metric=traces.span.metrics.duration&since=1h&limit=10";
    assert!(lens.list(path, "exemplars").await.is_empty());
}
