//! Who is connected, and what each holds: connections, requests, and bytes in memory.
//!
//! Everything is counted by network, since one client easily has many addresses of its own network. A place is taken before
//! anything is done for it, and given back when it is dropped, so that no path forgets it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cop_runtime::Failure;
use tokio::sync::watch;

use crate::limits::Limits;
use crate::refusal;

/// Who is connected.
#[derive(Debug)]
pub(crate) struct Clients {
    limits: Limits,
    open: Mutex<Open>,
    /// Changes when idle connections should make room for others.
    crowded: watch::Sender<Option<Instant>>,
}

/// The connections at which idle ones are closed: so many eighths of all.
const CROWDED: usize = 7;
/// How often they are told at most.
const TOLD_AGAIN: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
struct Open {
    all: Held,
    by_network: BTreeMap<[u8; 6], Held>,
}

/// What is held, by one network or by all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    connections: usize,
    /// Of connections that carry several at once.
    requests: usize,
    bytes: usize,
}

impl Held {
    const CONNECTION: Held = Held {
        connections: 1,
        requests: 0,
        bytes: 0,
    };
    const REQUEST: Held = Held {
        connections: 0,
        requests: 1,
        bytes: 0,
    };

    fn bytes(bytes: usize) -> Held {
        Held {
            bytes,
            ..Held::default()
        }
    }

    fn add(&mut self, other: Held) {
        self.connections += other.connections;
        self.requests += other.requests;
        self.bytes += other.bytes;
    }

    fn sub(&mut self, other: Held) {
        self.connections -= other.connections;
        self.requests -= other.requests;
        self.bytes -= other.bytes;
    }
}

/// Something that is held; given back when dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    clients: Arc<Clients>,
    network: [u8; 6],
    held: Held,
}

/// A place among the connections.
#[derive(Debug)]
pub(crate) struct Seat(Hold);

impl Clients {
    pub(crate) fn new(limits: &Limits) -> Clients {
        Clients {
            limits: limits.clone(),
            open: Mutex::default(),
            crowded: watch::channel(None).0,
        }
    }

    /// Waits until connections on which nothing is asked should make room for others.
    pub(crate) fn crowded(&self) -> watch::Receiver<Option<Instant>> {
        self.crowded.subscribe()
    }

    /// A place for another connection.
    ///
    /// # Errors
    /// `overloaded` if there is none, `too_many` if the client has its share.
    pub(crate) fn enter(self: &Arc<Clients>, address: IpAddr) -> Result<Seat, Failure> {
        let network = network(address);
        let limits = &self.limits;
        let mut open = self.open();
        let own = open.by_network.get(&network).copied().unwrap_or_default();
        if open.all.connections >= limits.connections {
            return Err(refusal::no_room(limits));
        }
        if own.connections >= limits.connections_per_client {
            return Err(refusal::many_connections(limits));
        }
        open.add(network, Held::CONNECTION);
        let is_crowded = open.all.connections * 8 > limits.connections * CROWDED;
        drop(open);
        if is_crowded {
            self.crowded.send_if_modified(|told| {
                let again = told.is_none_or(|told| told.elapsed() >= TOLD_AGAIN);
                if again {
                    *told = Some(Instant::now());
                }
                again
            });
        }
        Ok(Seat(self.hold(network, Held::CONNECTION)))
    }

