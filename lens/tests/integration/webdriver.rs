//! A headless Chromium for tests: chromedriver on a free port and a browser with its own empty profile, both gone when the
//! test ends, also when it fails. Nothing else of this crate is used here, so other crates may include this file.

use std::future::Future;
use std::process::Stdio;

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, error::CmdError};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Runs `test` with a browser. Without chromedriver on the PATH it fails under `CI=true`, and elsewhere says that it skips.
pub(crate) async fn with_browser<F, T>(test: F)
where
    F: FnOnce(Client) -> T,
    T: Future<Output = ()> + Send + 'static,
{
    let Some((mut driver, address)) = start_driver().await else {
        let is_required = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(
            !is_required,
            "chromedriver is not on the PATH; install it with Chromium (Debian: chromium-driver)"
        );
        eprintln!("skipped: chromedriver is not on the PATH");
        return;
    };
    let profile = tempfile::tempdir().expect("a temporary folder");
    let capabilities = json!({
        "goog:loggingPrefs": {"browser": "ALL"},
        "goog:chromeOptions": {"args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--window-size=1280,1000", format!("--user-data-dir={}", profile.path().display()),
        ]},
    });
    let Value::Object(capabilities) = capabilities else {
        unreachable!("an object, as written above")
    };
    let client = ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(&address)
        .await
        .expect("chromedriver starts a browser");
    // In a task of its own, so that a panic in it ends the browser too.
    let outcome = tokio::spawn(test(client.clone())).await;
    client.close().await.expect("the browser closes");
    driver.kill().await.expect("chromedriver ends");
    if let Err(failed) = outcome {
        std::panic::resume_unwind(failed.into_panic());
    }
}

/// chromedriver and its address; none where it is not installed.
async fn start_driver() -> Option<(Child, String)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let mut lines = BufReader::new(driver.stdout.take().expect("piped above")).lines();
    let port: u16 = loop {
        let line = lines
            .next_line()
            .await
            .expect("chromedriver's output is text");
        let line = line.expect("chromedriver says its port before it ends");
        // "ChromeDriver was started successfully on port 45123."
        let port = line.strip_prefix("ChromeDriver was started successfully on port ");
        if let Some(port) = port.and_then(|port| port.trim_end_matches('.').parse().ok()) {
            break port;
        }
    };
    // Reads on, or chromedriver would stop at a full pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Some((driver, format!("http://127.0.0.1:{port}")))
}

/// What the pages wrote to the console since the last call, errors of the network and of the security policy included.
pub(crate) async fn console(client: &Client) -> Result<Vec<String>, CmdError> {
    let entries = client.issue_cmd(ConsoleLog).await?;
    Ok(entries
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| entry["message"].to_string())
        .collect())
}

/// Addresses of everything that the current page loaded.
pub(crate) async fn loaded(client: &Client) -> Result<Vec<String>, CmdError> {
    let script = "return performance.getEntriesByType('resource').map(entry => entry.name)";
    let names = client.execute(script, Vec::new()).await?;
    Ok(names
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect())
}

/// Chromium's own command; the standard has none for this.
#[derive(Debug)]
struct ConsoleLog;

impl WebDriverCompatibleCommand for ConsoleLog {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (
            http::Method::POST,
            Some(json!({"type": "browser"}).to_string()),
        )
    }
}
