//! A node's certificates: from its settings, and renewed while it runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cop_gateway::Secure;
use cop_gateway::tls::{CertificateFiles, Certificates, Renewal};

use crate::listen::{HTTPS_PORT, Listen, cannot_listen};
use crate::settings::Settings;

/// How often the files are looked at.
const LOOKED_AT: Duration = Duration::from_secs(5);

/// Certificates, and what is doubtful about them.
type Loaded = (Arc<Certificates>, Vec<String>);

/// The certificates that a node on this folder is set to have, with what is doubtful about them.
///
/// # Errors
/// What is wrong with them, or with settings that need some where there are none.
pub fn load(settings: &Settings, folder: &Path) -> Result<Option<Loaded>, String> {
    if settings.tls.is_empty() {
        let needing = match (settings.https, settings.redirect_to_https) {
            (Some(_), _) => "https",
            (None, true) => "redirect_to_https",
            (None, false) => return Ok(None),
        };
        return Err(format!(
            "`{needing}` needs a certificate; in node.toml: [[tls]], certificate = \"FILE\", key = \"FILE\""
        ));
    }
    // An absolute path replaces the folder.
    let files = settings.tls.iter().map(|files| CertificateFiles {
        certificate: folder.join(&files.certificate),
        key: folder.join(&files.key),
    });
    let (certificates, doubts) = Certificates::load(files.collect())?;
    Ok(Some((Arc::new(certificates), doubts)))
}

/// Listens where the settings say that TLS is spoken.
///
/// # Errors
/// A message for the operator.
pub async fn listen(
    settings: &Settings,
    certificates: Arc<Certificates>,
) -> Result<Secure, String> {
    let address = settings.https.unwrap_or(Listen::port(HTTPS_PORT)).or_all();
    Secure::bind(address, certificates, settings.redirect_to_https)
        .await
        .map_err(|error| cannot_listen("gateway", "--https", address, &error))
}

/// Takes renewed certificates over for as long as it is polled: when their files change, and at once on `SIGHUP`. What became of
/// them is told.
pub async fn keep_renewed(certificates: Arc<Certificates>, tell: impl Fn(&str)) {
    let mut asked = Hangup::new();
    loop {
        let anyhow = tokio::select! {
            () = asked.recv() => true,
            () = tokio::time::sleep(LOOKED_AT) => false,
        };
        let looked = {
            let certificates = certificates.clone();
            tokio::task::spawn_blocking(move || certificates.renew(anyhow)).await
        };
        match looked {
            Ok(Renewal::Renewed(doubts)) => {
                tell("The certificates were read again.");
                for doubt in doubts {
                    tell(&format!("warning: {doubt}"));
                }
            }
            Ok(Renewal::Refused(wrong)) => {
                tell(&format!(
                    "The certificates have changed and are not in order; the old ones are kept.\n{wrong}"
                ));
            }
            // The look itself cannot fail; the next one is soon.
            Ok(Renewal::Same) | Err(_) => {}
        }
    }
}

/// The signal by which daemons are told to read their files again, where there is one.
struct Hangup(#[cfg(unix)] Option<tokio::signal::unix::Signal>);

impl Hangup {
    #[cfg(unix)]
    fn new() -> Hangup {
        use tokio::signal::unix::{SignalKind, signal};
        Hangup(signal(SignalKind::hangup()).ok())
    }

    #[cfg(not(unix))]
    fn new() -> Hangup {
        Hangup()
    }

    async fn recv(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.0
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}
