//! A page asked for with a receipt.

use cop_runtime::WebRequest;
use cop_runtime::host::request::RequestView;
use cop_runtime::host::world::{Randomness, SystemRandomness};
use cop_runtime::host::{HostCall, Source};
use cop_runtime::receipt::SignedReceipt;
use cop_runtime::receipt::asked::{base64url, from_base64url};
use cop_runtime::receipt::leaves::Leaf;
use cop_runtime::receipt::opened::{OPENED_BYTES_MAX, OpenEnd, OpenedReceipt};
use coputer::http::{Answered, Ask, HttpClient};
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use hyper::{Method, StatusCode};

use super::VerifyOptions;
use super::told::Report;
use crate::arguments::OwnNode;
use crate::ended::Complaint;
use crate::node;

/// Most bytes of an answer: that of a program, with room.
const ANSWER_BYTES: usize = 17 << 20;

/// A page with its receipt.
pub struct Asked {
    /// Scheme, host and port.
    pub base: String,
    /// The receipt with what may be seen of the run.
    pub opened: OpenedReceipt,
    /// The body of the answer.
    pub body: Bytes,
    status: StatusCode,
    headers: HeaderMap,
    nonce: Vec<u8>,
    request: WebRequest,
}

/// What a URL says.
struct Parts {
    base: String,
    host: String,
    /// Path and query, without what names the program.
    target: String,
    /// The program shares its origin with others, so it sees no cookies.
    is_shared: bool,
}

/// Asks for a page with a receipt, and for what opens it.
pub fn ask(options: &VerifyOptions) -> Result<Asked, Complaint> {
    let parts = parts(&options.what)?;
    let body = options.parts.body()?;
    let usual = if options.parts.body.is_some() {
        "POST"
    } else {
        "GET"
    };
    let method = options.method.as_deref().unwrap_or(usual);
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| Complaint::Usage(format!("`{method}` is no method of HTTP")))?;
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut headers: Vec<(String, String)> =
        options.parts.headers()?.into_iter().map(owned).collect();
    let own = headers.clone();
    let (nonce, salt) = (random()?, base64url(&random()?));
    let wish = match options.root {
        true => "receipt, root",
        false => "receipt",
    };
    for (name, value) in [
        ("cop-verify", wish.to_owned()),
        ("cop-nonce", base64url(&nonce)),
        ("cop-salt", salt.clone()),
    ] {
        headers.push((name.to_owned(), value));
    }
    let ask = Ask {
        method: method.clone(),
        url: &options.what,
        bearer: None,
        body: body.clone(),
        answer_bytes: ANSWER_BYTES,
    };
    node::block_on(async {
        let client = HttpClient::default();
        let unreachable = |why| Complaint::Failed(format!("cannot ask {}: {why}", options.what));
        let answer = client.ask_with(ask, &headers).await.map_err(unreachable)?;
        let signed = signed(&answer, &options.what)?;
        let bytes = match options.owner {
            true => {
                let own = OwnNode {
                    url: None,
                    data: options.data.clone(),
                };
                node::of(&own)?.opened_receipt(run_id(&answer)?).await?
            }
            false => {
                let url = format!(
                    "{}/.well-known/coputer/receipts/{}",
                    parts.base,
                    run_id(&answer)?
                );
                let ask = Ask {
                    method: Method::GET,
                    url: &url,
                    bearer: None,
                    body: Vec::new(),
                    answer_bytes: OPENED_BYTES_MAX,
                };
                let salt = [("cop-salt".to_owned(), salt)];
                let opened = client.ask_with(ask, &salt).await.map_err(unreachable)?;
                if opened.status != StatusCode::OK {
                    return Err(Complaint::Failed(format!(
                        "the node gave a receipt, and not what opens it: {}",
                        problem(&opened)
                    )));
                }
                opened.body.to_vec()
            }
        };
        let opened = OpenedReceipt::decode(&bytes)
            .map_err(|error| Complaint::Failed(format!("the node's receipt is none: {error}")))?;
        if opened.signed != signed {
            return Err(Complaint::Failed(
                "the node signed two receipts for one run: the one that came with the answer is not the one that it opens".to_owned(),
            ));
        }
        let pairs = own.iter().map(|(name, value)| {
            let name = name.to_ascii_lowercase().into_bytes();
            (name, value.clone().into_bytes())
        });
        let mut sent: Vec<(Vec<u8>, Vec<u8>)> = pairs.collect();
        if !sent.iter().any(|(name, _)| name == b"host") {
            sent.push((b"host".to_vec(), parts.host.clone().into_bytes()));
        }
        Ok(Asked {
            base: parts.base,
            opened,
            body: answer.body,
            status: answer.status,
            headers: answer.headers,
            nonce,
            request: WebRequest {
                method: method.as_str().as_bytes().to_vec(),
                headers: sent,
                body: body.into(),
                cookies_visible: !parts.is_shared,
                ..WebRequest::get(&parts.target)
            },
        })
    })
}

