//! Carries the current span into blocking work.

use tokio::task::{JoinError, JoinHandle};

/// [`tokio::task::spawn_blocking`] inside the current span, so that logs, spans and exemplars made by `work` belong to it.
/// Without this a blocking thread has no span, and what it records joins nothing.
///
/// # Errors
/// As [`JoinHandle`]: `work` panicked, or the runtime is shutting down.
pub async fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let span = tracing::Span::current();
    let handle: JoinHandle<T> = tokio::task::spawn_blocking(move || span.in_scope(work));
    handle.await
}
