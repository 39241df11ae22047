//! Listening, counting connections, and stopping without cutting anyone off.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tower_service::Service;

use super::connection;
use crate::limits::Limits;
use crate::refusal;

/// Connections that may be told at once that there is no room. Beyond it they are closed without a word.
const REFUSALS: usize = 64;

/// A server that is listening. Dropping it stops it as [`Server::stop`] does, but nobody waits for that.
pub struct Server {
    address: SocketAddr,
    drain: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on `address` and answers with `service`.
    ///
    /// # Errors
    /// Those of binding, such as a port in use.
    pub(crate) async fn start<S, B>(
        address: SocketAddr,
        limits: Limits,
        service: S,
    ) -> io::Result<Server>
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + Unpin
            + 'static,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (drain, told) = watch::channel(false);
        let task = tokio::spawn(accept(listener, Arc::new(limits), service, told));
        Ok(Server {
            address,
            drain,
            task,
        })
    }

    /// Where it listens; the port is the real one, also if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets requests that are under way finish for at most the limits' `drain_time`, then closes.
    pub async fn stop(self) {
        self.drain.send_replace(true);
        // Only a panic in the accept loop makes this an error, and then everything is closed already.
        let _ = self.task.await;
    }
}

async fn accept<S, B>(
    listener: TcpListener,
    limits: Arc<Limits>,
    service: S,
    mut drain: watch::Receiver<bool>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Unpin
        + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let clients = Arc::new(Clients::new(&limits));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
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
        match clients.enter(address.ip()) {
            Ok(seat) => {
                let (limits, service, drain) = (limits.clone(), service.clone(), drain.clone());
                connections.spawn(async move {
                    connection::serve(stream, address, service, &limits, drain).await;
                    drop(seat);
                });
            }
            Err(full) => refuse(stream, full, &limits, &refusals, &mut connections),
        }
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    // Past the time, dropping the set aborts what is left.
    let _ = tokio::time::timeout(limits.drain_time, finished).await;
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
    full: Full,
    limits: &Limits,
    refusals: &Arc<Semaphore>,
    connections: &mut JoinSet<()>,
) {
    let Ok(permit) = refusals.clone().try_acquire_owned() else {
        return;
    };
    let failure = match full {
        Full::Client => refusal::many_connections(limits),
        Full::Server => refusal::no_room(limits),
    };
    connections.spawn(async move {
        connection::say_and_close(stream, &failure).await;
        drop(permit);
    });
}

/// Which bound is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    Client,
    Server,
}

/// Who is connected, counted by network, since one client easily has many addresses of its own network.
#[derive(Debug)]
struct Clients {
    total: usize,
    per_client: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_network: BTreeMap<[u8; 6], usize>,
}

/// A place among the connections; given back when dropped.
struct Seat {
    clients: Arc<Clients>,
    network: [u8; 6],
}

impl Clients {
    fn new(limits: &Limits) -> Clients {
        Clients {
            total: limits.connections,
            per_client: limits.connections_per_client,
            open: Mutex::default(),
        }
    }

    fn enter(self: &Arc<Clients>, address: IpAddr) -> Result<Seat, Full> {
        let network = network(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= self.total {
            return Err(Full::Server);
        }
        let count = open.by_network.get(&network).copied().unwrap_or(0);
        if count >= self.per_client {
            return Err(Full::Client);
        }
        open.by_network.insert(network, count + 1);
        open.all += 1;
        Ok(Seat {
            clients: self.clone(),
            network,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self
            .clients
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        if let Some(count) = open.by_network.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                open.by_network.remove(&self.network);
            }
        }
    }
}

/// The first 24 bits of an IPv4 address, the first 48 of an IPv6 one. An IPv4 address inside IPv6 counts as what it is; the two
/// kinds cannot meet, since no IPv6 network in use begins with four zero bytes.
fn network(address: IpAddr) -> [u8; 6] {
    let mut network = [0; 6];
    match address.to_canonical() {
        IpAddr::V4(address) => network[3..].copy_from_slice(&address.octets()[..3]),
        IpAddr::V6(address) => network.copy_from_slice(&address.octets()[..6]),
    }
    network
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_counted_by_network_and_seats_come_back() {
        let limits = Limits {
            connections: 3,
            connections_per_client: 2,
            ..Limits::default()
        };
        let clients = Arc::new(Clients::new(&limits));
        let address = |text: &str| text.parse::<IpAddr>().expect("a test's address");
        let first = clients.enter(address("192.0.2.1"));
        let second = clients.enter(address("192.0.2.77"));
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(
            clients.enter(address("::ffff:192.0.2.9")).err(),
            Some(Full::Client)
        );
        let third = clients.enter(address("198.51.100.1"));
        assert!(third.is_ok());
        assert_eq!(
            clients.enter(address("2001:db8::1")).err(),
            Some(Full::Server)
        );
        drop(first);
        assert!(clients.enter(address("192.0.2.1")).is_ok());
    }
}
