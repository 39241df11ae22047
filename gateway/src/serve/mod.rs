//! The accept loop: sockets, deadlines and bounds around a service that knows only requests and answers.

mod clients;
mod close;
mod connection;
mod frames;
mod http1;
mod http2;
mod listener;
mod pieces;
mod stream;
mod watch;
mod watched;

use std::net::SocketAddr;
use std::sync::Arc;

pub(crate) use clients::{Hold, Seat};
pub use listener::Server;
pub(crate) use listener::{Door, Entry, bind};

/// What the connection knows of a request beyond what filters can see; stands in the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The other end of the connection.
    pub(crate) address: SocketAddr,
    /// It came over TLS.
    pub(crate) secure: bool,
    /// The client's place, by which what it holds is counted.
    pub(crate) seat: Arc<Seat>,
    /// Why someone else might have read the head otherwise.
    pub(crate) doubt: Option<Doubt>,
    /// The host of an absolute-form request target.
    pub(crate) authority: Option<String>,
    /// The request is of HTTP/1.1 or later and must say which host it is for.
    pub(crate) must_name_host: bool,
}

/// Why a head that hyper takes may mean something else to whoever stands before us. Such a request is refused, and its connection
/// closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// It names its body's length in two ways.
    TwoLengths,
    /// One of its lines ends with a line feed alone.
    BareLine,
}
