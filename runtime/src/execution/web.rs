//! Running a web program for one request.

use std::sync::Arc;
use std::time::Instant;

use super::receipts::{Commits, Seen};
use super::target::{Target, resolve, snapshot};
use super::waiting::{Budget, Progress, forgotten};
use super::{Shared, count, outbox};
use cop_bytecode::Hash;
use cop_bytecode::limits::ATTEMPTS_FUEL;

use crate::address::Address;
use crate::answer::{Cache, Dependence, ProgramRef, RunId, RunInfo, WebAnswer, WebRequest};
use crate::cache::{self, Leader, Planted, TreeKey, Turn, Walk};
use crate::failure::{Failure, FailureCode};
use crate::host::clock::system_now_ms;
use crate::host::request::RequestView;
use crate::host::world::{Input, NoAnswer, SystemRandomness, World, still_valid, store_failure};
use crate::host::{HostCall, Source};
use crate::local::misfit_failure;
use crate::receipt::StateSeen;
use crate::receipt::asked::ReceiptWanted;
use crate::report::{trap_hint, trap_report};
use crate::run::{EntryKind, RunEnd, RunRecord, Unfinished, Wait, attempt};
use crate::runs::{KeptRun, new_run_id};
use crate::state::{Change, Changed, CommitError, Sequence};
use crate::store::StoreError;
use crate::store::state::{Namespace, StateView};
use crate::transcript::{Question, Transcript};
use crate::workers::{Cancelled, NoResult, Owner};

/// How often a long run is tried while others may change what it reads; a short one takes its turn after the first time.
const ATTEMPTS_AMONG_OTHERS: usize = 3;
/// Most fuel of a run that may then have its namespace for itself.
const FUEL_ALONE_MAX: u64 = 10_000_000;
pub(super) const ENTRY: &str = "handle";

/// Who asks a program.
#[derive(Clone, Debug, Default)]
pub(super) struct Asker {
    /// How many programs are between a client and the program; 0 if it is asked by a client. What programs ask changes nothing.
    pub(super) depth: u32,
    /// What may be spent for that client.
    pub(super) budget: Option<Arc<Budget>>,
}

/// One request on its way through.
#[derive(Clone)]
pub(super) struct Request {
    run: RunId,
    target: Target,
    input: Arc<Input>,
    description: String,
    pub(super) deadline: Option<Instant>,
    begun: Instant,
    begun_ms: i64,
    receipt: Option<ReceiptWanted>,
    pub(super) asker: Asker,
    pub(super) budget: Arc<Budget>,
}

impl Request {
    /// The program that answers it.
    pub(super) fn program(&self) -> Hash {
        self.target.ready.manifest.package
    }

    /// The origins that the program may ask.
    pub(super) fn origins(&self) -> &[String] {
        &self.target.ready.manifest.origins
    }

    /// Fuel that one run for it may use.
    pub(super) fn fuel_limit(&self) -> u64 {
        self.target.limits.fuel
    }

    /// Counts what a run for another program has used.
    pub(super) fn spend(&self, fuel: u64) {
        if self.asker.depth > 0 {
            self.budget.spend(fuel);
        }
    }

    /// Who published that, unless it is run by its hash alone.
    pub(super) fn publisher(&self) -> Option<Address> {
        self.target.named.as_ref().map(|(address, ..)| *address)
    }
}

pub(super) async fn run_web(
    shared: &Arc<Shared>,
    program: &ProgramRef,
    request: WebRequest,
) -> Result<WebAnswer, Failure> {
    run_for(shared, program, request, Asker::default()).await
}

