//! The bytes of a connection: TCP, or TLS over it; what was read of it to see what is spoken comes first.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What a client begins HTTP/2 with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One connection's bytes, in the clear.
pub(crate) struct Stream {
    wire: Wire,
    /// Read already, and to be read again: `seen[given..length]`.
    seen: [u8; PREFACE.len()],
    given: usize,
    length: usize,
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub(crate) fn plain(stream: TcpStream) -> Stream {
        Stream::new(Wire::Plain(stream))
    }

    pub(crate) fn tls(stream: TlsStream<TcpStream>) -> Stream {
        Stream::new(Wire::Tls(Box::new(stream)))
    }

    fn new(wire: Wire) -> Stream {
        Stream {
            wire,
            seen: [0; PREFACE.len()],
            given: 0,
            length: 0,
        }
    }

    /// Whether the client begins with the preface of HTTP/2. Reads no more than it takes to know; who says nothing is no such
    /// client. Everything read is read again by whoever reads next.
    ///
    /// # Errors
    /// Those of reading.
    pub(crate) async fn begins_http2(&mut self) -> io::Result<bool> {
        while self.length < PREFACE.len() {
            let count = match &mut self.wire {
                Wire::Plain(stream) => stream.read(&mut self.seen[self.length..]).await?,
                Wire::Tls(stream) => stream.read(&mut self.seen[self.length..]).await?,
            };
            self.length += count;
            if count == 0 || self.seen[..self.length] != PREFACE[..self.length] {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What [`Stream::begins_http2`] read, as far as it came.
    pub(crate) fn seen(&self) -> &[u8] {
        &self.seen[..self.length]
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given < self.length {
            let count = (self.length - self.given).min(buffer.remaining());
            buffer.put_slice(&self.seen[self.given..self.given + count]);
            self.given += count;
            return Poll::Ready(Ok(()));
        }
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Wire::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Wire::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(context),
            Wire::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Wire::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Wire::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.wire {
            Wire::Plain(stream) => stream.is_write_vectored(),
            Wire::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
