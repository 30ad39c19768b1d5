//! A response body that ends its request's observation when it ends.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::observation::Observation;

pin_project! {
    /// The body of a response that passed [`ServerLayer`](super::ServerLayer). Dropped before its end, it means that the
    /// client went away.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        observation: Option<Observation>,
    }
}

impl<B: Body> ResponseBody<B> {
    pub(super) fn new(inner: B, observation: Observation) -> Self {
        // A server need not poll a body that has nothing to give: HEAD, 204, 304, or an empty one.
        let observation = if inner.is_end_stream() || observation.is_bodiless() {
            observation.finish();
            None
        } else {
            Some(observation)
        };
        Self { inner, observation }
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        match &frame {
            Some(Ok(_)) if !this.inner.is_end_stream() => {}
            Some(Ok(_)) | None => {
                if let Some(observation) = this.observation.take() {
                    observation.finish();
                }
            }
            Some(Err(_)) => {
                if let Some(observation) = this.observation.take() {
                    observation.failed(std::any::type_name::<B::Error>());
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
