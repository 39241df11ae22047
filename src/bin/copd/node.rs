//! One running node: the execution system, the gateway before it, and the management interface beside it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cop_gateway::{Gateway, GatewayConfig, Management, Server, Token};
use cop_net::{Communication, Executor};
use cop_runtime::{Address, Execution, ExecutionConfig, ProgramName};
use coputer::node_file::{NodeFile, TOKEN_FILE};

/// The port of the gateway when none is named.
pub const HTTP_PORT: u16 = 2517;
/// The port of the management interface when none is named.
pub const MANAGEMENT_PORT: u16 = 2508;

/// A node that is running.
pub struct Node {
    data_dir: PathBuf,
    execution: Execution,
    gateway: Server,
    management: Server,
    /// Host and port for links, such as `localhost:2517`.
    pub public: String,
}

impl Node {
    /// Opens the data folder. Only one process can have it open.
    ///
    /// # Errors
    /// A message for the operator.
    pub fn open(data_dir: &Path) -> Result<Execution, String> {
        Execution::open(data_dir, ExecutionConfig::default()).map_err(|error| error.to_string())
    }

    /// Starts to listen; `front` is the program that the bare host shows.
    ///
    /// # Errors
    /// A message for the operator.
    pub async fn start(
        data_dir: &Path,
        execution: Execution,
        http: SocketAddr,
        management: SocketAddr,
        front: Option<(Address, ProgramName)>,
    ) -> Result<Node, String> {
        let token_path = data_dir.join(TOKEN_FILE);
        let token = Token::load_or_create(&token_path).map_err(|error| {
            format!(
                "cannot use the management token {}: {error}",
                token_path.display()
            )
        })?;
        let executor: Arc<dyn Executor> = Arc::new(execution.clone());
        let config = GatewayConfig {
            front,
            ..GatewayConfig::default()
        };
        let name = config.node.clone();
        let gateway = start_gateway(http, config, &executor).await?;
        let public = public_host(gateway.address());
        let management = Management::start(management, token, &name, &public, executor)
            .await
            .map_err(|error| {
                cannot_listen("management interface", "--management", management, &error)
            })?;
        let node = Node {
            data_dir: data_dir.to_owned(),
            execution,
            gateway,
            management,
            public,
        };
        node.file()
            .write(data_dir)
            .map_err(|error| format!("cannot write into {}: {error}", data_dir.display()))?;
        Ok(node)
    }

    fn file(&self) -> NodeFile {
        NodeFile {
            pid: std::process::id(),
            http: self.gateway.address().to_string(),
            url: self.url(),
            management: format!("http://{}", self.management.address()),
        }
    }

    /// The node's own URL.
    pub fn url(&self) -> String {
        format!("http://{}/", self.public)
    }

    /// Where the management interface listens.
    pub fn management(&self) -> SocketAddr {
        self.management.address()
    }

    /// Finishes what is under way and stops.
    pub async fn stop(self) {
        NodeFile::remove(&self.data_dir);
        tokio::join!(self.gateway.stop(), self.management.stop());
        self.execution.shut_down().await;
    }
}

async fn start_gateway(
    http: SocketAddr,
    config: GatewayConfig,
    executor: &Arc<dyn Executor>,
) -> Result<Server, String> {
    let start = |address| {
        Gateway::start(
            address,
            config.clone(),
            Communication::with_own(executor.clone()),
        )
    };
    let started = match start(http).await {
        // A machine without IPv6 has no address that stands for both kinds.
        Err(error)
            if http.ip().is_unspecified()
                && http.is_ipv6()
                && error.kind() != io::ErrorKind::AddrInUse =>
        {
            start(SocketAddr::new(
                IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                http.port(),
            ))
            .await
        }
        started => started,
    };
    started.map_err(|error| cannot_listen("gateway", "--http", http, &error))
}

fn cannot_listen(what: &str, flag: &str, address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "the {what} cannot listen on {address}: the port is in use, perhaps by another node; choose another with {flag} ADDR (0 for any free port)"
            )
        }
        io::ErrorKind::InvalidInput => {
            format!("the {what} cannot listen on {address}: {error} ({flag} ADDR)")
        }
        io::ErrorKind::PermissionDenied => {
            format!(
                "the {what} cannot listen on {address}: not permitted; ports below 1024 need rights, choose another with {flag} ADDR"
            )
        }
        _ => format!(
            "the {what} cannot listen on {address}: {error} ({flag} ADDR chooses another address)"
        ),
    }
}

/// The host to write into links: a name under which labels work, where the gateway listens on this machine.
fn public_host(address: SocketAddr) -> String {
    let ip = address.ip().to_canonical();
    if ip.is_unspecified() || ip.is_loopback() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}