/// The same for a program that asks.
pub(super) async fn run_for(
    shared: &Arc<Shared>,
    program: &ProgramRef,
    request: WebRequest,
    asker: Asker,
) -> Result<WebAnswer, Failure> {
    let begun = Instant::now();
    shared.admit()?;
    let target = resolve(shared, program).await?;
    if let (Some(_), Some(error @ StoreError::Failed(_))) =
        (&target.namespace, shared.store.failure())
    {
        // Nobody knows what a disk that failed still gives: what rests on it is not told any more.
        return Err(store_failure(error));
    }
    let view = RequestView::new(&request).map_err(|bad| {
        Failure::new(
            FailureCode::BadRequest,
            "the request has no clear meaning",
            bad.0,
        )
        .hint("correct the URL or the method")
    })?;
    let budget = match &asker.budget {
        Some(budget) => budget.clone(),
        None => Arc::new(Budget::of_limit(target.limits.fuel)),
    };
    let request = Request {
        run: new_run_id()?,
        asker,
        budget,
        description: format!("{} {}", view.method(), view.path()),
        input: Arc::new(Input::Request(Box::new(view))),
        deadline: request.deadline,
        receipt: request.receipt,
        begun,
        begun_ms: system_now_ms(),
        target,
    };
    let tree = shared.cache.tree(&TreeKey {
        program: request.target.ready.manifest.package,
        entry: ENTRY,
    });
    let mut progress = Progress::default();
    let (known, cache) = match remembered(shared, &request, &tree, &mut progress).await? {
        Remembered::Outcome(known) => {
            count(&shared.figures.cache_hits);
            (known, Cache::Hit)
        }
        Remembered::Nothing(way) => {
            count(&shared.figures.cache_misses);
            let run = Run {
                tree: &tree,
                way: Arc::new(way),
            };
            let known = run_and_commit(shared, &request, run, progress).await?;
            (known, Cache::Miss)
        }
    };
    let durable = shared.states.durable(known.rests_on).await;
    durable.map_err(|error| store_failure(&error))?;
    let state = match (&request.target.namespace, known.commits, &request.receipt) {
        (Some(namespace), Some(commits), Some(wanted)) => {
            let seen = shared.state_seen(namespace, commits, wanted.with_root);
            Some(seen.await?)
        }
        _ => None,
    };
    finish(shared, &request, known.record, state, cache)
}

/// An outcome that may be told when all it rests on is durable.
struct Known {
    record: Arc<RunRecord>,
    rests_on: Sequence,
    /// What it saw and made of its program's state, if a receipt is wanted.
    commits: Option<Commits>,
}

/// What is known before a run.
enum Remembered {
    /// The outcome that a run would have. What it writes is accepted.
    Outcome(Known),
    /// A run is needed.
    Nothing(Way),
}

/// How a run comes to be.
enum Way {
    /// Whoever asks the same meanwhile waits for it.
    Leads(Leader),
    /// Nobody waits for it; what comes of it is remembered.
    Alone,
    /// Nothing is remembered where it leads to.
    Closed,
}

/// A run that is needed, and where what comes of it is remembered.
#[derive(Clone)]
struct Run<'a> {
    tree: &'a Arc<Planted>,
    way: Arc<Way>,
}

/// Walks through the cache, and again when somebody else's run has made it grow where the first walk ended.
async fn remembered(
    shared: &Arc<Shared>,
    request: &Request,
    tree: &Arc<Planted>,
    progress: &mut Progress,
) -> Result<Remembered, Failure> {
    if !shared.cache.is_restored(tree) {
        shared.cache.restore(tree, &shared.store).await;
    }
    let until = request.begun + cache::WAIT_MAX;
    let mut waited_at = None;
    loop {
        let (walk, seen) = match walk(shared, request, tree, progress)? {
            Walked::To(walk, seen) => (walk, seen),
            // What a run would ask elsewhere the walk asks there; a run that follows keeps the answer.
            Walked::Waits(question) => {
                progress.wait(shared, request, question).await?;
                continue;
            }
        };
        let edge = match walk {
            Walk::Hit(record) => {
                return Ok(match committed(shared, request, record, seen).await? {
                    Ok(known) => Remembered::Outcome(known),
                    Err(_) => Remembered::Nothing(Way::Alone),
                });
            }
            Walk::Closed => return Ok(Remembered::Nothing(Way::Closed)),
            Walk::Unknown(edge) => edge,
        };
        // A run of somebody else led to another place than mine does: so will the next.
        if waited_at
            .as_ref()
            .is_some_and(|waited_at| *waited_at != edge)
        {
            return Ok(Remembered::Nothing(Way::Alone));
        }
        match edge.join() {
            // Another run may have landed between the walk and this.
            Turn::Lead(_) if edge.is_outgrown() => {}
            Turn::Lead(leader) => return Ok(Remembered::Nothing(Way::Leads(leader))),
            Turn::Wait(other) => {
                if !other.wait(until).await {
                    return Ok(Remembered::Nothing(Way::Alone));
                }
                waited_at = Some(edge);
            }
        }
    }
}

pub(super) fn broken() -> Failure {
    Failure::new(
        FailureCode::Internal,
        "the node has a defect",
        "what it did for this request ended without a result",
    )
    .hint("tell the operator of the node what you asked for")
}

