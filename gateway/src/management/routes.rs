//! The routes of the management interface.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use cop_runtime::{Failure, Health, Namespace, Published, ReleaseInfo};
use futures_util::Stream;
use serde::Serialize;
use warp::filters::BoxedFilter;
use warp::http::{HeaderValue, Response, header};
use warp::{Filter, Rejection, Reply};

use super::openapi::{self, Kind, Row};
use super::state::namespace;
use super::{
    Management, backup, cache, events, messages, metrics, runs, split_publication, state, states,
    ui, watch,
};
use crate::asked::Asked;
use crate::head;
use crate::listing::{ProgramJson, ReleaseJson};
use crate::reply::{Reader, Refused};
use crate::{body, own, refusal, reply};

pub(super) type Answer = Result<Response<Bytes>, Rejection>;

/// Every request of the owner takes one of these ways.
pub(super) fn routes(
    management: Arc<Management>,
) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone + Send + Sync + 'static {
    // Boxed, each of them: types of filters within filters take the compiler minutes.
    let allowed = allowed(management.clone()).boxed();
    let with = warp::any().map({
        let management = management.clone();
        move || management.clone()
    });

    let mut rows = Vec::new();
    let mut routes: Option<BoxedFilter<(Response<Bytes>,)>> = None;
    let mut add = |row: Row, route: BoxedFilter<(Response<Bytes>,)>| {
        rows.push(row);
        routes = Some(match routes.take() {
            None => route,
            Some(others) => others.or(route).unify().boxed(),
        });
    };
    // What stands in the table is what is asked for: both come of the same words.
    macro_rules! route {
        // The owner asks, and one function answers.
        ($method:ident $($path:tt)/+ => $row:tt by $answers:path) => {
            route!($method $($path)/+ => $row
                route.and(allowed.clone()).and(with.clone()).and_then($answers))
        };
        (
            $method:ident $($path:tt)/+ => {
                names: $names:expr,
                about: $about:expr,
                query: $query:expr,
                answer: $answer:expr,
            } $route:ident $($rest:tt)+
        ) => {
            add(
                Row {
                    method: stringify!($method),
                    segments: stringify!($($path)/+),
                    names: $names,
                    about: $about,
                    query: $query,
                    answer: $answer,
                },
                {
                    let $route = warp::path!($($path)/+).and(warp::$method());
                    $route $($rest)+.boxed()
                },
            );
        };
    }
    route!(get "v1" / "health" => {
        names: &[],
        about: "that the node works, and its figures",
        query: &[],
        answer: Kind::Fields(&[
            "ok boolean",
            "node string",
            "public string",
            "writable boolean",
            "programs integer",
            "publishers integer",
            "store_bytes integer",
            "workers integer",
            "running integer",
            "queued integer",
            "waiting integer",
            "messages integer",
            "runs integer",
            "traps integer",
            "refused integer",
            "cache_hits integer",
            "cache_misses integer",
            "cache_bytes integer",
            "disagreements integer",
            "engine string",
        ]),
    } by health);
    route!(get "v1" / "programs" => {
        names: &[],
        about: "every published name with its newest release",
        query: &[],
        answer: Kind::Fields(&["programs array"]),
    } by programs);
    route!(get "v1" / "releases" / String / String => {
        names: &["address", "name"],
        about: "the newest release, and what the next one must say",
        query: &[],
        answer: Kind::Fields(&[
            "newest object?",
            "next integer",
            "previous string?",
            "published object?",
        ]),
    } by release);
    route!(get "v1" / "releases" / String / String / "list" => {
        names: &["address", "name"],
        about: "releases of a name, newest first",
        query: &["before"],
        answer: Kind::Fields(&["releases array"]),
    } by releases);
    route!(get "v1" / "runs" => {
        names: &[],
        about: "the newest runs that are remembered",
        query: &["program", "count"],
        answer: Kind::Fields(&["runs array"]),
    } by runs::newest);
    route!(get "v1" / "runs" / String => {
        names: &["run"],
        about: "the record of a run",
        query: &["private"],
        answer: Kind::Other("application/octet-stream"),
    } by runs::recorded);
    route!(get "v1" / "runs" / String / "receipt" => {
        names: &["run"],
        about: "the receipt of a run with its questions and answers",
        query: &["private"],
        answer: Kind::Other("application/octet-stream"),
    } by runs::opened_receipt);
    route!(get "v1" / "runs" / String / "told" => {
        names: &["run"],
        about: "what a run was told and what came of it",
        query: &[],
        answer: Kind::Fields(&[
            "run string",
            "at_ms integer",
            "request string",
            "answers array",
            "writes array",
            "log array",
        ]),
    } by runs::told);
    route!(get "v1" / "state" / String / String => {
        names: &["address", "name"],
        about: "what a program keeps",
        query: &["prefix", "after"],
        answer: Kind::Fields(&[
            "commit integer",
            "bytes integer",
            "keys array",
            "more boolean",
        ]),
    } by state::list);
    route!(get "v1" / "state" / String / String / "history" => {
        names: &["address", "name"],
        about: "the commits that changed it, newest first",
        query: &["before"],
        answer: Kind::Fields(&["commits array"]),
    } by state::history);
    route!(post "v1" / "state" / String / String / "undo" / u64 => {
        names: &["address", "name", "number"],
        about: "undoes a commit",
        query: &[],
        answer: Kind::Fields(&["commit integer"]),
    } by state::undo);
    route!(get "v1" / "state" / String / String / "at" / u64 => {
        names: &["address", "name", "number"],
        about: "what a program kept behind a commit",
        query: &["prefix", "after"],
        answer: Kind::Fields(&[
            "commit integer",
            "bytes integer",
            "keys array",
            "more boolean",
        ]),
    } by states::at);
    route!(get "v1" / "state" / String / String / "diff" => {
        names: &["address", "name"],
        about: "what differs between two commits, or what a run changed",
        query: &["from", "to", "run"],
        answer: Kind::Fields(&["from integer", "to integer", "keys array"]),
    } by states::difference);
    route!(get "v1" / "state" / String / String / "root" => {
        names: &["address", "name"],
        about: "the root of a state",
        query: &["at"],
        answer: Kind::Fields(&["line string", "commit integer", "root string"]),
    } by states::root);
    route!(get "v1" / "state" / String / String / "export" => {
        names: &["address", "name"],
        about: "a state on file",
        query: &["at"],
        answer: Kind::Other("application/octet-stream"),
    } by states::export);
    route!(post "v1" / "state" / String / String / "import" => {
        names: &["address", "name"],
        about: "takes a state on file",
        query: &["replace"],
        answer: Kind::Fields(&["line string", "commit integer", "keys integer"]),
    } route.and(allowed.clone()).and(warp::body::stream()).and(with.clone()).and_then(states::import));
    route!(get "v1" / "cache" / String / String => {
        names: &["address", "name"],
        about: "what is remembered of a program",
        query: &[],
        answer: Kind::Fields(&[
            "release integer",
            "outcomes integer",
            "bytes integer",
            "places integer",
            "hits integer",
            "misses integer",
            "stored_outcomes integer",
            "stored_bytes integer",
            "closed array",
        ]),
    } by cache::remembered);
    route!(get "v1" / "messages" / String / String => {
        names: &["address", "name"],
        about: "messages that a program has sent and nobody has taken",
        query: &[],
        answer: Kind::Fields(&["messages array"]),
    } by messages::list);
    route!(post "v1" / "messages" / String / String / "retry" / String => {
        names: &["address", "name", "id"],
        about: "has a message tried again",
        query: &[],
        answer: Kind::Fields(&["ok boolean"]),
    } by messages::retry);
    route!(post "v1" / "backup" => {
        names: &[],
        about: "a backup of what is on disk, in the folder of the node",
        query: &["without_key"],
        answer: Kind::Fields(&[
            "path string",
            "bytes integer",
            "rows integer",
            "has_key boolean",
        ]),
    } by backup::make);
    route!(get "metrics" => {
        names: &[],
        about: "figures for Prometheus",
        query: &[],
        answer: Kind::Other("text/plain"),
    } by metrics::metrics);
    route!(get "v1" / "log-level" => {
        names: &[],
        about: "the level of the log",
        query: &[],
        answer: Kind::Fields(&["level string"]),
    } by events::level);
    route!(post "v1" / "log-level" => {
        names: &[],
        about: "changes the level of the log until the next start",
        query: &["level"],
        answer: Kind::Fields(&["level string"]),
    } by events::set_level);
    route!(post "v1" / "publish" => {
        names: &[],
        about: "stores a release with its bundle",
        query: &[],
        answer: Kind::Fields(&[
            "address string",
            "name string",
            "release integer",
            "release_hash string",
            "bundle string",
            "program string",
            "already boolean",
            "urls object",
        ]),
    } route.and(allowed.clone()).and(warp::body::stream()).and(with.clone()).and_then(publish));
    route!(get "v1" / "openapi.json" => {
        names: &[],
        about: "this description",
        query: &[],
        answer: Kind::Other("application/json"),
    } by description);
    rows.push(Row {
        method: "get",
        segments: stringify!("v1" / "events"),
        names: &[],
        about: "what happened: a list, or a stream of server-sent events",
        query: &["after", "count", "kind", "level", "program"],
        answer: Kind::Fields(&["events array", "cursor string", "gap string?"]),
    });
    let events = warp::path!("v1" / "events")
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(events::events)
        .boxed();
    // Set once, before the first request.
    let _ = management
        .description
        .set(openapi::document(&rows, &management.node));
    let page = ui::routes(management.clone()).boxed();
    let routes = match routes {
        None => page,
        Some(routes) => routes.or(page).unify().boxed(),
    };
    routes.or(events).recover(reply::recover)
}

