//! Traces as the page shows them: found by attribute, as dots, as a waterfall that folds, two side by side.

use std::collections::BTreeMap;

use fantoccini::Locator;
use serde_json::{Value, json};
use trivium_lens::model::{Batch, Span};
use trivium_lens::query::trace_attributes::EXAMINED_SPANS;

use crate::sample;
use crate::seed::{SeededLens, resource, server_span, span_id, trace_id};
use crate::webdriver::{console, with_browser};

const SECOND_NS: i64 = 1_000_000_000;

fn a_minute_ago_ns() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap() - 60 * SECOND_NS
}

fn hex(digit: u8) -> String {
    format!("{digit:02x}").repeat(16)
}

/// Trace `digit` of `ms` milliseconds: a server span 1 with a database span 2 for all but 10 ms of it, and a span 3 below that.
fn login(digit: u8, start_ns: i64, ms: i64) -> Vec<Span> {
    let server = Span {
        duration_ns: ms * 1_000_000,
        attributes: json!({"http.response.status_code": 200, "user.id": format!("u-{digit}"), "is.new": true}).to_string(),
        ..server_span(&resource("auth", "a"), trace_id(digit), span_id(1), start_ns)
    };
    let below = |id: u8, name: &str, attributes: Value| Span {
        span_id: span_id(id),
        parent_span_id: Some(span_id(id - 1)),
        kind: 3,
        name: name.to_owned(),
        http_route: None,
        http_status: None,
        start_ns: start_ns + i64::from(id - 1) * 5_000_000,
        duration_ns: (ms - 10 * i64::from(id - 1)) * 1_000_000,
        attributes: attributes.to_string(),
        ..server.clone()
    };
    vec![
        below(
            2,
            "SELECT users",
            json!({"db.system.name": "sqlite", "note": "a \"b\" c"}),
        ),
        below(3, "fsync", json!({})),
        server,
    ]
}

async fn seeded(spans: Vec<Span>) -> SeededLens {
    SeededLens::start(Batch {
        spans,
        ..Batch::default()
    })
    .await
}

async fn html(lens: &SeededLens, path: &str) -> String {
    let answer = reqwest::get(format!("{}{path}", lens.origin))
        .await
        .unwrap();
    assert_eq!(answer.status(), reqwest::StatusCode::OK, "{path}");
    answer.text().await.unwrap()
}

/// What stands between `before` and `after`, each time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let parts = text.split(before).skip(1);
    parts
        .map(|part| part.split(after).next().unwrap())
        .collect()
}

#[tokio::test]
async fn a_search_is_narrowed_by_attributes_of_any_span_and_of_the_resource() {
    let start_ns = a_minute_ago_ns();
    let lens =
        seeded([login(1, start_ns, 100), login(2, start_ns + SECOND_NS, 300)].concat()).await;
    let found = async |query: &str| -> String {
        let answer = lens.ok(&format!("/api/traces?{query}")).await;
        let traces = answer["traces"].as_array().unwrap().iter();
        traces
            .map(|t| t["trace_id"].as_str().unwrap()[1..2].to_owned())
            .collect()
    };
    assert_eq!(found("attribute=user.id=u-1").await, "1");
    assert_eq!(found("attribute=user.id=u-").await, "", "the whole value");
    assert_eq!(found("attribute=ser.id=u-1").await, "", "the whole key");
    assert_eq!(found("attribute=http.response.status_code=200").await, "21");
    assert_eq!(found("attribute=http.response.status_code=20").await, "");
    assert_eq!(found("attribute=is.new=true").await, "21");
    assert_eq!(
        found("attribute=db.system.name=sqlite").await,
        "21",
        "of a span below the entry"
    );
    assert_eq!(
        found("attribute=host.name=testhost").await,
        "21",
        "of the resource"
    );
    assert_eq!(
        found("attribute=user.id=u-2%20host.name=testhost").await,
        "2"
    );
    assert_eq!(
        found("attribute=user.id=u-2%20db.system.name=sqlite").await,
        "",
        "not of one span"
    );
    assert_eq!(
        found("attribute=db.system.name=sqlite&service=auth&limit=1").await,
        "2"
    );
    assert_eq!(
        found("attribute=db.system.name=sqlite&max_duration=100ms").await,
        "1"
    );
    assert_eq!(found("max_duration=100ms").await, "1");
    assert_eq!(found("max_duration=99ms").await, "");
    assert_eq!(
        lens.ok("/api/traces?attribute=user.id=u-1").await["searched_spans"],
        6
    );
    assert_eq!(lens.ok("/api/traces").await.get("searched_spans"), None);
}

