use super::*;
use crate::load::summary::fixture;

#[test]
fn the_page_has_the_verdict_the_numbers_and_the_links_and_needs_nothing_else() {
    let page = of(&fixture::summary(None)).into_string();
    for part in [
        "<title>Load normal · http://127.0.0.1:8000/</title>",
        "<span class=\"badge bad\">failed</span>",
        "<code>p95&gt;200ms</code>",
        "<td>POST /signup/</td><td class=\"number\">1</td>",
        "<td>answered 503 Service Unavailable</td><td class=\"number\">1</td>",
        "<a href=\"http://127.0.0.1:3000/traces/00000000000000000000000000001250\">",
        "closed model, <b>5 users</b>",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    for outside in ["<script", "src=", "<link", "@import", "url("] {
        assert!(!page.contains(outside), "{outside} is in {page}");
    }
    assert_eq!(page.matches("<svg").count(), 3);
}

#[test]
fn the_open_model_shows_the_rate_that_was_due() {
    let page = of(&fixture::summary(Some(2.5))).into_string();
    assert!(page.contains("<b>2.5 requests/s</b> due"), "{page}");
    assert!(page.contains("<path class=\"dashes due\""), "{page}");
    assert!(
        page.contains("<dt>Due, not sent</dt><dd class=\"bad\">22</dd>"),
        "{page}"
    );
}

#[test]
fn a_target_with_markup_in_its_name_stays_text() {
    let mut summary = fixture::summary(None);
    summary.target = "http://<b>\"&".to_owned();
    let page = of(&summary).into_string();
    assert!(page.contains("http://&lt;b&gt;&quot;&amp;"), "{page}");
    assert!(!page.contains("http://<b>"), "{page}");
}

#[test]
fn a_run_without_an_answer_has_no_chart_of_latencies() {
    let mut summary = fixture::summary(None);
    summary.timeline.clear();
    summary.routes.clear();
    assert_eq!(of(&summary).into_string().matches("<svg").count(), 1);
}
