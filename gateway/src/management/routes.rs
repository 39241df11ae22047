//! The routes of the management interface.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use cop_runtime::{Failure, Health, Namespace, Published, ReleaseInfo};
use futures_util::Stream;
use serde::Serialize;
use warp::http::{HeaderValue, Response, header};
use warp::{Filter, Rejection, Reply};

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

    let health = warp::path!("v1" / "health")
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(health)
        .boxed();
    let programs = warp::path!("v1" / "programs")
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(programs)
        .boxed();
    let release = warp::path!("v1" / "releases" / String / String)
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(release)
        .boxed();
    let releases = warp::path!("v1" / "releases" / String / String / "list")
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(releases)
        .boxed();
    let runs = warp::path!("v1" / "runs")
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(runs::newest)
        .boxed();
    let run = warp::path!("v1" / "runs" / String)
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(runs::recorded)
        .boxed();
    let receipt = warp::path!("v1" / "runs" / String / "receipt")
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(runs::opened_receipt)
        .boxed();
    let told = warp::path!("v1" / "runs" / String / "told")
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(runs::told)
        .boxed();
    let state = warp::path!("v1" / "state" / String / String)
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(state::list)
        .boxed();
    let history = warp::path!("v1" / "state" / String / String / "history")
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(state::history)
        .boxed();
    let undo = warp::path!("v1" / "state" / String / String / "undo" / u64)
        .and(warp::post())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(state::undo)
        .boxed();
    let state_at = warp::path!("v1" / "state" / String / String / "at" / u64)
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(states::at)
        .boxed();
    let difference = warp::path!("v1" / "state" / String / String / "diff")
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(states::difference)
        .boxed();
    let root = warp::path!("v1" / "state" / String / String / "root")
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(states::root)
        .boxed();
    let export = warp::path!("v1" / "state" / String / String / "export")
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(states::export)
        .boxed();
    let import = warp::path!("v1" / "state" / String / String / "import")
        .and(warp::post())
        .and(allowed.clone())
        .and(warp::body::stream())
        .and(with.clone())
        .and_then(states::import)
        .boxed();
    let remembered = warp::path!("v1" / "cache" / String / String)
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(cache::remembered)
        .boxed();
    let messages = warp::path!("v1" / "messages" / String / String)
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(messages::list)
        .boxed();
    let retry = warp::path!("v1" / "messages" / String / String / "retry" / String)
        .and(warp::post())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(messages::retry)
        .boxed();
    let backup = warp::path!("v1" / "backup")
        .and(warp::post())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(backup::make)
        .boxed();
    let metrics = warp::path!("metrics")
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(metrics::metrics)
        .boxed();
    let level = warp::path!("v1" / "log-level")
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(events::level)
        .boxed();
    let set_level = warp::path!("v1" / "log-level")
        .and(warp::post())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(events::set_level)
        .boxed();
    let events = warp::path!("v1" / "events")
        .and(warp::get())
        .and(allowed.clone())
        .and(with.clone())
        .and_then(events::events)
        .boxed();
    let publish = warp::path!("v1" / "publish")
        .and(warp::post())
        .and(allowed)
        .and(warp::body::stream())
        .and(with)
        .and_then(publish)
        .boxed();

    health
        .or(programs)
        .unify()
        .or(release)
        .unify()
        .or(releases)
        .unify()
        .or(runs)
        .unify()
        .or(run)
        .unify()
        .or(receipt)
        .unify()
        .or(told)
        .unify()
        .or(state)
        .unify()
        .or(history)
        .unify()
        .or(undo)
        .unify()
        .or(state_at)
        .unify()
        .or(difference)
        .unify()
        .or(root)
        .unify()
        .or(export)
        .unify()
        .or(import)
        .unify()
        .or(remembered)
        .unify()
        .or(messages)
        .unify()
        .or(retry)
        .unify()
        .or(publish)
        .unify()
        .or(backup)
        .unify()
        .or(metrics)
        .unify()
        .or(level)
        .unify()
        .or(set_level)
        .unify()
        .or(ui::routes(management.clone()))
        .unify()
        .boxed()
        .or(events)
        .recover(reply::recover)
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