#[tokio::test]
async fn a_search_for_attributes_that_stops_early_says_so_and_goes_on_from_there() {
    let start_ns = a_minute_ago_ns();
    let auth = resource("auth", "a");
    let of_user = |user: &str| json!({"user.id": user}).to_string();
    let wanted = Span {
        attributes: of_user("wanted"),
        ..server_span(&auth, trace_id(1), span_id(1), start_ns)
    };
    let after = (1..=EXAMINED_SPANS).map(|index| Span {
        trace_id: i128::from(index).to_be_bytes(),
        attributes: of_user("other"),
        ..server_span(&auth, trace_id(0), span_id(2), start_ns + index)
    });
    let lens = seeded(std::iter::once(wanted).chain(after).collect()).await;
    let first = lens.ok("/api/traces?attribute=user.id=wanted").await;
    assert_eq!(
        (&first["traces"], &first["searched_spans"]),
        (&json!([]), &json!(EXAMINED_SPANS))
    );
    let since = first["searched_since"].as_str().unwrap();
    let rest = lens
        .ok(&format!(
            "/api/traces?attribute=user.id=wanted&until={since}"
        ))
        .await;
    assert_eq!(rest["traces"][0]["trace_id"], hex(1));
    let page = html(&lens, "/traces?attribute=user.id=wanted").await;
    assert!(
        page.contains("Looked for attributes in 30,000 spans."),
        "{page}"
    );
}

#[tokio::test]
async fn each_dot_is_a_trace_and_failures_are_marked() {
    let start_ns = a_minute_ago_ns();
    let mut failed = login(3, start_ns + 2 * SECOND_NS, 200);
    failed[2].status = 2;
    let lens = seeded(
        [
            login(1, start_ns, 100),
            login(2, start_ns + SECOND_NS, 300),
            failed,
        ]
        .concat(),
    )
    .await;
    let page = html(&lens, "/traces?since=5m").await;
    let dots: Vec<(&str, &str)> = between(&page, "<a class=\"", "data-tip")
        .into_iter()
        .filter(|dot| dot.contains("data-testid=\"dot\""))
        .map(|dot| {
            (
                dot.split('"').next().unwrap(),
                between(dot, "/traces/", "?")[0],
            )
        })
        .collect();
    let ids = [1, 2, 3].map(hex);
    assert_eq!(
        dots,
        [
            ("succeeded", &*ids[0]),
            ("succeeded", &*ids[1]),
            ("failed", &*ids[2])
        ]
    );
    let narrowed = html(&lens, "/traces?since=5m&attribute=user.id=u-2").await;
    assert_eq!(narrowed.matches("data-testid=\"dot\"").count(), 1);
    let none = html(&lens, "/traces?since=5m&service=nobody").await;
    assert!(
        none.contains("No trace in this range matches")
            && none.contains("Show all traces of this range")
    );
}

#[tokio::test]
async fn dots_are_as_few_as_the_chart_can_show_and_each_trace_has_one() {
    let lens = SeededLens::start(sample::half_an_hour()).await;
    let page = html(&lens, "/traces?since=40m").await;
    let mut by_trace = BTreeMap::<&str, usize>::new();
    for dot in between(&page, "data-testid=\"dot\" data-tip data-key=\"", "\"") {
        *by_trace.entry(dot).or_default() += 1;
    }
    assert!(
        (100..2_500).contains(&by_trace.len()),
        "{} dots",
        by_trace.len()
    );
    assert!(by_trace.values().all(|dots| *dots == 1));
}

