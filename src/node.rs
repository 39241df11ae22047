//! One running node: the execution system, the gateway before it, and the management interface beside it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cop_gateway::journal::{Kind, Record};
use cop_gateway::outbound::Client;
use cop_gateway::{Gateway, GatewayConfig, Journal, Management, Observer, Server, Token};
use cop_net::{Communication, Executor};
use cop_runtime::{Execution, ExecutionConfig};

use crate::listen::{cannot_listen, public_host};
use crate::node_file::{NodeFile, TOKEN_FILE};

/// The port of the management interface when none is named.
pub const MANAGEMENT_PORT: u16 = 2508;

/// A node that is running.
pub struct Node {
    data_dir: PathBuf,
    execution: Execution,
    gateway: Server,
    management: Server,
    journal: Arc<Journal>,
    /// Host and port for links, such as `localhost:2517`.
    pub public: String,
}

impl Node {
    /// Opens the data folder. Only one process can have it open. Besides what is on the internet, programs may ask at these
    /// private addresses.
    ///
    /// # Errors
    /// A message for the operator.
    pub fn open(
        data_dir: &Path,
        config: ExecutionConfig,
        reach: &[SocketAddr],
    ) -> Result<Execution, String> {
        let outbound = Client::new(reach.to_vec())?;
        let execution = Execution::open(data_dir, config).map_err(|error| error.to_string())?;
        execution.reach_out(Arc::new(outbound));
        Ok(execution)
    }

    /// Starts to listen.
    ///
    /// # Errors
    /// A message for the operator.
    pub async fn start(
        data_dir: &Path,
        execution: Execution,
        http: SocketAddr,
        management: SocketAddr,
        mut config: GatewayConfig,
    ) -> Result<Node, String> {
        let token_path = data_dir.join(TOKEN_FILE);
        let token = Token::load_or_create(&token_path).map_err(|error| {
            format!(
                "cannot use the management token {}: {error}",
                token_path.display()
            )
        })?;
        let executor: Arc<dyn Executor> = Arc::new(execution.clone());
        let journal = config.journal.clone();
        let observer = Observer::new(journal.clone(), executor.clone());
        config.on_answer = Some(observer.on_answer(config.on_answer.take()));
        let name = config.node.clone();
        let secure = config.secure.as_ref();
        let certificates = secure.map(|secure| secure.certificates().clone());
        let gateway = start_gateway(http, config, &executor).await?;
        let public = public_host(gateway.address());
        let management = Management::start(
            management,
            token,
            &name,
            &public,
            executor,
            certificates,
            observer,
        )
        .await
        .map_err(|error| {
            cannot_listen("management interface", "--management", management, &error)
        })?;
        execution
            .deliver_messages()
            .await
            .map_err(|failure| failure.to_string())?;
        let node = Node {
            data_dir: data_dir.to_owned(),
            execution,
            gateway,
            management,
            journal,
            public,
        };
        node.file()
            .write(data_dir)
            .map_err(|error| format!("cannot write into {}: {error}", data_dir.display()))?;
        let started = Record::new(Kind::Started, format!("{name}, {}", node.url()));
        node.journal
            .record(started.field("pid", std::process::id()));
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

    /// Where the gateway speaks TLS, if it does.
    pub fn secure(&self) -> Option<SocketAddr> {
        self.gateway.secure_address()
    }

    /// Where the management interface listens.
    pub fn management(&self) -> SocketAddr {
        self.management.address()
    }

    /// Finishes what is under way and stops.
    pub async fn stop(self) {
        NodeFile::remove(&self.data_dir);
        self.journal
            .record(Record::new(Kind::Stopping, "open requests are finished"));
        // Who follows would otherwise hold up the end.
        self.journal.close();
        tokio::join!(self.gateway.stop(), self.management.stop());
        self.execution.shut_down().await;
    }
}

async fn start_gateway(
    http: SocketAddr,
    config: GatewayConfig,
    executor: &Arc<dyn Executor>,
) -> Result<Server, String> {
    let communication = Communication::with_own(executor.clone());
    let started = Gateway::start(http, config, communication).await;
    started.map_err(|error| cannot_listen("gateway", "--http", http, &error))
}
