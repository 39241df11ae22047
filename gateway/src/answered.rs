//! What is told of each answer to whoever watches: an access log, the terminal of an author.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cop_runtime::{RunInfo, TrapReport};
use warp::http::Response;

use crate::asked::Asked;

/// One answer of the gateway, after it was made and before it is sent.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The method as sent.
    pub method: &'a str,
    /// The host in lower case, without port; empty if none was named.
    pub host: &'a str,
    /// The path as sent.
    pub path: &'a str,
    /// The query as sent, without `?`.
    pub query: Option<&'a str>,
    /// The status.
    pub status: u16,
    /// Bytes of the body as it is sent.
    pub body_bytes: usize,
    /// From the end of the request's head to the answer, the reading of the body included.
    pub time: Duration,
    /// What is known of the run, if a program answered.
    pub run: Option<&'a RunInfo>,
    /// The trap that ended the run.
    pub trap: Option<&'a TrapReport>,
    /// The failure's code, if it is one.
    pub failure: Option<&'static str>,
}

/// Called with each answer to a request that could be read. It is on the way of the answer, so it must be quick.
#[derive(Clone)]
pub struct OnAnswer(Arc<dyn Fn(&Answered<'_>) + Send + Sync>);

impl OnAnswer {
    /// Calls `told` with each answer.
    pub fn new(told: impl Fn(&Answered<'_>) + Send + Sync + 'static) -> OnAnswer {
        OnAnswer(Arc::new(told))
    }

    /// Calls it.
    pub(crate) fn call(&self, answered: &Answered<'_>) {
        (self.0)(answered);
    }

    /// Tells of an answer. What a run was stands among the extensions of its response.
    pub(crate) fn tell(
        &self,
        asked: &Asked,
        response: &Response<Bytes>,
        failed: Option<Failed<'_>>,
    ) {
        let extensions = response.extensions();
        (self.0)(&Answered {
            method: asked.method.as_str(),
            host: &asked.host,
            path: &asked.path,
            query: asked.query.as_deref(),
            status: response.status().as_u16(),
            body_bytes: response.body().len(),
            time: asked.arrived.elapsed(),
            run: match &failed {
                Some(failed) => failed.info,
                None => extensions.get::<RunInfo>(),
            },
            trap: failed.as_ref().and_then(|failed| failed.trap),
            failure: failed.map(|failed| failed.code),
        });
    }
}

/// What is told of a failure.
pub(crate) struct Failed<'a> {
    pub(crate) code: &'static str,
    pub(crate) info: Option<&'a RunInfo>,
    pub(crate) trap: Option<&'a TrapReport>,
}

impl fmt::Debug for OnAnswer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("OnAnswer")
    }
}