fn random() -> Result<Vec<u8>, Complaint> {
    let mut bytes = vec![0; 32];
    let drawn = SystemRandomness.fill(&mut bytes);
    drawn.map_err(|cause| Complaint::Failed(format!("the system gives no randomness: {cause}")))?;
    Ok(bytes)
}

fn run_id(answer: &Answered) -> Result<&str, Complaint> {
    let run = answer
        .headers
        .get("cop-run")
        .and_then(|run| run.to_str().ok());
    let is_id = |run: &&str| run.len() == 32 && run.bytes().all(|c| c.is_ascii_hexdigit());
    run.filter(is_id)
        .ok_or_else(|| Complaint::Failed("the answer does not name its run".to_owned()))
}

/// The receipt that came with an answer.
fn signed(answer: &Answered, url: &str) -> Result<SignedReceipt, Complaint> {
    let Some(header) = answer.headers.get("cop-receipt") else {
        let why = match answer.status.is_success() {
            true => "no node of this kind answers there, or no program".to_owned(),
            false => problem(answer),
        };
        return Err(Complaint::Failed(format!(
            "{url} gave no receipt: {why}; a receipt is of a program's answer, at NAME-ADDRESS.HOST/, /~ADDRESS/NAME/ or /b3/HASH/"
        )));
    };
    let bytes = header.to_str().ok().and_then(from_base64url);
    let bytes = bytes.ok_or_else(|| {
        Complaint::Failed("the header Cop-Receipt of the answer is not base64url".to_owned())
    })?;
    SignedReceipt::decode(&bytes).map_err(|error| Complaint::Failed(error.to_string()))
}

/// What a node says of a failure.
fn problem(answer: &Answered) -> String {
    let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |name: &str| told.get(name).and_then(|text| text.as_str());
    match (text("title"), text("detail")) {
        (Some(title), Some(detail)) => format!("{}, {title}: {detail}", answer.status.as_u16()),
        _ => format!("status {}", answer.status),
    }
}

/// Cuts a URL.
fn parts(url: &str) -> Result<Parts, Complaint> {
    let wrong = |why: &str| Complaint::Usage(format!("`{url}` cannot be asked: {why}"));
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| wrong("it must begin with http://"))?;
    let rest = rest.split('#').next().unwrap_or_default();
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, target) = rest.split_at(at);
    if host.is_empty() || host.contains('@') {
        return Err(wrong("it names no host"));
    }
    let (path, query) = match target.find('?') {
        Some(at) => target.split_at(at),
        None => (target, ""),
    };
    // Where the path names the program, the program sees what comes after.
    let named = match path.get(..4) {
        Some("/b3/") => 2,
        _ if path.starts_with("/~") => 2,
        _ => 0,
    };
    let own = match named {
        0 => path,
        _ => match path.match_indices('/').nth(named) {
            Some((at, _)) => &path[at..],
            None => "",
        },
    };
    let own = if own.is_empty() { "/" } else { own };
    Ok(Parts {
        base: format!("http://{host}"),
        host: host.to_owned(),
        target: format!("{own}{query}"),
        is_shared: named > 0,
    })
}

