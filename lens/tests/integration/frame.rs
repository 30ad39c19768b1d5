//! The frame of the pages in headless Chromium: keys, search, time, theme, what live mode keeps, and accessibility.

use std::time::Duration;

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use trivium_lens::model::{Batch, LogRecord, Span};

use crate::axe;
use crate::sample;
use crate::seed::{SeededLens, log_record, resource, server_span, span_id, trace_id};
use crate::webdriver::{console, with_browser};

/// Every page, as the sample fills it.
const PAGES: [&str; 18] = [
    "/?since=30m",
    "/services?since=30m",
    "/services/auth?since=30m",
    "/services/gateway?since=30m",
    "/services/nobody",
    "/search?q=a",
    "/traces?since=30m",
    "/traces?since=30m&status=5xx&compare=0af7651916cd43dd8448eb211c80319c",
    "/traces?attribute=a=b&route=/nowhere",
    "/traces/compare",
    "/logs?since=30m",
    "/logs?since=30m&service=auth&severity=WARN&q=a",
    "/metrics?since=30m",
    "/metrics/http_server_request_duration_seconds?since=30m&by=http_route",
    "/pipeline?since=30m",
    "/hosts?since=30m",
    "/containers?since=30m",
    "/no/such/page",
];

async fn press(client: &Client, keys: &str) {
    let actions = keys
        .chars()
        .fold(KeyActions::new("keyboard".to_owned()), |actions, value| {
            actions
                .then(KeyAction::Down { value })
                .then(KeyAction::Up { value })
        });
    client.perform_actions(actions).await.unwrap();
}

async fn run(client: &Client, script: &str) -> Value {
    client.execute(script, Vec::new()).await.unwrap()
}

