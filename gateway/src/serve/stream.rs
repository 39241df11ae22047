//! A TCP stream that reports to the connection's [`Watch`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::watch::{Phase, Watch};

/// The stream hyper reads and writes.
///
/// hyper answers an unreadable head by itself, with a bare status line and no body. Such an answer is swallowed here, and the
/// driver of the connection, which is told the reason, sends a proper one.
pub(crate) struct WatchedStream {
    stream: TcpStream,
    watch: Arc<Watch>,
}

impl WatchedStream {
    pub(crate) fn new(stream: TcpStream, watch: Arc<Watch>) -> WatchedStream {
        WatchedStream { stream, watch }
    }

    pub(crate) fn into_inner(self) -> TcpStream {
        self.stream
    }
}

/// True for the answer that hyper makes to an unreadable head: a whole head of a few lines without the header that all of our
/// own answers carry.
fn is_bare_error(bytes: &[u8]) -> bool {
    const OURS: &[u8] = b"x-content-type-options";
    bytes.len() < 256
        && bytes.starts_with(b"HTTP/1.1 4")
        && bytes.ends_with(b"\r\n\r\n")
        && !bytes.windows(OURS.len()).any(|window| window == OURS)
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.watch.read(&buffer.filled()[before..]);
        result
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.watch.phase() != Phase::Busy && is_bare_error(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
