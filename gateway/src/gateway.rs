//! The public side of a node: from a request to a program's answer, or to a page of our own.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use cop_net::Communication;
use cop_runtime::{Address, Failure, FailureCode, ProgramName, ProgramRef, WebRequest};
use futures_util::{FutureExt, Stream};
use serde::Serialize;
use warp::http::Response;
use warp::{Filter, Rejection, Reply};

use crate::asked::Asked;
use crate::figures::{RunBook, Seen};
use crate::head::asked;
use crate::limits::Limits;
use crate::links::Links;
use crate::listing::ProgramJson;
use crate::reply::{Reader, Refused};
use crate::serve::Server;
use crate::target::{self, Form, OwnPage, ProgramTarget, Target};
use crate::{answer, body, figures, own, page, refusal, reply};

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
}

impl Default for GatewayConfig {
    fn default() -> GatewayConfig {
        GatewayConfig {
            limits: Limits::default(),
            node: format!("copd/{}", env!("CARGO_PKG_VERSION")),
            label_hosts: vec!["localhost".to_owned()],
            front: None,
        }
    }
}

/// The public HTTP side of a node.
pub struct Gateway {
    config: GatewayConfig,
    communication: Communication,
    runs: RunBook,
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
        let gateway = Arc::new(Gateway {
            config,
            communication,
            runs: RunBook::default(),
        });
        Server::start(address, limits, warp::service(routes(gateway))).await
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
) -> Result<Response<Bytes>, Rejection> {
    let target = target::read(&asked.host, &asked.path);
    let shared = match &target {
        Ok(Target::Program(target)) => target.form.is_shared(),
        // Figures of a run are asked for by the page that the run made, wherever it is shown.
        Ok(Target::Own(OwnPage::Run(_))) => true,
        _ => false,
    };
    let shown = match target {
        Err(failure) => Err(failure),
        Ok(Target::Program(target)) => run_program(&asked, &target, body, &gateway).await,
        Ok(Target::Publisher(address)) => show_publisher(&asked, &gateway, &address),
        Ok(Target::Front) => show_front(&asked, &gateway),
        Ok(Target::Own(OwnPage::Node)) => show_node(&asked, &gateway),
        Ok(Target::Own(OwnPage::Failures)) => {
            must_read(&asked).map(|()| own::page(page::failures()))
        }
        Ok(Target::Own(OwnPage::Run(run))) => show_run(&asked, &gateway, &run),
    };
    shown.map_err(|failure| {
        let reader = Reader {
            page: asked.wants_page(),
            local: asked.is_local(),
            shared,
            node: gateway.config.node.clone(),
        };
        warp::reject::custom(Refused { failure, reader })
    })
}

/// Asks for a program's answer and makes it a response.
async fn run_program<B: Buf>(
    asked: &Asked,
    target: &ProgramTarget,
    body: impl Stream<Item = Result<B, warp::Error>> + Send,
    gateway: &Gateway,
) -> Result<Response<Bytes>, Failure> {
    if let Some(place) = better_place(asked, target, gateway) {
        return Ok(own::redirect(&place));
    }
    if let Some(answer) = answer::preflight(asked, target.form) {
        return Ok(answer);
    }
    let limits = &gateway.config.limits;
    let request = WebRequest {
        method: asked.method.as_str().as_bytes().to_vec(),
        target: format!(
            "{}{}",
            if target.path.is_empty() {
                "/"
            } else {
                &target.path
            },
            asked.query_suffix()
        )
        .into_bytes(),
        headers: asked
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec()))
            .collect(),
        body: body::read(asked, limits, body).await?,
        cookies_visible: !target.form.is_shared(),
        deadline: Some(asked.arrived + limits.request_time),
    };
    let asking =
        AssertUnwindSafe(gateway.communication.ask(&target.program, request)).catch_unwind();
    let deadline = asked.arrived + limits.request_time;
    let answered = match tokio::time::timeout_at(deadline.into(), asking).await {
        Ok(Ok(answered)) => answered,
        // A defect below us costs one request, not the connection and what else runs on it.
        Ok(Err(_)) => Err(refusal::defect()),
        Err(_) => Err(refusal::request_time(limits)),
    };
    match answered {
        Ok(given) => {
            let mut response = answer::response(asked, target.form, &given);
            figures::set_headers(
                response.headers_mut(),
                &given.info,
                &gateway.config.node,
                asked.is_local(),
            );
            let status = response.status().as_u16();
            let body_bytes = response.body().len();
            gateway.runs.enter(
                asked,
                &gateway.config.node,
                &Seen {
                    info: &given.info,
                    form: target.form,
                    status,
                    body_bytes,
                    trap: None,
                },
            );
            Ok(response)
        }
        Err(failure) => {
            if let Some(info) = &failure.info {
                let (status, trap) = (failure.code.http_status(), failure.trap.as_ref());
                gateway.runs.enter(
                    asked,
                    &gateway.config.node,
                    &Seen {
                        info,
                        form: target.form,
                        status,
                        body_bytes: 0,
                        trap,
                    },
                );
            }
            Err(failure)
        }
    }
}

/// Where a browser should rather see this program: at its own origin, or with the slash that makes relative links work.
fn better_place(asked: &Asked, target: &ProgramTarget, gateway: &Gateway) -> Option<String> {
    if !target.form.is_shared() || !asked.is_document() {
        return None;
    }
    let query = asked.query_suffix();
    if let (
        Form::Path,
        ProgramRef::Named {
            address,
            name,
            release: None,
        },
    ) = (target.form, &target.program)
    {
        let path = if target.path.is_empty() {
            "/"
        } else {
            &target.path
        };
        let links = Links::new(asked, &gateway.config.label_hosts);
        if let Some(own) = links.at_own_host(address, name, &format!("{path}{query}")) {
            return Some(own);
        }
    }
    target
        .path
        .is_empty()
        .then(|| format!("{}/{query}", target.prefix))
}

#[derive(Serialize)]
struct NodeJson<'a> {
    node: &'a str,
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
    let figures = gateway
        .runs
        .find(id)
        .ok_or_else(|| refusal::no_such_run(run))?;
    let mut response = own::json(&figures);
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
