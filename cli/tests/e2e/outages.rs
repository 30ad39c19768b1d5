//! A part goes away for a minute under load, and comes back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    client::{App, Sent},
    stack::Stack,
};

const OUTAGE: Duration = Duration::from_secs(60);
const PAUSE_BETWEEN_REQUESTS: Duration = Duration::from_millis(50);

/// Requests one after the other, until told to stop.
struct Load {
    is_over: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Vec<Sent>>,
}

impl Load {
    fn start(app: App) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&is_over);
        let task = tokio::spawn(async move {
            let mut sent = Vec::new();
            while !until.load(Ordering::Relaxed) {
                let started = Instant::now();
                sent.push(app.get("/").await);
                assert!(
                    started.elapsed() < Duration::from_secs(2),
                    "the app waited for telemetry"
                );
                tokio::time::sleep(PAUSE_BETWEEN_REQUESTS).await;
            }
            sent
        });
        Self { is_over, task }
    }

    async fn stop(self) -> Vec<Sent> {
        self.is_over.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_collector_the_app_serves_on_and_the_counts_are_right_after() {
    let Some(mut stack) = Stack::start(1).await else {
        return;
    };
    let load = Load::start(stack.app(0).clone());
    stack.stop_otelcol().await;
    tokio::time::sleep(OUTAGE).await;
    stack.start_otelcol().await;
    let sent = load.stop().await;
    assert!(sent.iter().all(|request| request.status == 200));
    stack.lens.wait_for_count(sent.len() + 1).await;
    // The app's queue holds more than a minute of this load: nothing was dropped either.
    for request in &sent {
        stack.lens.assert_observed(request).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_lens_no_span_and_no_log_is_lost() {
    let Some(mut stack) = Stack::start(1).await else {
        return;
    };
    let load = Load::start(stack.app(0).clone());
    stack.stop_lens().await;
    tokio::time::sleep(OUTAGE).await;
    stack.start_lens().await;
    let sent = load.stop().await;
    stack.lens.wait_for_count(sent.len() + 1).await;
    for request in &sent {
        stack.lens.assert_observed(request).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_the_collector_survives_its_restart() {
    let Some(mut stack) = Stack::start(1).await else {
        return;
    };
    stack.stop_lens().await;
    let mut sent = Vec::new();
    for _ in 0..20 {
        sent.push(stack.app(0).get("/").await);
    }
    stack.stop_apps().await;
    stack.stop_otelcol().await;
    stack.start_otelcol().await;
    stack.start_lens().await;
    for request in &sent {
        stack.lens.assert_observed(request).await;
    }
}
