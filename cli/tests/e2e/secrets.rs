//! What must not be in any signal is not in the bytes that lens stored.

use crate::{client::PASSWORD, stack::Stack};

#[tokio::test(flavor = "multi_thread")]
async fn no_address_password_or_token_reaches_the_store() {
    let Some(mut stack) = Stack::start(1).await else {
        return;
    };
    let email = "canary-mail-5520@example.com";
    let journey = stack.app(0).journey(email, 3).await;
    let last = journey.sent.last().unwrap();
    stack.lens.assert_observed(last).await;
    stack.lens.wait_for_count(journey.sent.len() + 1).await;
    stack.stop_apps().await;
    stack.stop_otelcol().await;
    stack.stop_lens().await;

    let stored = std::fs::read(stack.database()).unwrap();
    let holds = |text: &str| {
        stored
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(holds("auth.login.succeeded"), "the logs are in this file");
    let signature = journey.token.rsplit('.').next().unwrap();
    for secret in [
        email,
        "canary-mail",
        PASSWORD,
        &journey.token,
        &journey.refresh_token,
        signature,
        "$2b$",
    ] {
        assert!(!holds(secret), "{secret} is in the store");
    }
}