#[tokio::test]
async fn a_waterfall_tells_self_time_and_the_critical_path_and_folds_by_its_address() {
    let lens = seeded(login(1, a_minute_ago_ns(), 100)).await;
    let trace = format!("/traces/{}", hex(1));
    let page = html(&lens, &trace).await;
    let times = |class| between(&page, &format!("<span class=\"{class}\""), "</span>");
    let text = |cell: &str| cell.rsplit('>').next().unwrap().to_owned();
    assert_eq!(
        times("duration").into_iter().map(text).collect::<Vec<_>>(),
        ["100 ms", "90.0 ms", "80.0 ms"]
    );
    assert_eq!(
        times("self").into_iter().map(text).collect::<Vec<_>>(),
        ["10.0 ms", "10.0 ms", "80.0 ms"]
    );
    let waited = between(&page, "data-testid=\"waited\"", "</ol>")[0];
    assert_eq!(
        between(waited, "<b>", "</b>"),
        ["80.0 %", "10.0 %", "10.0 %"]
    );
    assert_eq!(page.matches(" hidden data-testid=\"span\"").count(), 0);

    let fold = format!("{trace}?fold={}", "01".repeat(8));
    assert!(
        page.contains(&format!("class=\"fold\" href=\"{fold}\"")),
        "the link folds"
    );
    let folded = html(&lens, &fold).await;
    assert_eq!(folded.matches(" hidden data-testid=\"span\"").count(), 2);
    assert!(
        folded.contains(&format!(
            "class=\"fold\" href=\"{trace}\" data-below=\"2\" data-folded"
        )),
        "and unfolds"
    );
    let chosen = html(&lens, &format!("{fold}&span={}", "03".repeat(8))).await;
    assert_eq!(
        chosen.matches(" hidden data-testid=\"span\"").count(),
        0,
        "the span that is asked for is shown"
    );
}

#[tokio::test]
async fn every_span_links_to_its_metric_also_without_a_route() {
    let mut spans = login(1, a_minute_ago_ns(), 100);
    spans[2].http_route = None;
    let lens = seeded(spans).await;
    let page = html(&lens, &format!("/traces/{}", hex(1))).await;
    let links = between(
        &page,
        "<a href=\"/services/auth?at=",
        "data-testid=\"span-metric\"",
    );
    assert_eq!(links.len(), 3, "{page}");
}

#[tokio::test]
async fn a_large_trace_brings_the_details_of_the_span_that_is_asked_for() {
    let start_ns = a_minute_ago_ns();
    let mut spans = login(1, start_ns, 100);
    let leaf = spans[1].clone();
    spans.extend((10..400_u64).map(|id| Span {
        span_id: id.to_be_bytes(),
        name: "again".to_owned(),
        ..leaf.clone()
    }));
    let lens = seeded(spans).await;
    let trace = format!("/traces/{}", hex(1));
    let page = html(&lens, &trace).await;
    assert_eq!(page.matches("data-testid=\"span\"").count(), 393);
    assert_eq!(page.matches("class=\"attributes\"").count(), 0);
    let link = format!("{trace}?span={}", "02".repeat(8));
    assert!(page.contains(&format!("href=\"{link}\"")));
    let chosen = html(&lens, &link).await;
    assert!(
        chosen.contains("db.system.name") && chosen.contains("a \"b\" c").eq(&false),
        "escaped"
    );
    assert!(chosen.contains("a &quot;b&quot; c"));
}

