//! The management interface: how the owner of a node publishes and looks at it.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/health` | that the node works, and its figures |
//! | `GET /v1/programs` | every published name with its newest release |
//! | `GET /v1/releases/ADDRESS/NAME` | the newest release, and what the next one must say |
//! | `GET /v1/runs` | the newest runs that are remembered |
//! | `GET /v1/runs/ID` | the record of one, to do it again; `?private=1` with the answers that are the asker's own |
//! | `GET /v1/runs/ID/told` | what it was told and what came of it, for people |
//! | `GET /v1/runs/ID/receipt` | the receipt of one, if one was asked for, with all its questions and answers; `?private=1` likewise |
//! | `GET /v1/state/ADDRESS/NAME` | what a program keeps; `?prefix=…&after=…` |
//! | `GET /v1/state/ADDRESS/NAME/history` | the commits that changed it, newest first; `?before=NUMBER` |
//! | `POST /v1/state/ADDRESS/NAME/undo/NUMBER` | undoes one of them |
//! | `GET /v1/events` | what happened; `?after=CURSOR&count=N&kind=A,B&level=L&program=P`; as a stream for `Accept: text/event-stream` |
//! | `GET`, `POST /v1/log-level` | the level of the log; `?level=L` |
//! | `GET /v1/openapi.json` | all this for tools, made of the table of the routes |
//! | `GET /metrics` | figures for Prometheus |
//! | `POST /v1/backup` | a backup of what is on disk, in the node's folder; `?without_key=1` |
//! | `POST /v1/publish` | stores a release with its bundle, see [`publication`] |
//! | `GET /ui/` | the owner's page, a client of all this |
//!
//! It wants a bearer token, which stands in a file of the data folder that only the owner may read. It listens on loopback; at
//! another address only with TLS, and then clients on this machine may still do without. The host of a request must be this
//! machine by name, or over TLS one that a certificate is for, so that a web page cannot reach it through a name of its own.

mod backup;
mod cache;
mod events;
mod messages;
mod metrics;
mod openapi;
mod routes;
mod runs;
mod state;
mod states;
mod token;
mod ui;
mod watch;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use cop_net::Executor;

use crate::asked::{Asked, is_local_host};
use crate::limits::Limits;
use crate::observer::Observer;
use crate::serve::{self, Door, Entry, Server};
use crate::tls::Certificates;

pub use token::Token;

/// Most bytes of a publication: the largest bundle, its release, and room to spare.
const PUBLICATION_BYTES: usize = 33 << 20;

/// Bytes of bodies in memory: three of the largest files with a program's state.
const HELD_BYTES: usize = 1 << 30;

/// The management side of a node.
pub struct Management {
    pub(crate) token: Token,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) limits: Limits,
    pub(crate) node: String,
    pub(crate) public: String,
    pub(crate) observer: Arc<Observer>,
    /// What its routes are, in OpenAPI.
    description: OnceLock<serde_json::Value>,
    certificates: Option<Arc<Certificates>>,
}

impl Management {
    /// Listens on `address`, and tells what `observer` saw. `node` is how the node calls itself, `public` the host and port of its gateway, for links.
    ///
    /// # Errors
    /// `InvalidInput` for an address that is not loopback where there are no certificates, and the errors of binding, such as
    /// a port in use.
    pub async fn start(
        address: SocketAddr,
        token: Token,
        node: &str,
        public: &str,
        executor: Arc<dyn Executor>,
        certificates: Option<Arc<Certificates>>,
        observer: Arc<Observer>,
    ) -> io::Result<Server> {
        let entry = match certificates.clone() {
            _ if address.ip().to_canonical().is_loopback() => Entry::default(),
            Some(certificates) => Entry {
                certificates: Some(certificates),
                plain_here: true,
            },
            None => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "without TLS it is for this machine only: its address must be a loopback one such as 127.0.0.1, or node.toml must have a certificate ([[tls]])",
                ));
            }
        };
        let limits = Limits {
            connections: 256,
            body_bytes: PUBLICATION_BYTES,
            held_bytes: HELD_BYTES,
            held_bytes_per_client: HELD_BYTES,
            ..Limits::default()
        };
        let management = Arc::new(Management {
            token,
            executor,
            limits: limits.clone(),
            node: node.to_owned(),
            public: public.to_owned(),
            observer,
            description: OnceLock::new(),
            certificates,
        });
        let listener = serve::bind(address).await?;
        watch::begin(&management);
        let door = Door { listener, entry };
        Server::start(
            vec![door],
            limits,
            warp::service(routes::routes(management)),
        )
    }

    /// Whether a request names a host under which it is meant for this node, and by nobody else's will.
    fn is_meant(&self, asked: &Asked) -> bool {
        let is_certain = |certificates: &Arc<Certificates>| certificates.are_for(&asked.host);
        is_local_host(&asked.host)
            || asked.secure && self.certificates.as_ref().is_some_and(is_certain)
    }
}

/// The body of `POST /v1/publish`:
///
/// ```text
/// ┌──────────────────────────┬─────────┬────────┐
/// │ length of release, u32 LE│ release │ bundle │
/// └──────────────────────────┴─────────┴────────┘
/// ```
pub fn publication(release: &[u8], bundle: &[u8]) -> Vec<u8> {
    // A release has some hundred bytes; a length that does not fit is refused by the node as a body that is cut off.
    let length = u32::try_from(release.len()).unwrap_or(u32::MAX);
    let mut body = Vec::with_capacity(4 + release.len() + bundle.len());
    body.extend_from_slice(&length.to_le_bytes());
    body.extend_from_slice(release);
    body.extend_from_slice(bundle);
    body
}

/// The two parts of a publication's body.
fn split_publication(body: &Bytes) -> Result<(Bytes, Bytes), &'static str> {
    let (length, rest) = body
        .split_first_chunk::<4>()
        .ok_or("it is shorter than the length of its release")?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > rest.len() {
        return Err("its release is longer than the body");
    }
    Ok((body.slice(4..4 + length), body.slice(4 + length..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_comes_apart_as_it_was_made() {
        let body = Bytes::from(publication(b"release", b"a bundle"));
        let (release, bundle) = split_publication(&body).expect("two parts");
        assert_eq!(
            (release.as_ref(), bundle.as_ref()),
            (&b"release"[..], &b"a bundle"[..])
        );
        for cut in 0..11 {
            assert!(split_publication(&body.slice(..cut)).is_err(), "{cut}");
        }
    }
}
