//! The public side of a node: from a request to a program's answer, or to a page of our own.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use cop_net::Communication;
use cop_runtime::{Address, Failure, FailureCode, ProgramName};
use futures_util::Stream;
use serde::Serialize;
use warp::http::Response;
use warp::{Filter, Reply};

use crate::answered::{Failed, OnAnswer};
use crate::asked::Asked;
use crate::encoding::Compressed;
use crate::figures::RunBook;
use crate::head::asked;
use crate::journal::Journal;
use crate::limits::Limits;
use crate::links::Links;
use crate::listing::ProgramJson;
use crate::live::{self, Live};
use crate::reply::Reader;
use crate::serve::{self, Door, Entry, Server};
use crate::target::{self, Domains, OwnPage, Target};
use crate::tls::Certificates;
use crate::{answer, own, page, program, published, receipt, refusal, reply};

/// How a gateway presents itself.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// What the gateway grants its clients.
    pub limits: Limits,
    /// This node, as answers to clients on the same machine name it.
    pub node: String,
    /// Hosts under which every first label leads to this node, so that programs have an origin of their own there.
    pub label_hosts: Vec<String>,
    /// The program that `/` of a bare host shows to browsers, instead of the node's page.
    pub front: Option<(Address, ProgramName)>,
    /// Hosts that show one program each as their own.
    pub domains: Domains,
    /// Who is told of each answer.
    pub on_answer: Option<OnAnswer>,
    /// The program that is being written here, see [`crate::live`].
    pub live: Option<Arc<Live>>,
    /// Where what happens is written down.
    pub journal: Arc<Journal>,
    /// Where the same is served over TLS.
    pub secure: Option<Secure>,
}

/// A second place where a gateway listens, which speaks TLS.
#[derive(Clone, Debug)]
pub struct Secure {
    listener: Arc<TcpListener>,
    port: u16,
    certificates: Arc<Certificates>,
    redirect: bool,
}

impl Secure {
    /// Listens on `address`, and shows these certificates. `redirect`: requests without TLS for a host that one of them is for
    /// are sent here.
    ///
    /// # Errors
    /// Those of binding, such as a port in use.
    pub async fn bind(
        address: SocketAddr,
        certificates: Arc<Certificates>,
        redirect: bool,
    ) -> io::Result<Secure> {
        let listener = serve::bind(address).await?;
        Ok(Secure {
            port: listener.local_addr()?.port(),
            listener: Arc::new(listener.into_std()?),
            certificates,
            redirect,
        })
    }

    /// What it shows.
    pub fn certificates(&self) -> &Arc<Certificates> {
        &self.certificates
    }

    /// Where a request should rather have been sent.
    fn better_place(&self, asked: &Asked) -> Option<String> {
        if asked.secure || !self.redirect || !self.certificates.are_for(&asked.host) {
            return None;
        }
        let port = match self.port {
            443 => String::new(),
            port => format!(":{port}"),
        };
        let query = asked.query_suffix();
        Some(format!("https://{}{port}{}{query}", asked.host, asked.path))
    }
}

impl Default for GatewayConfig {
    fn default() -> GatewayConfig {
        GatewayConfig {
            limits: Limits::default(),
            node: format!("copd/{}", env!("CARGO_PKG_VERSION")),
            label_hosts: vec!["localhost".to_owned()],
            front: None,
            domains: Domains::new(),
            on_answer: None,
            live: None,
            journal: Arc::default(),
            secure: None,
        }
    }
}

/// The public HTTP side of a node.
pub struct Gateway {
    pub(crate) config: GatewayConfig,
    pub(crate) communication: Communication,
    pub(crate) runs: RunBook,
    pub(crate) compressed: Compressed,
}

impl Gateway {
    /// Listens on `address` and serves what `communication` finds.
    ///
    /// # Errors
    /// Those of binding, such as a port in use.
    pub async fn start(
        address: SocketAddr,
        config: GatewayConfig,
        communication: Communication,
    ) -> io::Result<Server> {
        let limits = config.limits.clone();
        let mut doors = vec![Door {
            listener: serve::bind(address).await?,
            entry: Entry::default(),
        }];
        if let Some(secure) = &config.secure {
            let listener = secure.listener.try_clone()?;
            doors.push(Door {
                listener: listener.try_into()?,
                entry: Entry {
                    certificates: Some(secure.certificates.clone()),
                    plain_here: false,
                },
            });
        }
        let gateway = Arc::new(Gateway {
            config,
            communication,
            runs: RunBook::default(),
            compressed: Compressed::default(),
        });
        Server::start(doors, limits, warp::service(routes(gateway)))
    }
}

/// The way of every request. Where it goes is decided by what its URL names, see [`target`].
fn routes(
    gateway: Arc<Gateway>,
) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone + Send + Sync + 'static {
    let limits = Arc::new(gateway.config.limits.clone());
    let with_gateway = warp::any().map(move || gateway.clone());
    asked(limits)
        .and(warp::body::stream())
        .and(with_gateway)
        .and_then(show)
        .recover(reply::recover)
}

