//! From a request for a program to its answer.

use std::panic::AssertUnwindSafe;

use bytes::{Buf, Bytes};
use cop_runtime::{Failure, ProgramRef, WebAnswer, WebRequest};
use futures_util::{FutureExt, Stream};
use warp::http::Response;

use crate::asked::Asked;
use crate::figures::{self, Seen};
use crate::gateway::Gateway;
use crate::links::Links;
use crate::target::{Form, ProgramTarget};
use crate::{answer, asset, body, encoding, live, own, receipt, refusal};

/// Answers with a program, or sends the client to where it should rather be.
pub(crate) async fn answer<B: Buf>(
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
    let live = gateway.config.live.as_deref();
    if let Some(complaint) = live.and_then(|live| live.instead(asked)) {
        return Ok(complaint);
    }
    if let Some(asset) = asset::find(asked, target, gateway).await? {
        let mut response = asset::response(asked, target, asset);
        if let Some(live) = live.filter(|_| live::is_whole(asked)) {
            live.add_script(&mut response);
        }
        return Ok(encoding::apply(asked, response, &gateway.compressed).await);
    }
    let received = body::read(asked, &gateway.config.limits, body).await?;
    let node = &gateway.config.node;
    match ask(asked, target, received.bytes.clone(), gateway).await {
        Ok(given) => {
            let mut response = answer::response(asked, target.form, &given);
            figures::set_headers(response.headers_mut(), &given.info, node, asked.is_local());
            if let Some(live) = live.filter(|_| live::is_whole(asked)) {
                live.add_script(&mut response);
            }
            let mut response = encoding::apply(asked, response, &gateway.compressed).await;
            if gateway.config.on_answer.is_some() {
                response.extensions_mut().insert(given.info.clone());
            }
            let status = response.status().as_u16();
            gateway.runs.enter(Seen::new(
                asked,
                target.form,
                given.info,
                status,
                response.body().len(),
            ));
            Ok(response)
        }
        Err(failure) => {
            if let Some(info) = &failure.info {
                let mut seen = Seen::new(
                    asked,
                    target.form,
                    info.clone(),
                    failure.code.http_status(),
                    0,
                );
                seen.trap = failure.trap.as_ref().map(|trap| trap.name.clone());
                gateway.runs.enter(seen);
            }
            Err(failure)
        }
    }
}

/// Asks the communication system, for as long as a request may take.
async fn ask(
    asked: &Asked,
    target: &ProgramTarget,
    body: Bytes,
    gateway: &Gateway,
) -> Result<WebAnswer, Failure> {
    let limits = &gateway.config.limits;
    let deadline = asked.arrived + limits.request_time;
    let bytes = |text: &str| text.as_bytes().to_vec();
    let request = WebRequest {
        method: bytes(asked.method.as_str()),
        target: bytes(&format!("{}{}", path_of(target), asked.query_suffix())),
        headers: asked
            .headers
            .iter()
            .map(|(name, value)| (bytes(name.as_str()), value.as_bytes().to_vec()))
            .collect(),
        body,
        cookies_visible: !target.form.is_shared(),
        deadline: Some(deadline),
        receipt: receipt::wanted(asked)?,
    };
    let asking =
        AssertUnwindSafe(gateway.communication.ask(&target.program, request)).catch_unwind();
    match tokio::time::timeout_at(deadline.into(), asking).await {
        Ok(Ok(answered)) => answered,
        // A defect below us costs one request, not the connection and what else runs on it.
        Ok(Err(_)) => Err(refusal::defect()),
        Err(_) => Err(refusal::request_time(limits)),
    }
}

/// The path that the program sees; it is never empty.
fn path_of(target: &ProgramTarget) -> &str {
    if target.path.is_empty() {
        "/"
    } else {
        &target.path
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
        let links = Links::new(asked, &gateway.config.label_hosts);
        if let Some(own) = links.at_own_host(address, name, &format!("{}{query}", path_of(target)))
        {
            return Some(own);
        }
    }
    target
        .path
        .is_empty()
        .then(|| format!("{}/{query}", target.prefix))
}