#[tokio::test]
async fn an_attribute_finds_the_traces_that_have_the_same() {
    let mut spans = login(1, a_minute_ago_ns(), 100);
    spans[1].attributes =
        json!({"text": "two words", "list": [1], "share": 0.5, "quoted": "a \"b\""}).to_string();
    let lens = seeded(spans).await;
    let page = html(&lens, &format!("/traces/{}?since=1h", hex(1))).await;
    let links = between(&page, "class=\"find\" href=\"", "\"");
    assert!(
        !links
            .iter()
            .any(|link| link.contains("list") || link.contains("quoted")),
        "{links:?}"
    );
    for wanted in [
        "user.id%3Du-1",
        "text%3D%22two%20words%22",
        "share%3D0.5",
        "host.name%3Dtesthost",
    ] {
        let link = links.iter().find(|link| link.ends_with(wanted));
        let link = link.unwrap_or_else(|| panic!("{wanted}: {links:?}"));
        let found = html(&lens, &link.replace("&amp;", "&")).await;
        assert_eq!(found.matches("data-testid=\"trace\"").count(), 1, "{link}");
    }
}

#[tokio::test]
async fn two_traces_are_compared_by_span_name() {
    let start_ns = a_minute_ago_ns();
    let lens =
        seeded([login(1, start_ns, 100), login(2, start_ns + SECOND_NS, 300)].concat()).await;
    let (a, b) = (hex(1), hex(2));
    // From a trace to the choice of another, and from there to both.
    let trace = html(&lens, &format!("/traces/{a}")).await;
    let choice = format!("/traces?service=auth&route=/login/&compare={a}");
    assert!(trace.contains(&choice.replace('&', "&amp;")), "{trace}");
    let choice = html(&lens, &choice).await;
    let both = format!("/traces/compare?a={a}&b={b}");
    assert_eq!(
        choice.matches(&both.replace('&', "&amp;")).count(),
        2,
        "in the list and as a dot"
    );

    let page = html(&lens, &both).await;
    let rows: Vec<Vec<String>> = between(&page, "data-testid=\"compared\"", "</tr>")
        .into_iter()
        .map(|row| {
            let name = between(row, "span-name\">", "<")[0].to_owned();
            let cells = between(row, "data-label=\"", "</td>").into_iter();
            let cells = cells.map(|cell| cell.rsplit('>').next().unwrap().to_owned());
            std::iter::once(name).chain(cells).collect()
        })
        .collect();
    let row = |cells: &str| cells.split('|').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        rows,
        [
            row("fsync|1|1|80.0 ms|280 ms|+200 ms|80.0 ms|280 ms|+200 ms"),
            row("GET /login/|1|1|100 ms|300 ms|+200 ms|10.0 ms|10.0 ms|0 s"),
            row("SELECT users|1|1|90.0 ms|290 ms|+200 ms|10.0 ms|10.0 ms|0 s"),
        ]
    );
    let verdict = between(&page, "data-testid=\"verdict\">", "</p>")[0];
    assert_eq!(
        verdict,
        "B took <b>200 ms</b> longer, most of it in <b>fsync</b>: +200 ms of its own time."
    );
    let half = html(&lens, &format!("/traces/compare?a={a}")).await;
    assert!(half.contains("Choose the other one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_over_the_dots_is_a_range_of_time_and_of_durations() {
    let lens = SeededLens::start(sample::half_an_hour()).await;
    let origin = lens.origin.clone();
    with_browser(async move |client| {
        client.goto(&format!("{origin}/traces?since=30m&live=off")).await.unwrap();
        // The middle third of the time, the upper half of the durations.
        let draw = "const plot = document.querySelector('.scatter svg.plot'), r = plot.getBoundingClientRect(); \
            const at = (x, y) => ({ bubbles: true, button: 0, pointerType: 'mouse', clientX: r.left + r.width * x, clientY: r.top + Number(plot.dataset.zoom) * y }); \
            plot.dispatchEvent(new PointerEvent('pointerdown', at(1 / 3, 0.5))); plot.dispatchEvent(new PointerEvent('pointermove', at(2 / 3, -0.1))); \
            const { bottomSeconds, topSeconds } = plot.closest('.scatter').dataset; \
            plot.dispatchEvent(new PointerEvent('pointerup', at(2 / 3, -0.1))); return [Number(bottomSeconds), Number(topSeconds)]";
        let ends = client.execute(draw, Vec::new()).await.unwrap();
        let middle = (ends[0].as_f64().unwrap() * ends[1].as_f64().unwrap()).sqrt();
        let asked = client.wait().at_most(std::time::Duration::from_secs(10)).for_element(Locator::Css("a.reset")).await;
        asked.expect("the search is narrowed");
        let params = client.execute("return Object.fromEntries(new URLSearchParams(location.search))", Vec::new()).await.unwrap();
        let min = humantime_ms(params["min_duration"].as_str().unwrap());
        assert!((min / 1e3 / middle - 1.0).abs() < 0.05, "{params}, middle {middle}");
        assert_eq!(params.get("max_duration"), None, "it reached the edge");
        let length = "const p = new URLSearchParams(location.search); return (Date.parse(p.get('until')) - Date.parse(p.get('since'))) / 60000";
        let minutes = client.execute(length, Vec::new()).await.unwrap().as_f64().unwrap();
        assert!((minutes - 10.0).abs() < 0.2, "{minutes}");
        assert_eq!(console(&client).await.unwrap(), [""; 0]);
    })
    .await;
}

fn humantime_ms(text: &str) -> f64 {
    match text.strip_suffix("ms") {
        Some(ms) => ms.parse().unwrap(),
        None => text.strip_suffix("us").unwrap().parse::<f64>().unwrap() / 1e3,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_move_fold_and_open_spans_and_the_address_follows() {
    let mut spans = login(1, a_minute_ago_ns(), 100);
    spans[1].status = 2;
    let lens = seeded(spans).await;
    let origin = lens.origin.clone();
    with_browser(async move |client| {
        let trace = format!("/traces/{}", hex(1));
        client.goto(&format!("{origin}{trace}")).await.unwrap();
        let press = async |key: &str| -> Value {
            let script = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: arguments[0], bubbles: true })); \
                const shown = [...document.querySelectorAll('details.span')].filter((row) => !row.hidden); \
                return [shown.length, shown.indexOf(document.activeElement.closest('details')), location.search]";
            client.execute(script, vec![json!(key)]).await.unwrap()
        };
        let id = |digit: &str| digit.repeat(8);
        assert_eq!(press("ArrowDown").await, json!([3, 0, ""]));
        assert_eq!(press("ArrowDown").await, json!([3, 1, ""]));
        assert_eq!(press("ArrowLeft").await, json!([2, 1, format!("?fold={}", id("02"))]));
        assert_eq!(press("ArrowLeft").await, json!([2, 0, format!("?fold={}", id("02"))]), "to the parent");
        assert_eq!(press("ArrowLeft").await, json!([1, 0, format!("?fold={},{}", id("01"), id("02"))]));
        assert_eq!(press("ArrowRight").await, json!([2, 0, format!("?fold={}", id("02"))]));
        assert_eq!(press("ArrowRight").await, json!([2, 1, format!("?fold={}", id("02"))]), "to the first child");
        assert_eq!(press("ArrowRight").await, json!([3, 1, ""]));
        assert_eq!(press("e").await, json!([3, 2, ""]), "to the failed one");

        // What is opened is what the address names.
        client.find(Locator::Css(&format!("#span-{} summary", id("03")))).await.unwrap().click().await.unwrap();
        let search = "return location.search";
        for _ in 0..50 {
            if client.execute(search, Vec::new()).await.unwrap() != "" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert_eq!(client.execute(search, Vec::new()).await.unwrap(), json!(format!("?span={}", id("03"))));
        assert_eq!(console(&client).await.unwrap(), [""; 0]);
    })
    .await;
}