async fn description(_: Asked, management: Arc<Management>) -> Answer {
    Ok(own::json(&management.description.get()))
}

/// Lets requests through that are made for this machine and carry its token.
fn allowed(
    management: Arc<Management>,
) -> impl Filter<Extract = (Asked,), Error = Rejection> + Clone + Send + Sync + 'static {
    head::asked(Arc::new(management.limits.clone())).and_then(move |asked: Asked| {
        let management = management.clone();
        async move {
            let given = asked
                .headers
                .get(header::AUTHORIZATION)
                .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
            if !management.is_meant(&asked) {
                Err(refused(refusal::foreign_host(&asked.host)))
            } else if !given.is_some_and(|given| management.token.is(given)) {
                Err(refused(refusal::no_token()))
            } else {
                Ok(asked)
            }
        }
    })
}

/// A file that is for tools.
pub(super) fn octets(content: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(content.into());
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Failures are always JSON here: who manages a node is a program.
pub(super) fn refused(failure: Failure) -> Rejection {
    warp::reject::custom(Refused {
        failure,
        reader: Reader {
            local: true,
            ..Reader::default()
        },
    })
}

#[derive(Serialize)]
struct HealthJson<'a> {
    ok: bool,
    node: &'a str,
    public: &'a str,
    writable: bool,
    programs: u64,
    publishers: u64,
    store_bytes: u64,
    workers: usize,
    running: usize,
    queued: usize,
    waiting: usize,
    messages: usize,
    runs: u64,
    traps: u64,
    refused: u64,
    cache_hits: u64,
    cache_misses: u64,
    cache_bytes: usize,
    disagreements: u64,
    /// Runs done again in the other engine, chosen and left out, and come out differently.
    checked: u64,
    checks_left_out: u64,
    check_differences: u64,
    /// What runs programs: `auto`, `jit` or `interpreter`.
    engine: &'static str,
    /// Functions compiled to machine code since the start.
    compiled_functions: u64,
    /// Functions whose machine code was taken from disk.
    found_functions: u64,
    /// Requests for machine code that ended without.
    compiled_without: u64,
    /// Requests for machine code that wait.
    compiling_queued: u64,
    compiling_us: u64,
    /// Memory of machine code.
    code_bytes: u64,
}

