//! A future that runs in a span: polled and dropped inside of it, as with `tracing::Instrument`, but entered once less, for a
//! future that is done is dropped where it was polled.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tracing::Span;

pin_project! {
    /// See the module.
    pub(crate) struct InSpan<F> {
        #[pin]
        inner: Option<F>,
        span: Span,
    }

    impl<F> PinnedDrop for InSpan<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.inner.is_some() {
                let _entered = this.span.enter();
                this.inner.set(None);
            }
        }
    }
}

impl<F> InSpan<F> {
    pub(crate) fn new(span: Span, inner: F) -> Self {
        let inner = Some(inner);
        Self { inner, span }
    }
}

impl<F: Future> Future for InSpan<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _entered = this.span.enter();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            unreachable!("a future is not polled after it was ready");
        };
        let output = ready!(inner.poll(cx));
        this.inner.set(None);
        Poll::Ready(output)
    }
}
