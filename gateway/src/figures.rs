//! What the gateway tells of a run: response headers for every client, and figures for those on this machine.
//!
//! A program is deterministic and so cannot know its own fuel, time or run id. Whoever wants to show them asks the gateway
//! afterwards, by the run id of the answer: `/.well-known/coputer/run/RUN`, on every host of the node.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use cop_runtime::{RunId, RunInfo, TrapReport};
use serde::Serialize;
use warp::http::{HeaderMap, HeaderName, HeaderValue};

use crate::asked::Asked;
use crate::target::Form;

/// Runs whose figures are remembered.
const REMEMBERED: usize = 1024;

/// Longest path that is remembered with a run, in bytes.
const PATH_SHOWN: usize = 256;

/// Says which run made an answer, and to those on this machine what it cost.
pub(crate) fn set_headers(headers: &mut HeaderMap, info: &RunInfo, node: &str, local: bool) {
    let mut set = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("cop-run", info.run.to_string());
    set("cop-program", info.program.to_string());
    set("cop-release", release(info));
    if local {
        set("cop-cache", info.cache.as_str().to_owned());
        set("cop-fuel", info.fuel_used.to_string());
        set("cop-memory", info.peak_memory_bytes.to_string());
        set("cop-time", info.time_us.to_string());
        set("cop-node", node.to_owned());
    }
    // The one header of a document that its own scripts can read, by `performance.getEntriesByType("navigation")`.
    let mut timing = format!("cop-run;desc=\"{}\"", info.run);
    if local {
        let milliseconds = info.time_us as f64 / 1000.0;
        timing.push_str(&format!(", cop-time;dur={milliseconds}"));
    }
    if let Ok(timing) = HeaderValue::from_str(&timing) {
        headers.append("server-timing", timing);
    }
}

/// `ADDRESS/NAME@N`, or `b3/HASH` of a bundle that was run by its hash alone.
fn release(info: &RunInfo) -> String {
    match (&info.address, &info.name, info.release) {
        (Some(address), Some(name), Some(release)) => format!("{address}/{name}@{release}"),
        _ => format!("b3/{}", info.bundle),
    }
}

/// Everything that is shown of one run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    run: String,
    node: String,
    program: String,
    bundle: String,
    /// `ADDRESS/NAME@N` or `b3/HASH`, as in the header `Cop-Release`.
    cop_release: String,
    publisher: Option<String>,
    name: Option<String>,
    release: Option<u64>,
    form: &'static str,
    method: String,
    path: String,
    status: u16,
    body_bytes: usize,
    cache: &'static str,
    engine: &'static str,
    fuel_used: u64,
    fuel_limit: u64,
    peak_memory_bytes: u64,
    memory_limit_bytes: u64,
    /// In the execution system.
    time_us: u64,
    /// From the end of the request's head to the answer, the reading of the body included.
    gateway_time_us: u64,
    wrote: bool,
    depends: Depends,
    trap: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Depends {
    headers: Vec<String>,
    cookies: bool,
    body: bool,
    state: bool,
    coarse_time: bool,
    unrepeatable: bool,
}

/// What came of a run, as the gateway saw it.
pub(crate) struct Seen<'a> {
    pub(crate) info: &'a RunInfo,
    pub(crate) form: Form,
    pub(crate) status: u16,
    pub(crate) body_bytes: usize,
    pub(crate) trap: Option<&'a TrapReport>,
}

/// The figures of the latest runs; the oldest goes first.
#[derive(Default)]
pub(crate) struct RunBook(Mutex<Book>);

#[derive(Default)]
struct Book {
    order: VecDeque<RunId>,
    runs: BTreeMap<RunId, Figures>,
}

impl RunBook {
    /// Remembers a run.
    pub(crate) fn enter(&self, asked: &Asked, node: &str, seen: &Seen<'_>) {
        let info = seen.info;
        let figures = Figures {
            run: info.run.to_string(),
            node: node.to_owned(),
            program: info.program.to_string(),
            bundle: info.bundle.to_string(),
            cop_release: release(info),
            publisher: info.address.map(|address| address.to_string()),
            name: info.name.as_ref().map(|name| name.to_string()),
            release: info.release,
            form: match seen.form {
                Form::Host => "host",
                Form::Path => "path",
                Form::Pinned => "pinned",
            },
            method: asked.method.to_string(),
            path: asked.path.chars().take(PATH_SHOWN).collect(),
            status: seen.status,
            body_bytes: seen.body_bytes,
            cache: info.cache.as_str(),
            engine: info.engine,
            fuel_used: info.fuel_used,
            fuel_limit: info.fuel_limit,
            peak_memory_bytes: info.peak_memory_bytes,
            memory_limit_bytes: info.memory_limit_bytes,
            time_us: info.time_us,
            gateway_time_us: u64::try_from(asked.arrived.elapsed().as_micros()).unwrap_or(u64::MAX),
            wrote: info.wrote,
            depends: Depends {
                headers: info.depends.headers.clone(),
                cookies: info.depends.cookies,
                body: info.depends.body,
                state: info.depends.state,
                coarse_time: info.depends.coarse_time,
                unrepeatable: info.depends.unrepeatable,
            },
            trap: seen.trap.map(|trap| trap.name.clone()),
        };
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if book.runs.insert(info.run, figures).is_none() {
            book.order.push_back(info.run);
        }
        while book.order.len() > REMEMBERED {
            if let Some(oldest) = book.order.pop_front() {
                book.runs.remove(&oldest);
            }
        }
    }

    /// The figures of a run, if it is still remembered.
    pub(crate) fn find(&self, run: RunId) -> Option<Figures> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .runs
            .get(&run)
            .cloned()
    }
}
