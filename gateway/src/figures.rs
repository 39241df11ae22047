//! What the gateway tells of a run: response headers for every client, and figures for those on this machine.
//!
//! A program is deterministic and so cannot know its own fuel, time or run id. Whoever wants to show them asks the gateway
//! afterwards, by the run id of the answer: `/.well-known/coputer/run/RUN`, on every host of the node.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use cop_runtime::{RunId, RunInfo};
use serde::Serialize;
use warp::http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::asked::Asked;
use crate::target::Form;

/// Runs whose figures are remembered.
const REMEMBERED: usize = 1024;

/// Longest path that is remembered with a run, in bytes.
const PATH_SHOWN: usize = 256;

/// Says which run made an answer, with the receipt that was asked for, and to those on this machine what it cost.
pub(crate) fn set_headers(headers: &mut HeaderMap, info: &RunInfo, node: &str, local: bool) {
    let run = info.run.to_string();
    let mut timing = String::with_capacity(64);
    timing.push_str("cop-run;desc=\"");
    timing.push_str(&run);
    timing.push('"');
    let mut set = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("cop-run", run);
    set("cop-program", info.program.to_string());
    set("cop-release", release(info));
    if local {
        set("cop-cache", info.cache.as_str().to_owned());
        set("cop-fuel", info.fuel_used.to_string());
        set("cop-memory", info.peak_memory_bytes.to_string());
        set("cop-time", info.time_us.to_string());
        set("cop-node", node.to_owned());
    }
    crate::receipt::set_headers(headers, info);
    // The one header of a document that its own scripts can read, by `performance.getEntriesByType("navigation")`.
    if local {
        let milliseconds = info.time_us as f64 / 1000.0;
        timing.push_str(&format!(", cop-time;dur={milliseconds}"));
    }
    if let Ok(timing) = HeaderValue::from_maybe_shared(Bytes::from(timing)) {
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

/// What came of a run, as the gateway saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    info: RunInfo,
    form: Form,
    method: Method,
    path: String,
    status: u16,
    body_bytes: usize,
    gateway_time: Duration,
    /// The trap's name, if the run trapped.
    pub(crate) trap: Option<String>,
}

impl Seen {
    pub(crate) fn new(
        asked: &Asked,
        form: Form,
        info: RunInfo,
        status: u16,
        body_bytes: usize,
    ) -> Seen {
        Seen {
            info,
            form,
            method: asked.method.clone(),
            path: asked.path.chars().take(PATH_SHOWN).collect(),
            status,
            body_bytes,
            gateway_time: asked.arrived.elapsed(),
            trap: None,
        }
    }

    /// Everything that is shown of it.
    pub(crate) fn figures<'a>(&'a self, node: &'a str) -> Figures<'a> {
        let info = &self.info;
        Figures {
            run: info.run.to_string(),
            node,
            program: info.program.to_string(),
            bundle: info.bundle.to_string(),
            cop_release: release(info),
            publisher: info.address.map(|address| address.to_string()),
            name: info.name.as_ref().map(|name| name.as_str()),
            release: info.release,
            form: match self.form {
                Form::Host => "host",
                Form::Path => "path",
                Form::Pinned => "pinned",
            },
            method: self.method.as_str(),
            path: &self.path,
            status: self.status,
            body_bytes: self.body_bytes,
            cache: info.cache.as_str(),
            engine: info.engine,
            fuel_used: info.fuel_used,
            fuel_limit: info.fuel_limit,
            peak_memory_bytes: info.peak_memory_bytes,
            memory_limit_bytes: info.memory_limit_bytes,
            time_us: info.time_us,
            gateway_time_us: u64::try_from(self.gateway_time.as_micros()).unwrap_or(u64::MAX),
            wrote: info.wrote,
            depends: Depends {
                headers: &info.depends.headers,
                cookies: info.depends.cookies,
                body: info.depends.body,
                state: info.depends.state,
                coarse_time: info.depends.coarse_time,
                unrepeatable: info.depends.unrepeatable,
            },
            trap: self.trap.as_deref(),
        }
    }
}

/// The figures of a run as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Figures<'a> {
    run: String,
    node: &'a str,
    program: String,
    bundle: String,
    /// `ADDRESS/NAME@N` or `b3/HASH`, as in the header `Cop-Release`.
    cop_release: String,
    publisher: Option<String>,
    name: Option<&'a str>,
    release: Option<u64>,
    form: &'static str,
    method: &'a str,
    path: &'a str,
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
    depends: Depends<'a>,
    trap: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Depends<'a> {
    headers: &'a [String],
    cookies: bool,
    body: bool,
    state: bool,
    coarse_time: bool,
    unrepeatable: bool,
}

/// The latest runs; the oldest goes first.
#[derive(Default)]
pub(crate) struct RunBook(Mutex<Book>);

#[derive(Default)]
struct Book {
    order: VecDeque<RunId>,
    runs: BTreeMap<RunId, Seen>,
}

impl RunBook {
    /// Remembers a run.
    pub(crate) fn enter(&self, seen: Seen) {
        let run = seen.info.run;
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if book.runs.insert(run, seen).is_none() {
            book.order.push_back(run);
        }
        while book.order.len() > REMEMBERED {
            if let Some(oldest) = book.order.pop_front() {
                book.runs.remove(&oldest);
            }
        }
    }

    /// What is known of a run, if it is still remembered.
    pub(crate) fn find(&self, run: RunId) -> Option<Seen> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .runs
            .get(&run)
            .cloned()
    }
}