async fn health(_: Asked, management: Arc<Management>) -> Answer {
    let Health {
        writable,
        programs,
        publishers,
        store_bytes,
        workers,
        running,
        queued,
        waiting,
        messages,
        runs,
        traps,
        refused,
        cache_hits,
        cache_misses,
        cache_bytes,
        disagreements,
        self_check,
        engine,
        compiled,
    } = management.executor.health();
    Ok(own::json(&HealthJson {
        ok: true,
        node: &management.node,
        public: &management.public,
        writable,
        programs,
        publishers,
        store_bytes,
        workers,
        running,
        queued,
        waiting,
        messages,
        runs,
        traps,
        refused,
        cache_hits,
        cache_misses,
        cache_bytes,
        disagreements,
        checked: self_check.checked,
        checks_left_out: self_check.left_out,
        check_differences: self_check.differences,
        engine,
        compiled_functions: compiled.functions,
        found_functions: compiled.found,
        compiled_without: compiled.without,
        compiling_queued: compiled.waiting,
        compiling_us: compiled.compiling_us,
        code_bytes: compiled.code_bytes,
    }))
}

#[derive(Serialize)]
struct ProgramsJson {
    programs: Vec<ProgramJson>,
}

async fn programs(_: Asked, management: Arc<Management>) -> Answer {
    let programs = management.executor.programs(None).map_err(refused)?;
    Ok(own::json(&ProgramsJson {
        programs: programs.iter().map(ProgramJson::from).collect(),
    }))
}