/// What a walk came to.
enum Walked {
    /// A place, having seen the state up to this.
    To(Walk, Seen),
    /// A question that somebody else has to be asked.
    Waits(Question),
}

fn walk(
    shared: &Shared,
    request: &Request,
    tree: &Arc<Planted>,
    progress: &Progress,
) -> Result<Walked, Failure> {
    let snapshot = snapshot(&shared.states, &request.target);
    let mut world = World {
        input: &request.input,
        state: snapshot.as_ref().map(|snapshot| snapshot as &dyn StateView),
        now_ms: request.begun_ms,
        randomness: &mut SystemRandomness,
        kept: Some(&progress.kept),
        cancelled: None,
        on_log: None,
        on_snapshot: None,
        choices: None,
    };
    let walk = match shared.cache.walk(tree, request.target.limits, &mut world) {
        Ok(walk) => walk,
        // A question that cannot be asked like this is answered by the run, which traps there.
        Err(NoAnswer::Argument(_)) => Walk::Closed,
        Err(NoAnswer::Refused(failure)) => return Err(failure),
        Err(NoAnswer::Waits(question)) => return Ok(Walked::Waits(*question)),
    };
    let seen = Seen::of(snapshot.as_ref(), request.receipt.is_some())?;
    Ok(Walked::To(walk, seen))
}

async fn run_and_commit(
    shared: &Arc<Shared>,
    request: &Request,
    run: Run<'_>,
    mut progress: Progress,
) -> Result<Known, Failure> {
    let mut fuel_lost = None;
    let namespace = request.target.namespace.as_ref();
    let takes_turns = |namespace| shared.turns.is_contended(namespace, &request.description);
    if !namespace.is_some_and(takes_turns) {
        for _ in 0..ATTEMPTS_AMONG_OTHERS {
            let (record, seen) = run_once(shared, request, &run, &mut progress).await?;
            let lost = match committed(shared, request, record, seen).await? {
                Ok(known) => return Ok(known),
                Err(record) => record,
            };
            if let Some(question) = sent(&lost.transcript) {
                return Err(not_again(question));
            }
            progress.keep(&lost.transcript);
            fuel_lost = Some(lost.fuel_used);
            if let Some(namespace) = namespace
                && lost.fuel_used <= FUEL_ALONE_MAX
            {
                shared.turns.lost(namespace, &request.description);
                break;
            }
        }
    }
    // Who waits for its turn is not waited for by others.
    let run = Run {
        way: Arc::new(Way::Alone),
        ..run
    };
    run_alone(shared, request, run, fuel_lost, progress).await
}

/// A run that has its namespace for itself: nobody else changes it meanwhile. Only for short runs, since all others that write
/// there have to wait for it. While it waits for an answer from elsewhere itself, it lets them go on.
async fn run_alone(
    shared: &Arc<Shared>,
    request: &Request,
    run: Run<'_>,
    fuel_lost: Option<u64>,
    mut progress: Progress,
) -> Result<Known, Failure> {
    let conflict = |detail: String| {
        Failure::new(
            FailureCode::Conflict,
            "the program's store kept changing",
            detail,
        )
        .hint("nothing was written; try again")
    };
    let is_long = fuel_lost.is_some_and(|fuel_used| fuel_used > FUEL_ALONE_MAX);
    let (false, Some(namespace)) = (is_long, &request.target.namespace) else {
        return Err(conflict(format!(
            "others changed what the program had read, each of the {ATTEMPTS_AMONG_OTHERS} times it ran"
        )));
    };
    loop {
        let turn = shared.turns.alone(namespace);
        let turn = match request.deadline {
            None => turn.await,
            Some(deadline) => tokio::time::timeout_at(deadline.into(), turn)
                .await
                .map_err(|_| too_late())?,
        };
        match attempt_once(shared, request, &run, &progress).await? {
            Attempt::Done(record, seen) => {
                return accepted(shared, request, record, seen)?.map_err(|_| {
                    conflict("it changed even while the program had it for itself".to_owned())
                });
            }
            Attempt::Waits(wait) => {
                drop(turn);
                progress.wait_for(shared, request, *wait).await?;
            }
        }
    }
}

/// What a run has sent to a server outside, which may have changed something there.
fn sent(transcript: &Transcript) -> Option<&Question> {
    let mut questions = transcript.exchanges().map(|(question, _)| question);
    questions.find(|question| question.kind.source() == Source::ElsewhereEachTime)
}

