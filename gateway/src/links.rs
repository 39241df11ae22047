//! Links to programs that work from where the reader is.

use cop_runtime::{Address, ProgramName};

use crate::asked::Asked;
use crate::target;

/// Makes links for the reader of one request. They have no scheme, so they keep that of the page, also behind a TLS proxy.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    /// The host without the label of a program or publisher, with port.
    host: String,
    /// Whether labels before that host work.
    labels: bool,
}

impl Links {
    /// Links for whoever sent `asked`. `label_hosts` are the hosts under which every label leads to this node.
    pub(crate) fn new(asked: &Asked, label_hosts: &[String]) -> Links {
        let host = target::base_host(&asked.host);
        Links {
            host: format!("{host}{}", asked.port),
            labels: label_hosts.iter().any(|known| known == host),
        }
    }

    /// The program at its own origin, if hosts with labels work here.
    pub(crate) fn at_own_host(
        &self,
        address: &Address,
        name: &ProgramName,
        path: &str,
    ) -> Option<String> {
        self.labels
            .then(|| format!("//{name}-{address}.{}{path}", self.host))
    }

    /// The front page of a program, at its own origin where that works.
    pub(crate) fn best(&self, address: &Address, name: &ProgramName) -> String {
        self.at_own_host(address, name, "/")
            .unwrap_or_else(|| self.on_node(&format!("/~{address}/{name}/")))
    }

    /// A path of the node itself.
    pub(crate) fn on_node(&self, path: &str) -> String {
        if self.host.is_empty() {
            path.to_owned()
        } else {
            format!("//{}{path}", self.host)
        }
    }
}
