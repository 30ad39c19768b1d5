//! The tour of the README, by real clicks on live data. With `TRIVIUM_PICTURES=1` it makes the README's pictures.

use std::time::Duration;

use fantoccini::{
    Client, Locator,
    actions::{InputSource, MouseActions, PointerAction},
    elements::Element,
};

use crate::{
    client::App,
    root,
    stack::Stack,
    webdriver::{console, loaded, with_browser},
};

const DEADLINE: Duration = Duration::from_secs(20);

const PAUSE_MS: std::ops::Range<u64> = 200..4000;

pub(crate) fn makes_pictures() -> bool {
    std::env::var("TRIVIUM_PICTURES").is_ok_and(|value| value == "1")
}

/// Several users at once, some of whom mistype; for as long as a picture needs to show a history.
async fn traffic(app: &App) {
    let (users, rounds) = if makes_pictures() { (3, 120) } else { (3, 2) };
    let users = (0..users).map(|user| {
        let app = app.clone();
        tokio::spawn(async move {
            for round in 0..rounds {
                let email = format!("user{user}.{round}@example.com");
                let looks = fastrand::usize(4..12);
                app.journey(&email, looks).await;
                app.get("/").await;
                app.get("/no/such/page").await;
                tokio::time::sleep(Duration::from_millis(fastrand::u64(PAUSE_MS))).await;
            }
        })
    });
    for user in users.collect::<Vec<_>>() {
        user.await.unwrap();
    }
}

pub(crate) async fn find(client: &Client, selector: &str) -> fantoccini::elements::Element {
    let element = client
        .wait()
        .at_most(DEADLINE)
        .for_element(Locator::Css(selector));
    element
        .await
        .unwrap_or_else(|error| panic!("{selector}: {error}"))
}

/// The page that is looked at may be renewed between finding and clicking: then once more.
pub(crate) async fn click(client: &Client, selector: &str) {
    let first = find(client, selector).await.click().await;
    if first.is_err() {
        find(client, selector).await.click().await.unwrap();
    }
}

/// Of several that overlap, the last one lies on top.
async fn click_topmost(client: &Client, selector: &str) {
    let top = client.find_all(Locator::Css(selector)).await.unwrap();
    top.last().unwrap().click().await.unwrap();
}

/// The place in the document of the highest exemplar that no other one covers.
const SLOWEST: &str = r#"
    const dots = [...document.querySelectorAll("[data-testid=exemplar]")];
    const middle = (dot) => {
        const box = dot.getBoundingClientRect();
        return [box.left + box.width / 2, box.top + box.height / 2];
    };
    const bare = dots.filter((dot) => dot.contains(document.elementFromPoint(...middle(dot))));
    bare.sort((one, other) => middle(one)[1] - middle(other)[1]);
    return dots.indexOf(bare[0]);
"#;

/// Moves the pointer to the slowest exemplar of the page.
async fn point_at_slowest(client: &Client) -> Element {
    let place = client.execute(SLOWEST, Vec::new()).await.unwrap();
    let place = usize::try_from(place.as_u64().unwrap()).unwrap();
    let dots = client
        .find_all(Locator::Css("[data-testid=exemplar]"))
        .await;
    let dot = dots.unwrap()[place].clone();
    let to = PointerAction::MoveToElement {
        element: dot.clone(),
        duration: None,
        x: 0.0,
        y: 0.0,
    };
    let mouse = MouseActions::new("mouse".to_owned()).then(to);
    client.perform_actions(mouse).await.unwrap();
    dot
}

async fn count(client: &Client, selector: &str) -> usize {
    client.find_all(Locator::Css(selector)).await.unwrap().len()
}