/// The refusal of a run that has sent something, and would have to do so again.
pub(super) fn not_again(question: &Question) -> Failure {
    let mut failure = Failure::new(
        FailureCode::Conflict,
        "the program's store changed after it had sent something",
        format!("it sent `{question}`, so it is not run again; nothing was written"),
    )
    .hint("what is to happen with the writes goes into an outbox (`host/messages`), not to `http.send`");
    // Whoever tries again sends again.
    failure.retry_after_s = None;
    failure
}

/// The namespace that a run changes.
fn changes<'a>(request: &'a Request, record: &RunRecord) -> Option<&'a Namespace> {
    request.target.namespace.as_ref().filter(|_| record.wrote())
}

/// The outcome of a run whose writes are accepted, among those of others; the run itself if what it read has changed since.
async fn committed(
    shared: &Shared,
    request: &Request,
    record: Arc<RunRecord>,
    seen: Seen,
) -> Result<Result<Known, Arc<RunRecord>>, Failure> {
    let _turn = match changes(request, &record) {
        Some(namespace) => Some(shared.turns.shared(namespace).await),
        None => None,
    };
    accepted(shared, request, record, seen)
}

/// The same for who has the turn already.
fn accepted(
    shared: &Shared,
    request: &Request,
    record: Arc<RunRecord>,
    seen: Seen,
) -> Result<Result<Known, Arc<RunRecord>>, Failure> {
    if request.asker.depth > 0 && record.wrote() {
        return Err(Failure::new(
            FailureCode::Denied,
            "a program that is asked by another one writes nothing",
            "it would have changed its store for this answer",
        )
        .hint("ask it for what it answers without writing"));
    }
    let Some(namespace) = changes(request, &record) else {
        return Ok(Ok(Known {
            record,
            rests_on: seen.sequence,
            commits: seen.commits(None),
        }));
    };
    let addressed = outbox::addressed(shared, request, namespace, &record.writes, request.run)?;
    let writes = addressed.as_ref().unwrap_or(&record.writes);
    let mut change = Change {
        namespace,
        run: request.run,
        still_valid: &mut |view| still_valid(&record.transcript, view),
        writes,
        shapes: &record.shapes,
    };
    match shared.states.accept(&mut change, system_now_ms()) {
        Ok(Changed::Accepted { sequence, number }) => {
            if let Some(writes) = &addressed {
                shared.outbox.committed(namespace, writes, sequence);
            }
            Ok(Ok(Known {
                record,
                rests_on: sequence,
                commits: seen.commits(Some(number)),
            }))
        }
        Ok(Changed::Conflict) => Ok(Err(record)),
        Ok(Changed::Quota { bytes }) => Err(Failure::new(
            FailureCode::Quota,
            "the program's store is full",
            format!(
                "it would have {bytes} bytes, at most {} are allowed",
                shared.config.state_quota_bytes
            ),
        )
        .hint("nothing was written; remove what is no longer needed")),
        Ok(Changed::Misfit { key, misfit }) => Err(misfit_failure(&key, misfit)),
        Err(CommitError::Busy) => {
            count(&shared.figures.refused);
            Err(overloaded("too many changes wait to be written"))
        }
        Err(CommitError::Store(error)) => Err(store_failure(&error)),
    }
}

pub(super) fn overloaded(detail: &str) -> Failure {
    Failure::new(FailureCode::Overloaded, "the node is busy", detail).hint("try again in a moment")
}

/// A node that stops takes nothing up any more.
pub(super) fn stopping() -> Failure {
    Failure::new(
        FailureCode::Overloaded,
        "the node is stopping",
        "it takes no new requests",
    )
}

pub(super) fn too_late() -> Failure {
    Failure::new(
        FailureCode::Deadline,
        "the answer took too long",
        "the time of the request was over before the program had answered",
    )
    .hint("try again later")
}

/// One run, in as many attempts as it has to wait.
async fn run_once(
    shared: &Arc<Shared>,
    request: &Request,
    run: &Run<'_>,
    progress: &mut Progress,
) -> Result<(Arc<RunRecord>, Seen), Failure> {
    loop {
        match attempt_once(shared, request, run, progress).await? {
            Attempt::Done(record, seen) => return Ok((record, seen)),
            Attempt::Waits(wait) => progress.wait_for(shared, request, *wait).await?,
        }
    }
}

/// What an attempt came to.
enum Attempt {
    /// An outcome, having seen the state up to this.
    Done(Arc<RunRecord>, Seen),
    /// A question that somebody else has to be asked.
    Waits(Box<Wait>),
}