/// What a publisher needs to know to sign the next release of a name.
#[derive(Serialize)]
struct NextJson {
    newest: Option<ReleaseJson>,
    /// The number of the next release.
    next: u64,
    /// The hash that the next release names as its previous one; `null` for the first.
    previous: Option<String>,
    /// The newest one, as publishing it again would tell of it: who has nothing new to publish needs not sign.
    published: Option<PublishedJson>,
}

/// Most releases in one answer.
const RELEASES_MAX: usize = 50;

#[derive(Serialize)]
struct ReleasesJson {
    releases: Vec<ReleaseJson>,
}

/// The releases of a name, newest first, from the one before `?before=NUMBER` on. Their numbers have no gaps.
async fn releases(
    address: String,
    name: String,
    asked: Asked,
    management: Arc<Management>,
) -> Answer {
    let find = || {
        let Namespace { address, name } = namespace(&address, &name)?;
        let executor = &management.executor;
        let newest = executor.release(&address, &name, None)?;
        let newest = newest.map_or(0, |newest| newest.number);
        let before = asked
            .parameter("before")
            .and_then(|before| before.parse().ok());
        let first = before.map_or(newest, |before: u64| newest.min(before.saturating_sub(1)));
        let mut releases = Vec::new();
        for number in (1..=first).rev().take(RELEASES_MAX) {
            let release = executor.release(&address, &name, Some(number))?;
            releases.extend(release.as_ref().map(ReleaseJson::from));
        }
        Ok(releases)
    };
    let releases = find().map_err(refused)?;
    Ok(own::json(&ReleasesJson { releases }))
}

async fn release(address: String, name: String, _: Asked, management: Arc<Management>) -> Answer {
    let find = || {
        let Namespace { address, name } = namespace(&address, &name)?;
        management.executor.release(&address, &name, None)
    };
    let newest = find().map_err(refused)?;
    Ok(own::json(&NextJson {
        next: newest.as_ref().map_or(1, |newest| newest.number + 1),
        previous: newest
            .as_ref()
            .map(|newest| newest.release_hash.to_string()),
        published: newest
            .as_ref()
            .map(|newest| PublishedJson::again(newest, &management.public)),
        newest: newest.as_ref().map(ReleaseJson::from),
    }))
}

/// A publication that is stored.
#[derive(Serialize)]
struct PublishedJson {
    address: String,
    name: String,
    release: u64,
    release_hash: String,
    bundle: String,
    program: String,
    /// Exactly this release was stored before.
    already: bool,
    urls: Urls,
}

/// The three URL forms.
#[derive(Serialize)]
struct Urls {
    host: String,
    path: String,
    pinned: String,
}

impl PublishedJson {
    /// A release that was stored before.
    fn again(known: &ReleaseInfo, public: &str) -> PublishedJson {
        let published = Published {
            address: known.address,
            name: known.name.clone(),
            number: known.number,
            release_hash: known.release_hash,
            bundle_hash: known.bundle_hash,
            package_hash: known.package_hash,
            already: true,
        };
        PublishedJson::new(&published, public)
    }

    fn new(published: &Published, public: &str) -> PublishedJson {
        let Published {
            address,
            name,
            number,
            ..
        } = published;
        PublishedJson {
            address: address.to_string(),
            name: name.to_string(),
            release: *number,
            release_hash: published.release_hash.to_string(),
            bundle: published.bundle_hash.to_string(),
            program: published.package_hash.to_string(),
            already: published.already,
            urls: Urls {
                host: format!("http://{name}-{address}.{public}/"),
                path: format!("http://{public}/~{address}/{name}/"),
                pinned: format!("http://{public}/b3/{}/", published.bundle_hash),
            },
        }
    }
}

async fn publish<B: Buf>(
    asked: Asked,
    stream: impl Stream<Item = Result<B, warp::Error>> + Send,
    management: Arc<Management>,
) -> Answer {
    let received = body::read(&asked, &management.limits, stream)
        .await
        .map_err(refused)?;
    let (release, bundle) =
        split_publication(&received.bytes).map_err(|why| refused(refusal::cut_publication(why)))?;
    let published = management.executor.publish(&release, &bundle).await;
    watch::published(&management, &published);
    let published = published.map_err(refused)?;
    Ok(own::json(&PublishedJson::new(
        &published,
        &management.public,
    )))
}
