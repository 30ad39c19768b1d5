//! Requests without end: some well, some slow, some that fail, and wrong passwords.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use crate::client::App;

/// Each waits for its answer, which the app's faults make slow.
const FRONT_PAGE_READERS: usize = 10;

/// For an app with faults: of about 60 requests a second a quarter is slow, a tenth fails, a quarter brings a wrong password.
/// Ends when what it returns is dropped.
pub(crate) fn of_trouble(app_url: &str) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let client = reqwest::Client::new();
    let front_page = client.get(app_url);
    for _ in 0..FRONT_PAGE_READERS {
        tasks.spawn(again_and_again(
            front_page.try_clone().unwrap(),
            Duration::ZERO,
        ));
    }
    let profile = client.get(format!("{app_url}/users/me/"));
    tasks.spawn(again_and_again(profile, Duration::from_millis(80)));
    let guess = json!({"email": "victim@example.com", "password": "password"});
    let login = client.post(format!("{app_url}/login/")).json(&guess);
    tasks.spawn(again_and_again(login, Duration::from_millis(60)));
    tasks
}

/// Users who sign up, mistype the password once, log in, and look at their account ten times.
pub(crate) fn of_users(app_url: &str) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let app = App::at(app_url.to_owned());
    tasks.spawn(async move {
        for number in 0.. {
            app.journey(&format!("user{number}@example.com"), 10).await;
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
    });
    tasks
}

/// Until the app is stopped.
async fn again_and_again(request: reqwest::RequestBuilder, pause: Duration) {
    while request.try_clone().unwrap().send().await.is_ok() {
        tokio::time::sleep(pause).await;
    }
}
