//! A user of the app, who knows the trace id of each request that was sent.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) url: String,
    client: reqwest::Client,
}

/// One request, as its sender knows it. `route`: the template it should be counted under, `None` where there is none.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) trace_id: String,
    pub(crate) method: &'static str,
    pub(crate) route: Option<&'static str>,
    pub(crate) status: u16,
}

pub(crate) const PASSWORD: &str = "canary-pass-7391";

impl App {
    pub(crate) fn at(url: String) -> Self {
        Self {
            url,
            client: reqwest::Client::new(),
        }
    }

    /// Sends one request in a trace of its own and reads the whole answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (Sent, Value) {
        let trace_id = format!("{:032x}", fastrand::u128(1..));
        let span_id = fastrand::u64(1..);
        let mut request = self
            .client
            .request(method.clone(), format!("{}{path}", self.url))
            .header("traceparent", format!("00-{trace_id}-{span_id:016x}-01"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let answer = response.json().await.unwrap_or_default();
        let route = match path {
            "/" => Some("/"),
            "/signup/" => Some("/signup/"),
            "/login/" => Some("/login/"),
            "/users/me/" => Some("/users/me/"),
            _ => None,
        };
        let method = if method == Method::GET { "GET" } else { "POST" };
        let sent = Sent {
            trace_id,
            method,
            route,
            status,
        };
        (sent, answer)
    }

    pub(crate) async fn get(&self, path: &str) -> Sent {
        self.send(Method::GET, path, None, None).await.0
    }

    /// Signs up, fails to log in once, logs in, and looks at itself `looks` times: 3 + `looks` requests.
    pub(crate) async fn journey(&self, email: &str, looks: usize) -> Journey {
        let account = json!({"email": email, "password": PASSWORD});
        let wrong = json!({"email": email, "password": "not the password"});
        let mut sent = Vec::new();

        let (signup, _) = self
            .send(Method::POST, "/signup/", None, Some(account.clone()))
            .await;
        assert_eq!(signup.status, StatusCode::CREATED.as_u16());
        let (refused, _) = self.send(Method::POST, "/login/", None, Some(wrong)).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED.as_u16());
        let (login, answer) = self
            .send(Method::POST, "/login/", None, Some(account))
            .await;
        assert_eq!(login.status, StatusCode::OK.as_u16());
        sent.extend([signup, refused, login]);

        let secret = |name: &str| answer[name].as_str().unwrap().to_owned();
        let (token, refresh_token) = (secret("access_token"), secret("refresh_token"));
        for _ in 0..looks {
            let (me, answer) = self
                .send(Method::GET, "/users/me/", Some(&token), None)
                .await;
            assert_eq!(me.status, StatusCode::OK.as_u16());
            assert_eq!(answer["email"], email);
            sent.push(me);
        }
        Journey {
            sent,
            token,
            refresh_token,
        }
    }
}

pub(crate) struct Journey {
    pub(crate) sent: Vec<Sent>,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
}