    /// What was added already.
    fn hold(self: &Arc<Clients>, network: [u8; 6], held: Held) -> Hold {
        Hold {
            clients: self.clone(),
            network,
            held,
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// A place for one of several requests of a connection.
    ///
    /// # Errors
    /// `overloaded` if there is none, `too_many` if the client has its share.
    pub(crate) fn request(&self) -> Result<Hold, Failure> {
        let Hold {
            clients, network, ..
        } = &self.0;
        let limits = &clients.limits;
        let mut open = clients.open();
        let own = open.by_network.get(network).copied().unwrap_or_default();
        if open.all.requests >= limits.connections {
            return Err(refusal::many_requests(limits.connections));
        }
        if own.requests >= limits.connections_per_client {
            return Err(refusal::many_requests_of_one(limits));
        }
        open.add(*network, Held::REQUEST);
        drop(open);
        Ok(clients.hold(*network, Held::REQUEST))
    }

    /// Room in memory for a body of this many bytes, in either direction. Small ones, as most are, need none.
    ///
    /// # Errors
    /// `overloaded` if there is none, `too_many` if the client has its share.
    pub(crate) fn room(&self, bytes: usize) -> Result<Option<Hold>, Failure> {
        if bytes <= SMALL {
            return Ok(None);
        }
        let Hold {
            clients, network, ..
        } = &self.0;
        let limits = &clients.limits;
        let mut open = clients.open();
        let own = open.by_network.get(network).copied().unwrap_or_default();
        if open.all.bytes + bytes > limits.held_bytes {
            return Err(refusal::no_memory(limits));
        }
        // One body always fits, or what is within its own limit could not be sent at all.
        if own.bytes > 0 && own.bytes + bytes > limits.held_bytes_per_client {
            return Err(refusal::much_memory(limits));
        }
        open.add(*network, Held::bytes(bytes));
        drop(open);
        Ok(Some(clients.hold(*network, Held::bytes(bytes))))
    }
}

/// Bytes of a body that is not counted: what a connection may have in its buffers anyway.
const SMALL: usize = 64 * 1024;

impl Open {
    fn add(&mut self, network: [u8; 6], held: Held) {
        self.all.add(held);
        self.by_network.entry(network).or_default().add(held);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut open = self.clients.open();
        open.all.sub(self.held);
        if let Some(own) = open.by_network.get_mut(&self.network) {
            own.sub(self.held);
            if *own == Held::default() {
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
    use cop_runtime::FailureCode;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("a test's address")
    }

    fn code<T>(result: Result<T, Failure>) -> Option<FailureCode> {
        result.err().map(|failure| failure.code)
    }

    #[test]
    fn clients_are_counted_by_network_and_seats_come_back() {
        let clients = Arc::new(Clients::new(&Limits {
            connections: 3,
            connections_per_client: 2,
            ..Limits::default()
        }));
        let first = clients.enter(address("192.0.2.1"));
        let second = clients.enter(address("192.0.2.77"));
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(
            code(clients.enter(address("::ffff:192.0.2.9"))),
            Some(FailureCode::TooMany)
        );
        let third = clients.enter(address("198.51.100.1"));
        assert!(third.is_ok());
        assert_eq!(
            code(clients.enter(address("2001:db8::1"))),
            Some(FailureCode::Overloaded)
        );
        drop(first);
        assert!(clients.enter(address("192.0.2.1")).is_ok());
        drop((second, third));
        assert!(clients.open().by_network.is_empty());
    }

    #[test]
    fn requests_and_bytes_are_counted_beside_them() {
        const KIB: usize = 1024;
        let clients = Arc::new(Clients::new(&Limits {
            connections: 3,
            connections_per_client: 2,
            held_bytes: 1000 * KIB,
            held_bytes_per_client: 300 * KIB,
            ..Limits::default()
        }));
        let seat = clients.enter(address("192.0.2.1")).expect("a seat");
        let other = clients.enter(address("198.51.100.1")).expect("a seat");
        let requests = (seat.request(), seat.request());
        assert!(requests.0.is_ok() && requests.1.is_ok());
        assert_eq!(code(seat.request()), Some(FailureCode::TooMany));
        let one = other.request();
        assert!(one.is_ok());
        assert_eq!(code(other.request()), Some(FailureCode::Overloaded));
        drop(requests);
        assert!(other.request().is_ok());

        // What is small is not counted, and one body fits whatever it has.
        assert!(seat.room(64 * KIB).is_ok_and(|hold| hold.is_none()));
        let large = seat.room(900 * KIB).expect("one fits");
        assert_eq!(code(seat.room(65 * KIB)), Some(FailureCode::TooMany));
        assert_eq!(code(other.room(101 * KIB)), Some(FailureCode::Overloaded));
        drop(large);
        assert!(other.room(101 * KIB).is_ok());
    }
}