/// Waits until the script returns `wanted`.
async fn until(client: &Client, script: &str, wanted: &Value) {
    let mut got = Value::Null;
    for _ in 0..100 {
        // A page that is being left answers nothing.
        if let Ok(value) = client.execute(script, Vec::new()).await {
            got = value;
            if got == *wanted {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{script}: {got}, not {wanted}");
}

/// Of a page that is loaded.
const ADDRESS: &str =
    "return document.readyState === 'complete' && location.pathname + location.search";

fn now_ns() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap()
}

/// A trace of `auth` and a log record, a minute ago.
fn a_little() -> Batch {
    let auth = resource("auth", "a");
    let start_ns = now_ns() - 60_000_000_000;
    Batch {
        spans: vec![server_span(&auth, trace_id(0x11), span_id(0x22), start_ns)],
        logs: vec![log_record(&auth, start_ns, "the needle")],
        ..Batch::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_search_and_sections_keep_the_range() {
    let lens = SeededLens::start(a_little()).await;
    let origin = lens.origin.clone();
    with_browser(async move |client| {
        client
            .goto(&format!("{origin}/?since=1h&live=off"))
            .await
            .unwrap();
        press(&client, "gl").await;
        until(&client, ADDRESS, &json!("/logs?since=1h&live=off")).await;
        press(&client, "gs").await;
        until(&client, ADDRESS, &json!("/services?since=1h&live=off")).await;

        // A name opens its page, a trace id its trace, any other text the logs that contain it.
        let trace = "11".repeat(16);
        for (text, path) in [
            ("auth", "/services/auth?since=1h&live=off".to_owned()),
            (&trace, format!("/traces/{trace}?since=1h&live=off")),
            ("needle", "/logs?since=1h&live=off&q=needle".to_owned()),
        ] {
            press(&client, "/").await;
            let is_focused = "return document.activeElement.matches('.search input')";
            until(&client, is_focused, &json!(true)).await;
            press(&client, text).await;
            press(&client, "\u{e007}").await;
            until(&client, ADDRESS, &json!(path)).await;
        }

        // Part of a name lists what it may be.
        client
            .goto(&format!("{origin}/search?q=aut&since=1h"))
            .await
            .unwrap();
        let found = "return [...document.querySelectorAll('.found a')].map((link) => link.getAttribute('href'))";
        assert_eq!(
            run(&client, found).await,
            json!(["/services/auth?since=1h", "/logs?since=1h&q=aut"])
        );

        // Time: a usual range, then an exact one.
        press(&client, "t").await;
        let is_open = "return document.querySelector('.time').open";
        until(&client, is_open, &json!(true)).await;
        press(&client, "\u{e00c}").await;
        until(&client, is_open, &json!(false)).await;
        run(&client, "document.querySelector('.time').open = true; document.querySelector('.quick a').click()").await;
        until(&client, ADDRESS, &json!("/search?q=aut&since=5m")).await;
        let exact = "const form = document.querySelectorAll('.panel form')[1]; \
            form.elements.since.value = '2026-11-24T08:00:00'; form.elements.until.value = '2026-11-24T09:30:00'; form.submit()";
        run(&client, exact).await;
        let range = "const p = new URLSearchParams(location.search); return [p.get('q'), p.get('since'), p.get('until')]";
        let wanted = json!(["aut", "2026-11-24T08:00", "2026-11-24T09:30"]);
        until(&client, range, &wanted).await;

        press(&client, "?").await;
        until(&client, "return document.getElementById('keys').open", &json!(true)).await;
        assert_eq!(console(&client).await.unwrap(), [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_theme_that_was_chosen_stays() {
    let lens = SeededLens::start(a_little()).await;
    let origin = lens.origin.clone();
    with_browser(async move |client| {
        let ground = "return getComputedStyle(document.body).backgroundColor";
        client.goto(&format!("{origin}/")).await.unwrap();
        let before = run(&client, ground).await;
        press(&client, "d").await;
        let chosen = run(&client, "return document.documentElement.dataset.theme").await;
        let after = run(&client, ground).await;
        assert_ne!(before, after);
        client.goto(&format!("{origin}/logs")).await.unwrap();
        assert_eq!(
            run(&client, "return document.documentElement.dataset.theme").await,
            chosen
        );
        assert_eq!(run(&client, ground).await, after);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_narrow_screen_the_section_of_the_page_is_in_sight() {
    let lens = SeededLens::start(a_little()).await;
    let origin = lens.origin.clone();
    with_browser(async move |client| {
        client.set_window_size(400, 900).await.unwrap();
        client.goto(&format!("{origin}/containers")).await.unwrap();
        let script = "const current = document.querySelector('.sections a[aria-current]'); \
                      const sight = current.parentElement.getBoundingClientRect(); \
                      const its = current.getBoundingClientRect(); \
                      return its.left >= sight.left && its.right <= sight.right + 1";
        until(&client, script, &true.into()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_colour_of_each_level_is_that_of_its_bars() {
    let lens = SeededLens::start(Batch::default()).await;
    let resource = resource("auth", "a");
    let logs = [9, 13, 17].map(|severity| LogRecord {
        severity,
        ..log_record(&resource, now_ns(), "a line")
    });
    let batch = Batch {
        logs: logs.into(),
        ..Batch::default()
    };
    lens.store.write(batch).await.unwrap();
    let origin = lens.origin.clone();
    with_browser(async move |client| {
        client.goto(&format!("{origin}/logs")).await.unwrap();
        for level in ["info", "warn", "error"] {
            let colour = |what: &str, of: &str| {
                format!(
                    "return getComputedStyle(document.querySelector('{what}.bar.{level}')).{of}"
                )
            };
            let bar = run(&client, &colour("rect", "fill")).await;
            assert_eq!(
                run(&client, &colour(".swatch", "backgroundColor")).await,
                bar
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_mode_keeps_elements_focus_scroll_and_what_is_unfolded() {
    let lens = SeededLens::start(a_little()).await;
    let (origin, store) = (lens.origin.clone(), lens.store.clone());
    with_browser(async move |client| {
        client.goto(&format!("{origin}/logs")).await.unwrap();
        run(
            &client,
            "const log = document.querySelector('.log'); log.open = true; log.querySelector('summary').focus(); \
             document.body.style.minHeight = '3000px'; scrollTo(0, 40); \
             window.kept = { log, focused: document.activeElement };",
        )
        .await;
        let auth = resource("auth", "a");
        let newer = log_record(&auth, now_ns() - 1_000_000_000, "a newer one");
        store
            .write(Batch {
                logs: vec![newer],
                ..Batch::default()
            })
            .await
            .unwrap();
        let shown = "return document.querySelectorAll('.log').length";
        until(&client, shown, &json!(2)).await;
        let kept = "return [window.kept.focused === document.activeElement, scrollY, [...document.querySelectorAll('.log[open] .text')].map((text) => text.innerText)]";
        assert_eq!(
            run(&client, kept).await,
            json!([true, 40, ["the needle"]])
        );

        // Whoever marks text is not disturbed; what arrives meanwhile shows afterwards.
        run(&client, "getSelection().selectAllChildren(document.querySelector('.log .text'))").await;
        let is_held = "return document.querySelector('.live').classList.contains('held')";
        until(&client, is_held, &json!(true)).await;
        let newest = log_record(&auth, now_ns() - 500_000_000, "the newest");
        store
            .write(Batch {
                logs: vec![newest],
                ..Batch::default()
            })
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert_eq!(run(&client, shown).await, json!(2));
        run(&client, "getSelection().removeAllRanges()").await;
        until(&client, shown, &json!(3)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dragging_over_a_chart_shows_that_time_only() {
    let lens = SeededLens::start(sample::half_an_hour()).await;
    let origin = lens.origin.clone();
    with_browser(async move |client| {
        client
            .goto(&format!("{origin}/services/auth?since=30m&live=off"))
            .await
            .unwrap();
        client.find(Locator::Css("svg.plot")).await.unwrap();
        // A third to two thirds of the width.
        let drag = "const plot = document.querySelectorAll('svg.plot')[1], box = plot.getBoundingClientRect(); \
            const at = (share) => ({ bubbles: true, button: 0, pointerType: 'mouse', clientX: box.left + box.width * share, clientY: box.top + 20 }); \
            const { sinceMs, untilMs } = plot.dataset; \
            plot.dispatchEvent(new PointerEvent('pointerdown', at(1 / 3))); plot.dispatchEvent(new PointerEvent('pointermove', at(2 / 3))); \
            plot.dispatchEvent(new PointerEvent('pointerup', at(2 / 3))); return [Number(sinceMs), Number(untilMs)]";
        let range = run(&client, drag).await;
        let (since, until_ms) = (range[0].as_f64().unwrap(), range[1].as_f64().unwrap());
        let length = until_ms - since;
        until(&client, "return new URLSearchParams(location.search).has('until')", &json!(true)).await;
        let got = run(&client, "const p = new URLSearchParams(location.search); return [Date.parse(p.get('since')), Date.parse(p.get('until'))]").await;
        let near = |got: &Value, wanted: f64| (got.as_f64().unwrap() - wanted).abs() < length / 100.0;
        assert!(near(&got[0], since + length / 3.0), "{got} of {range}");
        assert!(near(&got[1], since + length * 2.0 / 3.0), "{got} of {range}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_accessible_in_both_themes_wide_and_narrow() {
    let Some(script) = axe::script() else { return };
    let batch = sample::half_an_hour();
    let trace = batch.spans.last().map(trace_path).unwrap();
    let [first, last] =
        [batch.spans.first(), batch.spans.last()].map(|span| trace_hex(span.unwrap()));
    let compare = format!("/traces/compare?a={first}&b={last}");
    let lens = SeededLens::start(batch).await;
    let empty = SeededLens::start(Batch::default()).await;
    let log: i64 = sqlx::query_scalar("SELECT max(id) FROM logs")
        .fetch_one(lens.store.readers())
        .await
        .unwrap();
    let addresses: Vec<String> = PAGES
        .iter()
        .map(|page| format!("{}{page}", lens.origin))
        .chain([
            format!("{}{trace}", lens.origin),
            format!("{}{compare}", lens.origin),
            format!("{}/logs/{log}", lens.origin),
            format!("{}/logs/{log}?limit=2", lens.origin),
        ])
        .chain(
            [
                "/",
                "/services",
                "/traces",
                "/logs",
                "/metrics",
                "/pipeline",
                "/hosts",
                "/containers",
            ]
            .map(|page| format!("{}{page}", empty.origin)),
        )
        .collect();
    with_browser(async move |client| {
        for (width, theme) in [(1280, "light"), (1280, "dark"), (400, "light"), (400, "dark")] {
            client.set_window_size(width, 1000).await.unwrap();
            for address in &addresses {
                client.goto(address).await.unwrap();
                run(&client, &format!("localStorage.setItem('theme', '{theme}'); document.documentElement.dataset.theme = '{theme}'")).await;
                axe::assert_accessible(&client, &script, &format!("{address} {theme} {width}")).await;
                let overflow = "return document.documentElement.scrollWidth - innerWidth";
                assert!(run(&client, overflow).await.as_f64().unwrap() <= 0.0, "{address} at {width} is wider than the window");
            }
        }
    })
    .await;
}

fn trace_path(span: &Span) -> String {
    format!("/traces/{}", trace_hex(span))
}

fn trace_hex(span: &Span) -> String {
    let bytes = span.trace_id.iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}