/// One attempt on a worker. Its outcome is remembered there at once, whether or not its writes can be committed, so that those
/// who wait for it can find it; what it writes they write themselves.
async fn attempt_once(
    shared: &Arc<Shared>,
    request: &Request,
    run: &Run<'_>,
    progress: &Progress,
) -> Result<Attempt, Failure> {
    if request.asker.depth > 0 && request.budget.is_spent() {
        return Err(Failure::new(
            FailureCode::BudgetSpent,
            "the fuel for this request is used up",
            format!(
                "all programs that are asked for one request may use {ATTEMPTS_FUEL} times the fuel limit of the first"
            ),
        )
        .hint("raise `fuel` in the cop.toml of the program that asks, or ask for less"));
    }
    let states = shared.states.clone();
    let own = request.clone();
    let kept = progress.kept.clone();
    let owner = Owner {
        program: request.program(),
        publisher: request.publisher(),
    };
    let (cache, tree, way) = (shared.cache.clone(), run.tree.clone(), run.way.clone());
    let work = move |cancelled: &Cancelled| {
        let leader = match &*way {
            Way::Leads(leader) => Some(leader),
            Way::Alone | Way::Closed => None,
        };
        if let Some(leader) = leader {
            leader.begin();
        }
        let snapshot = snapshot(&states, &own.target);
        let world = World {
            input: &own.input,
            state: snapshot.as_ref().map(|snapshot| snapshot as &dyn StateView),
            // All attempts are at one instant, so that the coarse times never tell another one than the exact one does.
            now_ms: own.begun_ms,
            randomness: &mut SystemRandomness,
            kept: Some(&kept),
            cancelled: Some(cancelled),
            on_log: None,
            on_snapshot: None,
            choices: None,
        };
        let record = attempt(
            &*own.target.ready.program,
            ENTRY,
            EntryKind::Web,
            own.target.limits,
            world,
        )?;
        let seen =
            Seen::of(snapshot.as_ref(), own.receipt.is_some()).map_err(Unfinished::Refused)?;
        let record = Arc::new(record);
        let is_whole = forgotten(&kept, &record.transcript).is_none();
        let is_awaited = leader.is_some_and(Leader::is_awaited);
        let agrees = !is_whole
            || matches!(*way, Way::Closed)
            || cache
                .insert(&tree, own.target.limits, &record, is_awaited)
                .is_ok();
        if let Some(leader) = leader {
            leader.land();
        }
        Ok((record, seen, agrees))
    };
    match shared.workers.run(owner, request.deadline, work).await {
        Ok(attempted) => {
            count(&shared.figures.runs);
            let (record, seen, agrees) = match attempted {
                Ok(attempted) => attempted,
                Err(Unfinished::Waits(wait)) => return Ok(Attempt::Waits(Box::new(wait))),
                Err(Unfinished::Refused(failure)) => return Err(failure),
            };
            request.spend(record.fuel_used);
            if let Some(question) = progress.forgotten(&record.transcript) {
                return Err(not_again(question));
            }
            if !agrees {
                disagreed(shared, run.tree.key());
            }
            Ok(Attempt::Done(record, seen))
        }
        Err(no_result) => {
            count(&shared.figures.refused);
            Err(match no_result {
                NoResult::Overloaded => overloaded("all its workers are taken by other requests"),
                NoResult::Deadline => too_late(),
                NoResult::Broken => broken(),
            })
        }
    }
}

/// Two runs that were told the same and did not do the same mean that an engine is wrong: the operator must know.
fn disagreed(shared: &Shared, key: &TreeKey) {
    shared.self_check.suspect(key.program);
    eprintln!(
        "copd: two runs of the program {} disagreed though they were told the same; its cached answers were dropped, and each of its runs is checked",
        key.program
    );
}

