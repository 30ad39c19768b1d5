//! A connection on which what HTTP/2 writes in one go becomes one write.
//!
//! The h2 crate flushes after the head of a request and after each frame of its body. Each flush would be a system call, a
//! packet, and a wake-up of the receiver: most of what sending costs. So a flush lets other tasks have one turn, in which the next frame is
//! mostly written, and only then hands over what was gathered.
//!
//! It keeps the order of the bytes, holds at most [`ROOM_BYTES`], and delays them by no timer: where nobody has anything to
//! add, they leave as soon as the runtime comes round.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};

/// Four frames of the usual size with what stands before them.
const ROOM_BYTES: usize = 68 << 10;

/// A connection that gathers writes.
#[derive(Debug)]
pub(crate) struct Gathering<T> {
    inner: T,
    gathered: Vec<u8>,
    /// How much of it is written.
    written: usize,
    /// Whether a flush has let others have their turn since the last write.
    has_waited: bool,
}

impl<T: Write + Unpin> Gathering<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self {
            inner,
            gathered: Vec::new(),
            written: 0,
            has_waited: false,
        }
    }

    /// Makes room for so many bytes; false where there can't be any, and then nothing is gathered.
    fn poll_room(&mut self, context: &mut Context<'_>, bytes: usize) -> Poll<io::Result<bool>> {
        if self.gathered.len() + bytes > ROOM_BYTES {
            ready!(self.poll_hand_over(context))?;
        }
        self.has_waited = false;
        Poll::Ready(Ok(bytes <= ROOM_BYTES))
    }

    fn poll_hand_over(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.gathered.len() {
            let rest = &self.gathered[self.written..];
            match ready!(Pin::new(&mut self.inner).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                length => self.written += length,
            }
        }
        self.gathered.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<T: Write + Unpin> Write for Gathering<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if ready!(self.poll_room(context, bytes.len()))? {
            self.gathered.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        if ready!(self.poll_room(context, length))? {
            for slice in slices {
                self.gathered.extend_from_slice(slice);
            }
            return Poll::Ready(Ok(length));
        }
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.gathered.is_empty() && !self.has_waited {
            self.has_waited = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        ready!(self.poll_hand_over(context))?;
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_hand_over(context))?;
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl<T: Read + Unpin> Read for Gathering<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<T: Connection> Connection for Gathering<T> {
    fn connected(&self) -> Connected {
        self.inner.connected()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Wake, Waker},
    };

    use super::*;

    /// Takes at most so many bytes of each write, and says "not now" before each.
    #[derive(Default)]
    struct Wire {
        writes: Vec<Vec<u8>>,
        most: usize,
        is_slow: bool,
        has_refused: bool,
        is_shut: bool,
    }

    impl Write for Wire {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.has_refused = self.is_slow && !self.has_refused;
            if self.has_refused {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let length = bytes.len().min(self.most);
            self.writes.push(bytes[..length].to_vec());
            Poll::Ready(Ok(length))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.is_shut = true;
            Poll::Ready(Ok(()))
        }
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn gathering(most: usize, is_slow: bool) -> Gathering<Wire> {
        Gathering::new(Wire {
            most,
            is_slow,
            ..Wire::default()
        })
    }

    /// Polls until it is ready; whoever says "not now" has to wake.
    fn finish<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>) -> T {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        for turn in 1.. {
            match poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(done) => return done.unwrap(),
                Poll::Pending => assert_eq!(wakes.0.load(Ordering::Relaxed), turn),
            }
        }
        unreachable!()
    }

    fn write_all(to: &mut Gathering<Wire>, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let length = finish(|context| Pin::new(&mut *to).poll_write(context, bytes));
            bytes = &bytes[length..];
        }
    }

    #[test]
    fn what_is_written_before_the_flush_has_waited_leaves_in_one_write() {
        let mut to = gathering(usize::MAX, false);
        let waker = Waker::noop();
        let mut context = Context::from_waker(waker);
        write_all(&mut to, b"head");
        assert!(Pin::new(&mut to).poll_flush(&mut context).is_pending());
        let slices = [IoSlice::new(b"frame"), IoSlice::new(b" of data")];
        let length = finish(|context| Pin::new(&mut to).poll_write_vectored(context, &slices));
        assert_eq!(length, 13);
        assert!(Pin::new(&mut to).poll_flush(&mut context).is_pending());
        assert!(to.inner.writes.is_empty());
        assert!(Pin::new(&mut to).poll_flush(&mut context).is_ready());
        assert_eq!(to.inner.writes, [b"headframe of data"]);
        // With nothing gathered there is nothing to wait for.
        assert!(Pin::new(&mut to).poll_flush(&mut context).is_ready());
    }

    #[test]
    fn the_bytes_keep_their_order_whatever_their_sizes_and_those_of_the_writes() {
        for (most, is_slow) in [(usize::MAX, false), (1_000, false), (70_000, true)] {
            let mut to = gathering(most, is_slow);
            let mut expected = Vec::new();
            for (number, size) in [1, 200_000, 30_000, 30_000, 30_000, 0, 70_000, 5]
                .into_iter()
                .enumerate()
            {
                let bytes = vec![number as u8; size];
                write_all(&mut to, &bytes);
                assert!(to.gathered.len() <= ROOM_BYTES);
                expected.extend(bytes);
            }
            finish(|context| Pin::new(&mut to).poll_flush(context));
            assert!(to.inner.writes.concat() == expected, "{most} {is_slow}");
        }
    }

    #[test]
    fn what_is_gathered_leaves_before_the_connection_is_shut() {
        let mut to = gathering(3, true);
        write_all(&mut to, b"goodbye");
        finish(|context| Pin::new(&mut to).poll_shutdown(context));
        assert_eq!(to.inner.writes.concat(), b"goodbye");
        assert!(to.inner.is_shut);
    }
}