/// Shows what the request's URL names: a program, a publisher, or a page of this node.
async fn show<B: Buf>(
    asked: Asked,
    body: impl Stream<Item = Result<B, warp::Error>> + Send,
    gateway: Arc<Gateway>,
) -> Result<Response<Bytes>, Infallible> {
    let secure = gateway.config.secure.as_ref();
    if let Some(place) = secure.and_then(|secure| secure.better_place(&asked)) {
        return Ok(own::moved(&place));
    }
    let target = target::read(&asked.host, &asked.path, &gateway.config.domains);
    let shared = match &target {
        Ok(Target::Program(target)) => target.form.is_shared(),
        // Figures of a run are asked for by the page that the run made, wherever it is shown.
        Ok(Target::Own(OwnPage::Run(_) | OwnPage::Receipt(_))) => true,
        _ => false,
    };
    let shown = match target {
        Err(failure) => Err(failure),
        Ok(Target::Program(target)) => program::answer(&asked, &target, body, &gateway).await,
        Ok(Target::Publisher(address)) => show_publisher(&asked, &gateway, &address),
        Ok(Target::Front) => show_front(&asked, &gateway),
        Ok(Target::Own(OwnPage::Node)) => show_node(&asked, &gateway),
        Ok(Target::Own(OwnPage::Failures)) => {
            must_read(&asked).map(|()| own::page(page::failures()))
        }
        Ok(Target::Own(OwnPage::Run(run))) => show_run(&asked, &gateway, &run),
        Ok(Target::Own(OwnPage::Receipt(run))) => {
            must_read(&asked).and_then(|()| receipt::opened(&gateway.communication, &asked, &run))
        }
        Ok(Target::Own(OwnPage::Release(which))) => {
            must_read(&asked).and_then(|()| published::release(&gateway.communication, &which))
        }
        Ok(Target::Own(OwnPage::Bundle(hash))) => match must_read(&asked) {
            Ok(()) => published::bundle(&gateway.communication, &hash).await,
            Err(failure) => Err(failure),
        },
        Ok(Target::Own(page @ (OwnPage::Live | OwnPage::LiveScript))) => {
            show_live(&asked, page, &gateway).await
        }
    };
    Ok(match shown {
        Ok(response) => {
            if let Some(told) = &gateway.config.on_answer {
                told.tell(&asked, &response, None);
            }
            response
        }
        Err(failure) => {
            let reader = Reader {
                page: asked.wants_page(),
                local: asked.is_local(),
                shared,
                node: gateway.config.node.clone(),
                live: gateway.config.live.clone(),
            };
            let response = reply::failure(&failure, &reader);
            if let Some(told) = &gateway.config.on_answer {
                let failed = Failed {
                    code: failure.code.code(),
                    info: failure.info.as_ref(),
                    trap: failure.trap.as_ref(),
                };
                told.tell(&asked, &response, Some(failed));
            }
            response
        }
    })
}

/// The stage of the program that is being written here, or the script that shows it.
async fn show_live(
    asked: &Asked,
    page: OwnPage,
    gateway: &Gateway,
) -> Result<Response<Bytes>, Failure> {
    must_read(asked)?;
    match (&gateway.config.live, page) {
        (None, _) => Err(refusal::no_such_page(&asked.path)),
        (Some(_), OwnPage::LiveScript) => Ok(live::script()),
        (Some(live), _) => Ok(live::next(asked, live).await),
    }
}

#[derive(Serialize)]
struct NodeJson<'a> {
    node: &'a str,
    /// The public key of its receipts.
    key: Option<String>,
    programs: Vec<ProgramJson>,
}

/// Browsers are sent to the front program, if the node has one; everyone else gets the node's page.
fn show_front(asked: &Asked, gateway: &Gateway) -> Result<Response<Bytes>, Failure> {
    match &gateway.config.front {
        Some((address, name)) if asked.is_document() => Ok(own::redirect(
            &Links::new(asked, &gateway.config.label_hosts).best(address, name),
        )),
        _ => show_node(asked, gateway),
    }
}

fn show_node(asked: &Asked, gateway: &Gateway) -> Result<Response<Bytes>, Failure> {
    must_read(asked)?;
    let programs = gateway.communication.programs(None)?;
    let node = &gateway.config.node;
    let links = &Links::new(asked, &gateway.config.label_hosts);
    Ok(if asked.wants_page() {
        own::page(page::node(&page::NodeView {
            node,
            programs: &programs,
            links,
        }))
    } else {
        own::json(&NodeJson {
            node,
            key: gateway
                .communication
                .node_key()
                .map(|key| format!("{key:?}")),
            programs: programs.iter().map(ProgramJson::from).collect(),
        })
    })
}

#[derive(Serialize)]
struct PublisherJson {
    address: String,
    programs: Vec<ProgramJson>,
}

fn show_publisher(
    asked: &Asked,
    gateway: &Gateway,
    address: &Address,
) -> Result<Response<Bytes>, Failure> {
    must_read(asked)?;
    let programs = gateway.communication.programs(Some(address))?;
    let links = &Links::new(asked, &gateway.config.label_hosts);
    Ok(if asked.wants_page() {
        own::page(page::publisher(&page::PublisherView {
            address,
            programs: &programs,
            links,
        }))
    } else {
        own::json(&PublisherJson {
            address: address.to_string(),
            programs: programs.iter().map(ProgramJson::from).collect(),
        })
    })
}

fn show_run(asked: &Asked, gateway: &Gateway, run: &str) -> Result<Response<Bytes>, Failure> {
    must_read(asked)?;
    if !asked.is_local() {
        return Err(refusal::only_here());
    }
    let id = run.parse().map_err(|why: String| {
        Failure::new(FailureCode::BadRequest, "this is not the id of a run", why)
    })?;
    let seen = gateway
        .runs
        .find(id)
        .ok_or_else(|| refusal::no_such_run(run))?;
    let mut response = own::json(&seen.figures(&gateway.config.node));
    // Whoever knows the id of a run was told it in that run's answer.
    answer::open_to_all(response.headers_mut());
    Ok(response)
}

fn must_read(asked: &Asked) -> Result<(), Failure> {
    if asked.is_read() {
        Ok(())
    } else {
        Err(refusal::read_only_page(asked.method.as_str()))
    }
}
