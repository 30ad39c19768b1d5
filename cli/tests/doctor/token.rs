//! A lens that wants a token.

use crate::stack::{HOPS, Stack};

#[tokio::test(flavor = "multi_thread")]
async fn a_lens_that_wants_a_token_is_asked_with_the_one_given_and_else_the_option_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "a/token+of=lens%:@").unwrap();
    let stack = Stack::start_with_token(&["backends/lens.yaml"], Some(&token), |_, _, _| {}).await;
    let Some(stack) = stack else { return };
    let app = stack.app("guarded", |_| {}).await;
    let option = ["--lens-token-file", token.to_str().unwrap()];
    stack.examine(&app, &option).await.assert_well(&HOPS);

    let report = stack.examine(&app, &[]).await;
    report.assert_broken("metric", 15, "--lens-token-file");
    assert!(!report.json.to_string().contains("token+of"));
}