impl Asked {
    /// What only who asked can check: that the receipt is of this very request, and the answer of this very receipt.
    pub fn note(&self, report: &mut Report) {
        let receipt = self.opened.signed.receipt();
        match receipt.nonce == self.nonce {
            true => report.proven("nonce", "it was made for this very request".to_owned()),
            false => report.wrong(
                "nonce",
                "it was not made for this request: its nonce is another one".to_owned(),
            ),
        }
        self.note_request(report);
        self.note_head(report);
    }

    /// What the run was told of the request is what was sent.
    fn note_request(&self, report: &mut Report) {
        let Ok(view) = RequestView::new(&self.request) else {
            return;
        };
        let open = self.opened.leaves.iter().filter_map(Leaf::open);
        let of_input = open.filter(|leaf| leaf.question.kind.source() == Source::Input);
        let mut count = 0;
        for leaf in of_input {
            let told = view.answer(leaf.question.kind, &leaf.question.argument);
            // A program may read a header that whatever lies between us and it has added or changed.
            let is_header = leaf.question.kind == HostCall::RequestHeader;
            if told.as_ref() == Some(&leaf.answer) {
                count += 1;
            } else if is_header {
                report.word(
                    "request",
                    &format!(
                        "what it was told of `{}`, which is not what was sent",
                        leaf.question
                    ),
                );
            } else {
                report.wrong(
                    "request",
                    format!(
                        "the run was told something else of `{}` than was sent",
                        leaf.question
                    ),
                );
            }
        }
        if count > 0 {
            report.proven(
                "request",
                "the run was told of the request what was sent".to_owned(),
            );
        }
    }

    /// Status and headers that came are those of the program, save what a gateway adds.
    fn note_head(&self, report: &mut Report) {
        let OpenEnd::Answer(answer) = &self.opened.end else {
            report.end = Some(format!("status {}, a trap", self.status.as_u16()));
            return;
        };
        report.end = Some(format!(
            "status {}, {}",
            answer.status,
            crate::say::size(self.body.len() as u64)
        ));
        if self.status.as_u16() != answer.status {
            report.wrong(
                "status",
                format!(
                    "the answer came with status {}, the program gave {}",
                    self.status.as_u16(),
                    answer.status
                ),
            );
        }
        let lost = answer.headers.iter().filter(|(name, value)| {
            let came = self.headers.get_all(name.as_str());
            !came.iter().any(|came| came.as_bytes() == value.as_bytes())
        });
        let lost: Vec<&str> = lost.map(|(name, _)| name.as_str()).collect();
        if !lost.is_empty() {
            report.note(format!(
                "the gateway changed or left out these headers of the program: {}",
                lost.join(", ")
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_cut_where_programs_begin() {
        for (url, host, target, is_shared) in [
            ("http://a.localhost:1", "a.localhost:1", "/", false),
            (
                "http://a.localhost:1/x/y?q=1#f",
                "a.localhost:1",
                "/x/y?q=1",
                false,
            ),
            ("http://h?q", "h", "/?q", false),
            ("http://h:2/~cop1x/hello", "h:2", "/", true),
            ("http://h:2/~cop1x/hello@3/a/b?c", "h:2", "/a/b?c", true),
            ("http://h/b3/hash/a", "h", "/a", true),
        ] {
            let parts = parts(url).expect("a URL");
            assert_eq!(
                (parts.host.as_str(), parts.target.as_str(), parts.is_shared),
                (host, target, is_shared),
                "{url}"
            );
        }
        for url in ["https://h/", "http://", "http:///x", "http://a@b/"] {
            assert!(parts(url).is_err(), "{url}");
        }
    }
}
