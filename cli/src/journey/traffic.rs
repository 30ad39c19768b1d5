//! Light traffic for `trivium up --traffic`: some users with a little of everything, so that every page has something to show.
//!
//! About seven requests per second. It is bounded by the number of users, each waiting for its answer, so a slow app
//! gets fewer requests. Sign-ups and logins are rare, since each costs the app a password hash. Nothing is reported.

use std::convert::Infallible;

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    Client,
    user::{Journey, User, between},
};

const USERS: usize = 7;
/// The pause after each request, drawn evenly.
const PAUSE_SECONDS: (f64, f64) = (0.5, 1.5);
/// Requests of a user between two logins.
const REQUESTS_PER_SESSION: usize = 40;
/// Sessions of one account, before a new one signs up.
const SESSIONS_PER_ACCOUNT: usize = 10;

/// Runs until it is dropped.
pub(crate) async fn run(client: Client) -> Infallible {
    let mut users = JoinSet::new();
    for _ in 0..USERS {
        users.spawn(live(client.clone()));
    }
    while users.join_next().await.is_some() {}
    std::future::pending().await
}

async fn live(client: Client) -> Infallible {
    loop {
        let mut user = User::new(client.clone(), Journey::Account);
        pause().await;
        user.sign_up().await;
        for _ in 0..SESSIONS_PER_ACCOUNT {
            user.log_in().await;
            for _ in 0..REQUESTS_PER_SESSION {
                pause().await;
                request(&client, &mut user).await;
            }
        }
    }
}

/// Mostly the profile; now and then what goes wrong in real life: a wrong password, an invalid body, an unknown path.
async fn request(client: &Client, user: &mut User) {
    match fastrand::u8(..100) {
        0..2 => {
            let mut credentials = user.credentials();
            credentials["password"] = json!("not the password");
            client
                .send(Method::POST, "/login/", Some(&credentials), None)
                .await;
        }
        2..5 => {
            let invalid = json!({ "email": "not an address" });
            client
                .send(Method::POST, "/signup/", Some(&invalid), None)
                .await;
        }
        5..8 => {
            let unknown = format!("/unknown/{}", fastrand::u32(..));
            client.send(Method::GET, &unknown, None, None).await;
        }
        8..14 => {
            client.send(Method::GET, "/", None, None).await;
        }
        _ => {
            user.profile().await;
        }
    }
}

async fn pause() {
    tokio::time::sleep(between(PAUSE_SECONDS.0, PAUSE_SECONDS.1)).await;
}
