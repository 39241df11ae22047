//! TLS for a node: its own certificates, and which of them a client is shown.
//!
//! The certificates themselves say for which hosts they are, so nobody has to repeat it. A client is shown the one for the host that
//! it asks for (SNI); one that asks for another host, or for none, is shown the first. The files may be replaced while the node
//! runs, as tools that renew certificates do: [`Certificates::renew`] reads them again and keeps what it has if they are not
//! in order.

mod files;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use files::{Pair, Stamp};

/// Most certificates of a node.
pub const CERTIFICATES_MAX: usize = 100;

/// The two files of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate and those that it rests on, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

/// The certificates of a node, as clients are shown them.
pub struct Certificates {
    files: Vec<CertificateFiles>,
    shown: Arc<Shown>,
    config: Arc<ServerConfig>,
    /// The files as they were when they were last read, whether they were in order or not.
    stamps: Mutex<Vec<Stamp>>,
}

/// What became of files that were looked at again.
#[derive(Debug, PartialEq, Eq)]
pub enum Renewal {
    /// They are the same.
    Same,
    /// Others, which are shown from now on. What is doubtful about them is told as by [`Certificates::load`].
    Renewed(Vec<String>),
    /// Others that are not in order: what was shown still is.
    Refused(String),
}

impl Certificates {
    /// Reads certificates, and what is doubtful about them: that one has expired or soon will, or is not valid yet. Clients say so
    /// too, but a node that does not start serves nobody.
    ///
    /// # Errors
    /// What is wrong, one line for each of the files, with what to do.
    pub fn load(files: Vec<CertificateFiles>) -> Result<(Certificates, Vec<String>), String> {
        if files.is_empty() || files.len() > CERTIFICATES_MAX {
            let count = files.len();
            return Err(format!(
                "a node has 1 to {CERTIFICATES_MAX} certificates, not {count}"
            ));
        }
        let stamps = files::stamps(&files);
        let (pairs, doubts) = read(&files)?;
        let shown = Arc::new(Shown(RwLock::new(Table::of(pairs))));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("cannot prepare for TLS: {error}"))?
            .with_no_client_auth()
            .with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer =
            ring::Ticketer::new().map_err(|error| format!("cannot prepare for TLS: {error}"))?;
        let certificates = Certificates {
            files,
            shown,
            config: Arc::new(config),
            stamps: Mutex::new(stamps),
        };
        Ok((certificates, doubts))
    }

    /// Looks at the files again. `anyhow`: reads them even if they look the same.
    pub fn renew(&self, anyhow: bool) -> Renewal {
        let now = files::stamps(&self.files);
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        if *stamps == now && !anyhow {
            return Renewal::Same;
        }
        *stamps = now;
        match read(&self.files) {
            Ok((pairs, doubts)) => {
                let mut shown = self.shown.0.write().unwrap_or_else(PoisonError::into_inner);
                *shown = Table::of(pairs);
                Renewal::Renewed(doubts)
            }
            Err(wrong) => Renewal::Refused(wrong),
        }
    }

    /// Whether one of them is for this host.
    pub fn are_for(&self, host: &str) -> bool {
        self.shown.table(|table| table.find(host).is_some())
    }

    /// The hosts they are for, in order; `*.HOST` stands for one label more.
    pub fn hosts(&self) -> Vec<String> {
        self.shown
            .table(|table| table.by_host.keys().cloned().collect())
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.clone())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Certificates({:?})", self.files)
    }
}

fn read(files: &[CertificateFiles]) -> Result<(Vec<Pair>, Vec<String>), String> {
    let now = SystemTime::now();
    let mut pairs = Vec::new();
    let mut wrong = Vec::new();
    let mut doubts = Vec::new();
    for files in files {
        match files::read(files, now) {
            Ok(pair) => {
                doubts.extend(pair.doubt.clone());
                pairs.push(pair);
            }
            Err(why) => wrong.push(why),
        }
    }
    match wrong.is_empty() {
        true => Ok((pairs, doubts)),
        false => Err(wrong.join("\n")),
    }
}

/// The certificates that are shown now.
struct Shown(RwLock<Table>);

struct Table {
    first: Arc<CertifiedKey>,
    by_host: BTreeMap<String, Arc<CertifiedKey>>,
}

impl Table {
    /// Where two are for the same host, the earlier is shown.
    fn of(pairs: Vec<Pair>) -> Table {
        let mut by_host = BTreeMap::new();
        let first = pairs[0].key.clone();
        for pair in pairs {
            for host in pair.hosts {
                by_host.entry(host).or_insert_with(|| pair.key.clone());
            }
        }
        Table { first, by_host }
    }

    fn find(&self, host: &str) -> Option<&Arc<CertifiedKey>> {
        self.by_host.get(host).or_else(|| {
            let (_, domain) = host.split_once('.')?;
            self.by_host.get(&format!("*.{domain}"))
        })
    }
}

impl Shown {
    fn table<T>(&self, look: impl FnOnce(&Table) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table(|table| write!(out, "Shown({:?})", table.by_host.keys()))
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let host = hello.server_name().map(str::to_ascii_lowercase);
        self.table(|table| {
            let found = host.and_then(|host| table.find(&host));
            Some(found.unwrap_or(&table.first).clone())
        })
    }
}