pub(crate) async fn picture(client: &Client, name: &str) {
    if makes_pictures() {
        let png = client.screenshot().await.unwrap();
        std::fs::write(root().join("docs").join(name), png).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_dot_to_its_trace_to_its_logs_and_back_to_the_metric() {
    let Some(stack) = Stack::start_with(1, if makes_pictures() { 10 } else { 4 }).await else {
        return;
    };
    traffic(stack.app(0)).await;
    let first = stack.app(0).journey("tour@example.com", 5).await;
    stack.lens.assert_observed(first.sent.last().unwrap()).await;

    let lens = stack.lens.clone();
    with_browser(async move |client| {
        let range = if makes_pictures() { "?since=5m" } else { "" };
        client.goto(&lens.url(&format!("/{range}"))).await.unwrap();
        find(&client, "[data-testid=service]").await;
        picture(&client, "overview.png").await;

        let pipeline = lens.url(&format!("/pipeline{range}"));
        client.goto(&pipeline).await.unwrap();
        find(&client, "h1").await;
        picture(&client, "pipeline.png").await;

        let service = lens.url(&format!("/services/auth{range}"));
        client.goto(&service).await.unwrap();
        find(&client, "[data-testid=exemplar]").await;
        let dot = point_at_slowest(&client).await;
        let opens = dot.attr("data-trace-id").await.unwrap().unwrap();
        let tooltip = find(&client, ".tooltip").await.text().await.unwrap();
        assert!(tooltip.ends_with(&format!("trace {opens}")), "{tooltip}");
        picture(&client, "service.png").await;

        let logins = lens.url("/services/auth?route=/login/");
        client.goto(&logins).await.unwrap();

        // Dot → trace: the dot's span is marked, and it is the trace's server span.
        find(&client, "[data-testid=exemplar]").await;
        click_topmost(&client, "[data-testid=exemplar]").await;
        let trace_id = find(&client, "[data-testid=trace-id]").await;
        let trace_id = trace_id.text().await.unwrap();
        let chosen = find(&client, ".span.chosen").await;
        let chosen = chosen.attr("data-span-id").await.unwrap().unwrap();
        let root = lens.root(&trace_id).await.unwrap();
        assert_eq!(root["span_id"], chosen.as_str());
        picture(&client, "trace.png").await;

        // Trace → its logs: as many as the API has.
        let stored = crate::until("the trace's logs", || async {
            let logs = lens.logs(&trace_id).await;
            (!logs.is_empty()).then_some(logs.len())
        })
        .await;
        // The page opened at the dot's span; the link to all logs is at its top, which may be under the header.
        client.execute("scrollTo(0, 0)", Vec::new()).await.unwrap();
        click(&client, "[data-testid=trace-logs]").await;
        find(&client, "[data-testid=log]").await;
        assert_eq!(count(&client, "[data-testid=log]").await, stored);
        picture(&client, "logs.png").await;

        // Log → its trace.
        click(&client, "[data-testid=log-trace]").await;
        let back = find(&client, "[data-testid=trace-id]").await;
        assert_eq!(back.text().await.unwrap(), trace_id);

        // Span → its own logs.
        let logs = format!("[data-span-id='{chosen}'] [data-testid=span-logs]");
        click(&client, &logs).await;
        find(&client, "[data-testid=log]").await;
        let url = client.current_url().await.unwrap();
        assert!(url.query().unwrap().contains(&chosen), "{url}");
        client.back().await.unwrap();

        // Span → the metric of its route at that time.
        let metric = format!("[data-span-id='{chosen}'] [data-testid=span-metric]");
        click(&client, &metric).await;
        find(&client, "[data-testid=marked]").await;
        let url = client.current_url().await.unwrap();
        assert_eq!(url.path(), "/services/auth");
        assert!(count(&client, "[data-testid=exemplar]").await > 0);

        let origin = lens.url("/");
        for url in loaded(&client).await.unwrap() {
            assert!(url.starts_with(&origin), "{url} was loaded");
        }
        assert_eq!(console(&client).await.unwrap(), [""; 0]);
    })
    .await;
}
