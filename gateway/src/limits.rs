//! What a gateway grants a client before it refuses: every bound in one place.

use std::time::Duration;

/// Bounds of a gateway.
///
/// They only ever refuse or delay, so a node may choose its own; the defaults are the table "Defaults of a node" of the edition.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once, all clients together; as many requests where connections carry several. Past it: 503.
    pub connections: usize,
    /// The same of one client network (IPv4 /24, IPv6 /48). Past it: 429.
    pub connections_per_client: usize,
    /// Requests at once on one connection of HTTP/2. Past it: the stream is refused.
    pub streams: u32,
    /// Bytes of the request target, query included. Past it: 414.
    pub url_bytes: usize,
    /// Bytes of all header lines together. Past it: 431.
    pub header_bytes: usize,
    /// Header lines; over HTTP/1.1 hyper counts, with the same bound. Past it: 431.
    pub header_lines: usize,
    /// How long a client may take from the first byte of a request to the end of its headers, and to shake hands in TLS.
    /// Past it: 408.
    pub header_time: Duration,
    /// Bytes of a request body. Past it: 413.
    pub body_bytes: usize,
    /// Slowest body that is waited for, in bytes per second. Below it: 408.
    pub body_bytes_per_second: u64,
    /// Head start of a body before its rate counts.
    pub body_grace: Duration,
    /// How long a client may take nothing of an answer. Past it: the connection is closed.
    pub answer_stall: Duration,
    /// Bytes of bodies in memory that are being read, worked on or sent, those of up to 64 KiB not counted. Past it: 503.
    pub held_bytes: usize,
    /// The same of one client network. Past it: 429.
    pub held_bytes_per_client: usize,
    /// How long one request may take in all, the client's reading of the answer included.
    pub request_time: Duration,
    /// How long an idle connection is kept for the next request.
    pub keep_alive: Duration,
    /// How long open requests may take to finish once the gateway is told to stop.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 4096,
            connections_per_client: 256,
            streams: 128,
            url_bytes: 8 * 1024,
            header_bytes: 16 * 1024,
            header_lines: 100,
            header_time: Duration::from_secs(3),
            body_bytes: 8 * 1024 * 1024,
            body_bytes_per_second: 1024,
            body_grace: Duration::from_secs(3),
            answer_stall: Duration::from_secs(60),
            held_bytes: 256 * 1024 * 1024,
            held_bytes_per_client: 64 * 1024 * 1024,
            request_time: Duration::from_secs(600),
            keep_alive: Duration::from_secs(75),
            drain_time: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Bytes that may be buffered of one request head: request line and headers, and enough beyond both limits that most
    /// violations reach our own checks, which can say exactly what was too long.
    pub(crate) fn head_buffer_bytes(&self) -> usize {
        (self.url_bytes + self.header_bytes) * 2
    }
}
