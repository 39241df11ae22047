//! Listening, and stopping without cutting anyone off.

use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cop_runtime::Failure;
use hyper::body::Body;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::clients::Clients;
use super::close::say_and_close;
use super::connection::{self, Connection, Web};
use super::stream::Stream;
use crate::limits::Limits;
use crate::tls::Certificates;

/// Connections that may be told at once that there is no room. Beyond it they are closed without a word.
const REFUSALS: usize = 64;

/// A server that is listening. Dropping it stops it as [`Server::stop`] does, but nobody waits for that.
pub struct Server {
    addresses: Vec<SocketAddr>,
    drain: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// A place where a server listens, and how its connections begin.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) entry: Entry,
}

/// How connections begin.
#[derive(Clone, Default)]
pub(crate) struct Entry {
    /// TLS with these.
    pub(crate) certificates: Option<Arc<Certificates>>,
    /// Clients on this machine may do without TLS.
    pub(crate) plain_here: bool,
}

/// Binds an address. Where a machine has no IPv6, all addresses are those of IPv4.
///
/// # Errors
/// Those of binding, such as a port in use.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error)
            if address.ip().is_unspecified()
                && address.is_ipv6()
                && error.kind() != io::ErrorKind::AddrInUse =>
        {
            TcpListener::bind((IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port())).await
        }
        bound => bound,
    }
}

impl Server {
    /// Answers with `service` at these doors.
    ///
    /// # Errors
    /// Those of asking a socket for its address.
    pub(crate) fn start<S, B>(doors: Vec<Door>, limits: Limits, service: S) -> io::Result<Server>
    where
        S: Web<B>,
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let addresses = doors.iter().map(|door| door.listener.local_addr());
        let addresses = addresses.collect::<io::Result<_>>()?;
        let (drain, told) = watch::channel(false);
        let room = Room {
            clients: Arc::new(Clients::new(&limits)),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            limits: Arc::new(limits),
            drain: told,
        };
        let tasks = doors.into_iter().map(|door| {
            let entry = Arc::new(door.entry);
            tokio::spawn(accept(door.listener, entry, room.clone(), service.clone()))
        });
        Ok(Server {
            addresses,
            drain,
            tasks: tasks.collect(),
        })
    }

    /// Where it listens; the port is the real one, also if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where it listens with TLS as well, if it does.
    pub fn secure_address(&self) -> Option<SocketAddr> {
        self.addresses.get(1).copied()
    }

    /// Stops accepting, lets requests that are under way finish for at most the limits' `drain_time`, then closes.
    pub async fn stop(self) {
        self.drain.send_replace(true);
        for task in self.tasks {
            // Only a panic in the accept loop makes this an error, and then everything is closed already.
            let _ = task.await;
        }
    }
}

/// What all doors of a server share.
#[derive(Clone)]
struct Room {
    clients: Arc<Clients>,
    refusals: Arc<Semaphore>,
    limits: Arc<Limits>,
    drain: watch::Receiver<bool>,
}

async fn accept<S, B>(listener: TcpListener, entry: Arc<Entry>, room: Room, service: S)
where
    S: Web<B>,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut drain = room.drain.clone();
    let mut connections = JoinSet::new();
    loop {
        // Finished connections are taken out as they end, so the set stays as large as what is open.
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = drain.wait_for(|told| *told) => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        // Answers are written whole; waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        match room.clients.enter(address.ip()) {
            Ok(seat) => {
                let connection = Connection {
                    address,
                    secure: false,
                    since: Instant::now(),
                    seat: Arc::new(seat),
                    limits: room.limits.clone(),
                    drain: room.drain.clone(),
                    crowded: room.clients.crowded(),
                };
                let serving = connection::serve(stream, entry.clone(), service.clone(), connection);
                connections.spawn(serving);
            }
            // Who expects TLS cannot read what is said without it, and shaking hands is work.
            Err(_) if entry.certificates.is_some() => {}
            Err(full) => refuse(stream, full, &room.refusals, &mut connections),
        }
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    // Past the time, dropping the set aborts what is left.
    let _ = tokio::time::timeout(room.limits.drain_time, finished).await;
}

/// Accepting fails for one connection (it went away) or for all (no file descriptors). The second needs a pause, or the loop
/// would spin until another connection ends.
async fn pause_after(error: &io::Error) {
    let one_connection = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    );
    if !one_connection {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn refuse(
    stream: TcpStream,
    full: Failure,
    refusals: &Arc<Semaphore>,
    connections: &mut JoinSet<()>,
) {
    let Ok(permit) = refusals.clone().try_acquire_owned() else {
        return;
    };
    connections.spawn(async move {
        say_and_close(Stream::plain(stream), &full).await;
        drop(permit);
    });
}
