//! A stream that tells of everything that passes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::Stream;

/// Who is told what passes through a stream.
pub(crate) trait Observer {
    /// These bytes were read. Last words instead: they are sent, and the connection ends.
    fn read(&self, bytes: &[u8]) -> Result<(), Vec<u8>>;

    /// Whether these bytes, which are about to be written, are better not written at all.
    fn swallows(&self, _: &[u8]) -> bool {
        false
    }

    /// So many bytes were taken; `None`: there was no room.
    fn wrote(&self, count: Option<usize>);
}

/// The stream that hyper reads and writes.
pub(crate) struct WatchedStream<O> {
    stream: Stream,
    observer: Arc<O>,
}

impl<O> WatchedStream<O> {
    pub(crate) fn new(stream: Stream, observer: Arc<O>) -> WatchedStream<O> {
        WatchedStream { stream, observer }
    }

    pub(crate) fn into_inner(self) -> Stream {
        self.stream
    }
}

impl<O: Observer> WatchedStream<O> {
    fn told(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(count)) => self.observer.wrote(Some(*count)),
            Poll::Pending => self.observer.wrote(None),
            Poll::Ready(Err(_)) => {}
        }
        written
    }
}

impl<O: Observer> AsyncRead for WatchedStream<O> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        let Err(last_words) = self.observer.read(&buffer.filled()[before..]) else {
            return result;
        };
        // If they do not fit, the close alone must tell it.
        let _ = Pin::new(&mut self.stream).poll_write(context, &last_words);
        let _ = Pin::new(&mut self.stream).poll_flush(context);
        Poll::Ready(Err(io::Error::from(io::ErrorKind::ConnectionAborted)))
    }
}

impl<O: Observer> AsyncWrite for WatchedStream<O> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.observer.swallows(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.told(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [bytes] = slices
            && self.observer.swallows(bytes)
        {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.told(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