/// Gives the run its id, remembers it, and makes the answer.
fn finish(
    shared: &Shared,
    request: &Request,
    record: Arc<RunRecord>,
    state: Option<StateSeen>,
    cache: Cache,
) -> Result<WebAnswer, Failure> {
    let target = &request.target;
    let receipt = request.receipt.as_ref().map(|wanted| {
        let now_ms = system_now_ms();
        shared.receipt(wanted, target, ENTRY, &record, state, now_ms)
    });
    let (address, name, release) = match target.named.clone() {
        Some((address, name, number)) => (Some(address), Some(name), Some(number)),
        None => (None, None, None),
    };
    let info = RunInfo {
        run: request.run,
        address,
        name,
        release,
        bundle: target.ready.bundle,
        program: target.ready.manifest.package,
        fuel_used: record.fuel_used,
        fuel_limit: target.limits.fuel,
        peak_memory_bytes: record.peak_memory_bytes,
        memory_limit_bytes: target.limits.memory_bytes,
        cache,
        depends: dependence(&record.transcript),
        wrote: record.wrote(),
        time_us: u64::try_from(request.begun.elapsed().as_micros()).unwrap_or(u64::MAX),
        engine: shared.library.engine().name(),
        receipt: receipt.transpose()?,
    };
    let kept = KeptRun {
        info: info.clone(),
        record: record.clone(),
        request: request.description.clone(),
        at_ms: request.begun_ms,
    };
    if cache == Cache::Miss {
        let publisher = target.publisher.as_ref();
        shared.self_check.consider(&target.ready, &kept, publisher);
    }
    // Those that somebody will ask about tomorrow.
    let is_asked_about = kept.info.wrote || matches!(record.end, RunEnd::Trapped(_));
    if is_asked_about && target.ready.manifest.records_runs {
        shared.kept_on_disk.keep(kept.clone(), target.publisher);
    }
    shared.kept_runs.keep(kept);
    match &record.end {
        RunEnd::Answered(response) | RunEnd::Aborted(response) => Ok(WebAnswer {
            status: response.status,
            headers: response.headers.clone(),
            cookies: response.cookies.clone(),
            body: response.body.clone(),
            info,
        }),
        RunEnd::Trapped(trap) => {
            count(&shared.figures.traps);
            let report = trap_report(
                trap,
                &target.ready.source_map,
                record.trap_detail.as_deref(),
            );
            let mut failure = Failure::new(
                FailureCode::Trapped,
                format!("the program trapped: {}", report.name),
                report.message.clone(),
            );
            failure.hint = trap_hint(trap.kind).map(str::to_owned);
            failure.run = Some(info.run);
            failure.info = Some(info);
            failure.trap = Some(report);
            Err(failure)
        }
        RunEnd::Done | RunEnd::Failed(_) => Err(broken()),
    }
}

/// What an answer depended on, from the questions that were asked for it.
fn dependence(transcript: &Transcript) -> Dependence {
    let mut depends = Dependence::default();
    for (question, _) in transcript.exchanges() {
        match question.kind {
            HostCall::RequestHeader => {
                let name = crate::host::kv::key_argument(&question.argument).unwrap_or_default();
                match name.to_ascii_lowercase() {
                    cookie if cookie == "cookie" => depends.cookies = true,
                    name => depends.headers.push(name),
                }
            }
            HostCall::RequestCookie => depends.cookies = true,
            HostCall::RequestText | HostCall::RequestBody => depends.body = true,
            // What another program answers may change like what is stored.
            HostCall::KvGet
            | HostCall::KvShape
            | HostCall::KvKeys
            | HostCall::KvRange
            | HostCall::FilesInfo
            | HostCall::FilesPart
            | HostCall::FilesList
            | HostCall::ProgramAsk
            | HostCall::HttpGet => {
                depends.state = true;
            }
            HostCall::ClockMinute | HostCall::ClockToday => depends.coarse_time = true,
            HostCall::ClockNow | HostCall::RandomBytes | HostCall::HttpSend => {
                depends.unrepeatable = true;
            }
            HostCall::CommandArgs
            | HostCall::RequestStart
            | HostCall::RequestQuery
            | HostCall::RequestQueryAll
            | HostCall::LogAppend
            | HostCall::RunAbort
            | HostCall::KvSet
            | HostCall::KvSetFor
            | HostCall::KvRemove
            | HostCall::KvAdd
            | HostCall::KvAppend
            | HostCall::KvRefuse
            | HostCall::FilesWrite
            | HostCall::FilesAppend
            | HostCall::FilesRemove
            | HostCall::FilesRefuse
            | HostCall::ClockSet
            | HostCall::RandomGive
            | HostCall::ProgramAnswer
            | HostCall::HttpAnswer
            | HostCall::MessagesSent
            | HostCall::MessagesPost
            | HostCall::MessagesSend
            | HostCall::TestSnapshot
            | HostCall::TestProperty
            | HostCall::TestTrying => {}
        }
    }
    depends.headers.sort();
    depends.headers.dedup();
    depends
}
