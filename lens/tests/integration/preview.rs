//! The page with sample data, to look at while working on it:
//! `cargo test -p trivium-lens --test integration preview -- --ignored --nocapture`

use crate::sample;
use crate::seed::SeededLens;

#[tokio::test]
#[ignore = "serves until Ctrl-C"]
async fn preview() {
    let lens = SeededLens::start(sample::half_an_hour()).await;
    eprintln!("{}", lens.origin);
    tokio::signal::ctrl_c().await.expect("a signal handler");
}
