//! The accept loop: sockets, deadlines and bounds around a service that knows only requests and answers.

mod connection;
mod listener;
mod stream;
mod watch;

use std::net::SocketAddr;

pub use listener::Server;

/// What the connection knows of a request beyond what filters can see; stands in the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The other end of the connection.
    pub(crate) address: SocketAddr,
    /// The head named its body's length in two ways.
    pub(crate) ambiguous_length: bool,
    /// The host of an absolute-form request target.
    pub(crate) authority: Option<String>,
    /// The request is of HTTP/1.1 and must say which host it is for.
    pub(crate) must_name_host: bool,
}
