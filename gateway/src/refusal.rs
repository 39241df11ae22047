//! The failures that the gateway itself finds: each with what happened and what to do about it.

use std::time::Duration;

use cop_runtime::address::{AddressError, NameError};
use cop_runtime::{Address, Failure, FailureCode};

use crate::limits::Limits;

/// A client that asks too often is told to wait this long.
const CLIENT_PAUSE_S: u32 = 5;

fn with_retry(mut failure: Failure, seconds: u32) -> Failure {
    failure.retry_after_s = Some(seconds);
    failure
}

/// A text from a request, short enough to be shown.
fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown: String = text
        .chars()
        .take(LONGEST)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

fn kib(bytes: usize) -> String {
    if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) {
        format!("{} MiB", bytes >> 20)
    } else if bytes >= 1 << 10 && bytes.is_multiple_of(1 << 10) {
        format!("{} KiB", bytes >> 10)
    } else {
        format!("{bytes} bytes")
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

// ---- states

pub(crate) fn no_states() -> Failure {
    Failure::new(
        FailureCode::Unreachable,
        "no states are kept here",
        "what answers for this node keeps no states of programs",
    )
}

pub(crate) fn no_commit(text: &str) -> Failure {
    Failure::new(
        FailureCode::BadRequest,
        "this is not the number of a commit",
        format!("`{}`", shown(text)),
    )
    .hint("`copc state history` lists them")
}

// ---- names in the URL

pub(crate) fn bad_address(text: &str, error: &AddressError) -> Failure {
    Failure::new(
        FailureCode::BadAddress,
        "this is not the address of a publisher",
        format!("`{}`: {error}", shown(text)),
    )
    .hint("copy the whole address again, `cop1` and all: 42 characters")
}

pub(crate) fn bad_name(text: &str, error: &NameError) -> Failure {
    Failure::new(
        FailureCode::BadName,
        "this is not the name of a program",
        format!("`{}`: {error}", shown(text)),
    )
    .hint("names have 1 to 20 of a-z, 0-9 and single hyphens, such as `guest-book`")
}

pub(crate) fn no_hyphen(label: &str) -> Failure {
    Failure::new(
        FailureCode::BadName,
        "name and address are not separated",
        format!(
            "`{}` has no hyphen between the program's name and the publisher's address",
            shown(label)
        ),
    )
    .hint("write NAME-ADDRESS.HOST")
}

pub(crate) fn bad_release(text: &str) -> Failure {
    Failure::new(
        FailureCode::BadRequest,
        "this is not a release number",
        format!(
            "`{}` stands after the `@`, where a release number such as 3 belongs",
            shown(text)
        ),
    )
    .hint("leave `@` and the number out to get the newest release")
}

pub(crate) fn bad_hash(text: &str, why: &str) -> Failure {
    Failure::new(
        FailureCode::BadRequest,
        "this is not the hash of a bundle",
        format!("`{}`: {why}", shown(text)),
    )
    .hint("copy the whole hash again: 52 characters of a-z and 2-7")
}

pub(crate) fn publisher_has_no_paths(address: &Address, path: &str) -> Failure {
    Failure::new(
        FailureCode::NoSuchProgram,
        "a publisher's host has one page only",
        format!(
            "`{}` is asked of {address}, which is the list of its programs",
            shown(path)
        ),
    )
    .hint("a program is at NAME-ADDRESS.HOST, or at HOST/~ADDRESS/NAME/")
}

pub(crate) fn no_such_page(path: &str) -> Failure {
    Failure::new(FailureCode::NoSuchProgram, "nothing is at this address", format!("this node has no page `{}`", shown(path)))
        .hint("programs are at NAME-ADDRESS.HOST/, /~ADDRESS/NAME/ and /b3/HASH/; the node's own page is /")
}

pub(crate) fn no_such_run(run: &str) -> Failure {
    Failure::new(
        FailureCode::NoSuchProgram,
        "this run is not known",
        format!("the node remembers no run `{}`", shown(run)),
    )
    .hint("figures are kept in memory for the latest runs only")
}

pub(crate) fn unknown_wish(wish: &str) -> Failure {
    Failure::new(
        FailureCode::BadRequest,
        "this node cannot verify like that",
        format!("`Cop-Verify: {}`", shown(wish)),
    )
    .hint("`Cop-Verify: receipt` is what it knows, and `receipt, root` with the root of the state; several nodes are asked by whoever wants to compare them")
}

pub(crate) fn no_salt() -> Failure {
    Failure::new(
        FailureCode::Denied,
        "a receipt is opened for whoever was given it",
        "the request has no `Cop-Salt`",
    )
    .hint("send the `Cop-Salt` that came with the receipt")
}

pub(crate) fn no_receipt(run: &str) -> Failure {
    Failure::new(
        FailureCode::NoSuchProgram,
        "there is no such receipt",
        format!(
            "the node remembers no run `{}` with a receipt that this `Cop-Salt` opens",
            shown(run)
        ),
    )
    .hint("ask again with `Cop-Verify: receipt`; the latest runs only are kept in memory")
}

pub(crate) fn only_here() -> Failure {
    Failure::new(
        FailureCode::Denied,
        "figures are shown on this machine only",
        "they would tell a stranger whether someone else asked before",
    )
}

pub(crate) fn read_only_page(method: &str) -> Failure {
    Failure::new(
        FailureCode::BadRequest,
        "this page can only be read",
        format!(
            "the method is {}, the page answers GET and HEAD",
            shown(method)
        ),
    )
}

// ---- management

pub(crate) fn no_such_route() -> Failure {
    Failure::new(
        FailureCode::NoSuchProgram,
        "nothing is at this address",
        "the management interface has no such path",
    )
    .hint("GET /v1/openapi.json tells of all that it has")
}

pub(crate) fn wrong_method() -> Failure {
    Failure::new(
        FailureCode::BadRequest,
        "this path does not take that method",
        "/v1/publish takes POST, everything else GET",
    )
}

pub(crate) fn foreign_host(host: &str) -> Failure {
    Failure::new(
        FailureCode::Denied,
        "management is for this machine",
        format!("the request is for the host `{}`", shown(host)),
    )
    .hint("use 127.0.0.1 or localhost; a name that someone's DNS points here is not accepted")
}

pub(crate) fn no_token() -> Failure {
    Failure::new(
        FailureCode::Denied,
        "the management token is missing or wrong",
        "every request needs it in the header `authorization: Bearer TOKEN`",
    )
    .hint("the token is in the file `token` of the node's data folder")
}

pub(crate) fn cut_publication(why: &str) -> Failure {
    Failure::new(FailureCode::BadRequest, "this is not a publication", why)
        .hint("the body is the length of the release as 4 bytes, little-endian, then the release, then the bundle")
}

// ---- the HTTP request

pub(crate) fn malformed_head() -> Failure {
    Failure::new(
        FailureCode::BadRequest,
        "this is not an HTTP/1.1 request",
        "the request line or a header line cannot be read",
    )
    .hint(
        "each line ends with CR LF, header lines are `name: value`, and lengths are plain numbers",
    )
}

pub(crate) fn wrong_version() -> Failure {
    Failure::new(
        FailureCode::BadRequest,
        "this connection speaks HTTP/1.1",
        "it was agreed on HTTP/1.1 in TLS, and then began with the preface of HTTP/2",
    )
    .hint("let the client offer `h2` by ALPN, or use HTTP/1.1")
}

pub(crate) fn needs_tls() -> Failure {
    Failure::new(
        FailureCode::BadRequest,
        "this port speaks TLS",
        "the connection began with something else",
    )
    .hint("write https:// instead of http://")
}

pub(crate) fn ambiguous_length() -> Failure {
    Failure::new(
        FailureCode::BadRequest,
        "the length of the body is given twice",
        "the request has both `content-length` and `transfer-encoding`",
    )
    .hint("send one of them; two let a request hide inside another one's body")
}

pub(crate) fn no_path(method: &str) -> Failure {
    Failure::new(
        FailureCode::BadRequest,
        "this kind of request is not answered",
        format!(
            "`{}`, or a target that is no path: this is neither a proxy nor a mirror",
            shown(method)
        ),
    )
}

pub(crate) fn bad_host(why: &str) -> Failure {
    Failure::new(
        FailureCode::BadRequest,
        "the request does not say which host it is for",
        why,
    )
    .hint("send exactly one `host` header")
}

pub(crate) fn encoded_body(encoding: &str) -> Failure {
    Failure::new(
        FailureCode::BadRequest,
        "the body is compressed",
        format!(
            "`content-encoding: {}` is not accepted yet",
            shown(encoding)
        ),
    )
    .hint("send the body as it is")
}

pub(crate) fn broken_body() -> Failure {
    Failure::new(
        FailureCode::BadRequest,
        "the body cannot be read",
        "it ended early, or its chunks are malformed",
    )
}

pub(crate) fn long_url(limits: &Limits) -> Failure {
    Failure::new(
        FailureCode::UriTooLong,
        "the URL is too long",
        format!("path and query may have {} together", kib(limits.url_bytes)),
    )
    .hint("send what is long in the body")
}

pub(crate) fn large_headers(limits: &Limits) -> Failure {
    Failure::new(
        FailureCode::HeadersTooLarge,
        "the headers are too large",
        format!(
            "a request may have {} of headers in at most 100 lines",
            kib(limits.header_bytes)
        ),
    )
    .hint("most often this is a cookie: delete this site's cookies and try again")
}

pub(crate) fn large_body(limits: &Limits) -> Failure {
    Failure::new(
        FailureCode::TooLarge,
        "the body is too large",
        format!("a request body may have {}", kib(limits.body_bytes)),
    )
    .hint("send it in several requests")
}

pub(crate) fn slow_head(limits: &Limits) -> Failure {
    Failure::new(
        FailureCode::Timeout,
        "the request did not arrive in time",
        format!(
            "its headers must be complete {} after their first byte",
            seconds(limits.header_time)
        ),
    )
}

pub(crate) fn slow_body(limits: &Limits) -> Failure {
    Failure::new(
        FailureCode::Timeout,
        "the body did not arrive in time",
        format!(
            "it must come at {} per second or more",
            kib(limits.body_bytes_per_second as usize)
        ),
    )
}

// ---- room and time

pub(crate) fn many_connections(limits: &Limits) -> Failure {
    with_retry(
        Failure::new(
            FailureCode::TooMany,
            "too many connections",
            format!(
                "one client network may have {} connections open",
                limits.connections_per_client
            ),
        )
        .hint("close some, or use one connection for several requests"),
        CLIENT_PAUSE_S,
    )
}

pub(crate) fn no_room(limits: &Limits) -> Failure {
    Failure::new(
        FailureCode::Overloaded,
        "the node has no room for another connection",
        format!("{} are open", limits.connections),
    )
    .hint("try again in a moment")
}

pub(crate) fn many_requests(most: usize) -> Failure {
    Failure::new(
        FailureCode::Overloaded,
        "the node has no room for another request",
        format!("{most} are under way"),
    )
    .hint("try again in a moment")
}

pub(crate) fn many_requests_of_one(limits: &Limits) -> Failure {
    with_retry(
        Failure::new(
            FailureCode::TooMany,
            "too many requests at once",
            format!(
                "one client network may have {} requests under way",
                limits.connections_per_client
            ),
        )
        .hint("wait for some of them"),
        CLIENT_PAUSE_S,
    )
}

pub(crate) fn no_memory(limits: &Limits) -> Failure {
    Failure::new(
        FailureCode::Overloaded,
        "the node has no room for another large body",
        format!(
            "bodies that are received and sent have {} together",
            kib(limits.held_bytes)
        ),
    )
    .hint("try again in a moment")
}

pub(crate) fn much_memory(limits: &Limits) -> Failure {
    with_retry(
        Failure::new(
            FailureCode::TooMany,
            "too many large bodies at once",
            format!(
                "those that one client network sends and reads have {} together",
                kib(limits.held_bytes_per_client)
            ),
        )
        .hint("read the answers that are on their way"),
        CLIENT_PAUSE_S,
    )
}

pub(crate) fn request_time(limits: &Limits) -> Failure {
    Failure::new(
        FailureCode::Deadline,
        "the answer was not ready in time",
        format!("a request may take {}", seconds(limits.request_time)),
    )
}

pub(crate) fn defect() -> Failure {
    Failure::new(
        FailureCode::Internal,
        "the node made a mistake",
        "it broke off while it worked on this request",
    )
    .hint("this is a defect of the node, not of your request; its output says where")
}
