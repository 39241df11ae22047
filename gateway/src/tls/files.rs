//! The files of a certificate: read, checked, and what is said of those that are not in order.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject, SectionKind};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, InconsistentKeys};
use webpki::{EndEntityCert, KeyUsage};

use super::CertificateFiles;
use crate::calendar;

/// Most bytes of a file with a certificate or a key.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// A certificate that ends so soon should have been renewed.
const SOON: Duration = Duration::from_secs(7 * 86_400);

/// By what a changed file is told: when it was written, and its size. `None`: it cannot be looked at.
pub(super) type Stamp = Option<(SystemTime, u64)>;

/// The stamps of all these files. Links are followed, since tools that renew certificates change where one leads.
pub(super) fn stamps(files: &[CertificateFiles]) -> Vec<Stamp> {
    let paths = files
        .iter()
        .flat_map(|files| [&files.certificate, &files.key]);
    let stamp = |path: &Path| {
        let file = fs::metadata(path).ok()?;
        Some((file.modified().ok()?, file.len()))
    };
    paths.map(|path| stamp(path)).collect()
}

/// A certificate with its key, in order.
pub(super) struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    /// In lower case.
    pub(super) hosts: Vec<String>,
    /// What is doubtful about it.
    pub(super) doubt: Option<String>,
}

/// Reads the files of one certificate.
///
/// # Errors
/// What is wrong with them, and what to do.
pub(super) fn read(files: &CertificateFiles, now: SystemTime) -> Result<Pair, String> {
    let path = &files.certificate;
    let chain = certificates(path)?;
    let key = key(&files.key)?;
    let first = EndEntityCert::try_from(&chain[0]).map_err(|error| {
        let path = path.display();
        format!("the first certificate in {path} cannot be read ({error}): the host's own must stand first, then those that it rests on")
    })?;
    let hosts: Vec<String> = first
        .valid_dns_names()
        .map(str::to_ascii_lowercase)
        .collect();
    if hosts.is_empty() {
        return Err(format!(
            "the certificate in {} names no host: it needs the host's name as a DNS name among its alternative names",
            path.display()
        ));
    }
    let doubt = doubt(&first, path, &hosts, now);
    let certified = CertifiedKey::from_der(chain.clone(), key, &ring::default_provider());
    let certified = certified.map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => format!(
            "the key in {} is not that of the certificate in {}: were they renewed together?",
            files.key.display(),
            path.display()
        ),
        _ => format!(
            "the key in {} cannot be used: {error}; keys of RSA, ECDSA (P-256, P-384, P-521) and Ed25519 can",
            files.key.display()
        ),
    })?;
    Ok(Pair {
        key: Arc::new(certified),
        hosts,
        doubt,
    })
}

fn contents(what: &str, path: &Path) -> Result<Vec<u8>, String> {
    let failed = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "; the user that the node runs as must be allowed to read it"
            }
            io::ErrorKind::NotFound => "; relative paths begin in the node's folder",
            _ => "",
        };
        format!("cannot read the {what} {}: {error}{hint}", path.display())
    };
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!(
            "the {what} {} has {size} bytes, at most {FILE_BYTES_MAX} are allowed",
            path.display()
        ));
    }
    fs::read(path).map_err(failed)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = contents("certificate", path)?;
    let chain: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|error| broken("certificate", path, &error))?;
    if !chain.is_empty() {
        return Ok(chain);
    }
    let is_key = PrivateKeyDer::from_pem_slice(&text).is_ok();
    Err(match is_key {
        true => format!(
            "{} holds a private key and no certificate: are `certificate` and `key` the wrong way round?",
            path.display()
        ),
        false => format!(
            "{} holds no certificate: PEM is meant, with a line -----BEGIN CERTIFICATE-----",
            path.display()
        ),
    })
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let text = contents("key", path)?;
    let shown = path.display();
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        PemError::NoItemsFound if has(&text, b"-----BEGIN ENCRYPTED PRIVATE KEY-----") => format!(
            "the key in {shown} is locked with a password: the node needs it without (`openssl pkey -in {shown} -out NEW`)"
        ),
        PemError::NoItemsFound if has_certificate(&text) => format!(
            "{shown} holds a certificate and no private key: are `certificate` and `key` the wrong way round?"
        ),
        PemError::NoItemsFound => format!(
            "{shown} holds no private key: PEM is meant, with a line -----BEGIN PRIVATE KEY-----"
        ),
        error => broken("key", path, &error),
    })
}

fn has(text: &[u8], line: &[u8]) -> bool {
    text.windows(line.len()).any(|window| window == line)
}

fn has_certificate(text: &[u8]) -> bool {
    <(SectionKind, Vec<u8>)>::pem_slice_iter(text)
        .any(|section| matches!(section, Ok((SectionKind::Certificate, _))))
}

fn broken(what: &str, path: &Path, error: &PemError) -> String {
    format!(
        "the {what} in {} is damaged: {error}; copy it again",
        path.display()
    )
}

/// Whether a certificate is valid now, and will be for a while.
fn doubt(
    certificate: &EndEntityCert<'_>,
    path: &Path,
    hosts: &[String],
    now: SystemTime,
) -> Option<String> {
    let whose = format!("the certificate for {} in {}", hosts[0], path.display());
    match validity(certificate, now) {
        Validity::Ended(end) => Some(format!(
            "{whose} has expired on {end}: browsers refuse it; renew it, the node takes the new one by itself"
        )),
        Validity::NotBegun(begin) => Some(format!(
            "{whose} is not valid before {begin}: is the clock of this machine right?"
        )),
        Validity::Runs => match validity(certificate, now + SOON) {
            Validity::Ended(end) => Some(format!("{whose} expires on {end}: renew it")),
            _ => None,
        },
    }
}

/// Where in a certificate's time a moment lies; the days are those of its end and its beginning.
enum Validity {
    Runs,
    Ended(String),
    NotBegun(String),
}

/// webpki looks at the time before anything else, and trusts nobody here, so what it says otherwise means nothing.
fn validity(certificate: &EndEntityCert<'_>, moment: SystemTime) -> Validity {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let moment = UnixTime::since_unix_epoch(since);
    let usage = KeyUsage::server_auth();
    let day = |time: UnixTime| calendar::day(time.as_secs() * 1000);
    match certificate.verify_for_usage(&[], &[], &[], moment, usage, None, None) {
        Err(webpki::Error::CertExpired { not_after, .. }) => Validity::Ended(day(not_after)),
        Err(webpki::Error::CertNotValidYet { not_before, .. }) => {
            Validity::NotBegun(day(not_before))
        }
        _ => Validity::Runs,
    }
}
