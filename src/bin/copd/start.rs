//! `copd start`: a lasting node.

use crate::arguments::Options;
use crate::config;
use crate::say::{say, warn};
use std::io::IsTerminal;
use std::sync::Arc;

use cop_gateway::GatewayConfig;
use cop_gateway::journal::{Format, Journal};
use coputer::listen::{HTTP_PORT, Listen};
use coputer::node::{MANAGEMENT_PORT, Node};
use coputer::node_file::default_data_dir;
use coputer::settings::LogSettings;
use coputer::stop::asked_to_stop;
use coputer::tls;

/// Runs a node until it is asked to stop.
///
/// # Errors
/// A message for the operator.
pub async fn start(options: &Options) -> Result<(), String> {
    let data_dir = options
        .data
        .clone()
        .or_else(default_data_dir)
        .ok_or("there is no home folder for the node's data; name one with --data DIR")?;
    let settings = options.over(config::of(&data_dir)?);
    let http = settings.http.unwrap_or(Listen::port(HTTP_PORT)).or_all();
    let management = settings
        .management
        .unwrap_or(Listen::port(MANAGEMENT_PORT))
        .or_loopback();
    let certificates = match tls::load(&settings, &data_dir)? {
        Some((certificates, doubts)) => {
            for doubt in doubts {
                warn(&doubt);
            }
            Some(certificates)
        }
        None => None,
    };
    let secure = match &certificates {
        Some(certificates) => Some(tls::listen(&settings, certificates.clone()).await?),
        None => None,
    };
    let execution = Node::open(&data_dir, settings.execution, &settings.reach)?;
    let config = GatewayConfig {
        domains: settings.domains,
        secure,
        journal: journal(&settings.log)?,
        ..GatewayConfig::default()
    };
    let node = Node::start(&data_dir, execution, http, management, config).await?;
    say!("Node        {}", node.url());
    if let (Some(address), Some(certificates)) = (node.secure(), &certificates) {
        let hosts = certificates.hosts();
        say!("TLS         {}, port {}", hosts.join(", "), address.port());
    }
    say!(
        "Management  http://{0}   (copd ui prints the link to the page there)",
        node.management()
    );
    say!("Data        {}", data_dir.display());
    // Tools look into the usual folder, or where this variable says.
    match default_data_dir().as_ref() == Some(&data_dir) {
        true => say!("Publish     copc publish PATH"),
        false => say!(
            "Publish     COP_DATA={} copc publish PATH",
            data_dir.display()
        ),
    }
    say!("Ctrl-C stops it.");
    let renewing = certificates
        .map(|certificates| tokio::spawn(tls::keep_renewed(certificates, |told| say!("{told}"))));
    let ended = run(node).await;
    if let Some(renewing) = renewing {
        renewing.abort();
    }
    ended
}

/// What happens is printed on standard error: what the node says to who started it is on standard output.
fn journal(log: &LogSettings) -> Result<Arc<Journal>, String> {
    let by_reader = || match std::io::stderr().is_terminal() {
        true => Format::Text,
        false => Format::Json,
    };
    let format = log.format.unwrap_or_else(by_reader);
    Journal::printing(log.level, log.access, format, std::io::stderr())
        .map(Arc::new)
        .map_err(|error| format!("cannot start the thread that prints the log: {error}"))
}

/// Waits for the signal to stop, and stops; a second signal cuts the drain short.
///
/// # Errors
/// Signals cannot be received.
pub async fn run(node: Node) -> Result<(), String> {
    let failed = |error| format!("cannot receive signals: {error}");
    asked_to_stop().await.map_err(failed)?;
    say!("Stopping: finishing open requests (Ctrl-C again stops at once).");
    tokio::select! {
        () = node.stop() => Ok(()),
        again = asked_to_stop() => again.map_err(failed),
    }
}
