//! Carrying out what runs have sent: after their writes are on disk, at least once each, over restarts of the node.
//!
//! Messages stand in the state of the program that sent them (`host/messages`). What is here is only when to try which; it is read
//! anew from the state when a node starts.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::Shared;
use super::web::{Request, run_web};
use crate::answer::{RunId, WebRequest};
use crate::failure::{Failure, FailureCode};
use crate::host::clock::system_now_ms;
use crate::host::http::{Fetch, Place};
use crate::host::messages::{Message, among, id_of, key, prefix, shape_fingerprint};
use crate::host::program::reference;
use crate::host::world::store_failure;
use crate::runs::new_run_id;
use crate::state::{Change, Changed, Sequence};
use crate::store::StoreError;
use crate::store::state::{KeyRange, Namespace, Shapes, StateView};
use crate::store::writes::{Write, Writes};

/// Most messages of a program, those included that could not be delivered.
pub(super) const OF_PROGRAM_MAX: usize = 1_000;
/// Most messages that a node has in mind; beyond, programs are told to send later.
const IN_MIND_MAX: usize = 100_000;
/// Most that are under way at once.
const AT_ONCE: usize = 16;
/// How often one is tried.
const ATTEMPTS_MAX: i64 = 20;
/// Longest rest between two attempts.
const REST_MAX_MS: i64 = 3_600_000;
/// Longest time for a program to take one.
const TAKING_MAX: Duration = Duration::from_secs(60);
/// Rest when the store did not take what became of one.
const STORE_REST_MS: i64 = 5_000;
/// Longest sleep: the system's clock may be set.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// A message as its node's owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownMessage {
    /// Its name: the run that sent it, and its number there.
    pub id: String,
    /// The program or the URL.
    pub to: String,
    /// Path and query, for a program.
    pub target: String,
    /// Bytes of its body.
    pub body_bytes: usize,
    /// Whether it is not tried any more.
    pub is_dead: bool,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next, in milliseconds since 1970.
    pub next_ms: i64,
    /// Why it was not taken the last time.
    pub trouble: String,
}

/// A message that is to be tried at a time, when what it was sent with is durable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at_ms: i64,
    namespace: Namespace,
    key: String,
    sequence: Sequence,
}

/// What is to be delivered when.
#[derive(Debug)]
pub(super) struct Outbox {
    due: Mutex<BTreeSet<Due>>,
    changed: Notify,
    /// The task that delivers, once it has begun.
    work: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Outbox {
    pub(super) fn new() -> Outbox {
        Outbox {
            due: Mutex::default(),
            changed: Notify::new(),
            work: tokio::sync::Mutex::default(),
        }
    }

    /// How many messages wait to be delivered.
    pub(super) fn count(&self) -> usize {
        self.due().len()
    }

    fn due(&self) -> MutexGuard<'_, BTreeSet<Due>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, due: Due) {
        self.due().insert(due);
        self.changed.notify_one();
    }

    /// Waits until the task that delivers has ended, which it does when the node stops.
    pub(super) async fn ended(&self) {
        if let Some(work) = self.work.lock().await.take() {
            // A panic of the task was reported by its own message.
            let _ = work.await;
        }
    }

    /// Has the messages delivered that were committed with these writes.
    pub(super) fn committed(&self, namespace: &Namespace, writes: &Writes, sequence: Sequence) {
        for (key, _) in among(writes) {
            self.add(Due {
                at_ms: 0,
                namespace: namespace.clone(),
                key: key.clone(),
                sequence,
            });
        }
    }

    /// The next message whose time has come, else how long to sleep.
    fn next(&self, now_ms: i64) -> Result<Due, Duration> {
        let mut due = self.due();
        match due.first() {
            Some(first) if first.at_ms <= now_ms => due.pop_first().ok_or(SLEEP_MAX),
            Some(first) => {
                let rest = Duration::from_millis((first.at_ms - now_ms).unsigned_abs());
                Err(rest.min(SLEEP_MAX))
            }
            None => Err(SLEEP_MAX),
        }
    }
}

/// The writes of a run with its messages under their own names: whom they go to is written out, and they are checked against what
/// the program may do. `None` if it sends none.
///
/// # Errors
/// The run is refused: it may not send there, or has too much on its way.
pub(super) fn addressed(
    shared: &Shared,
    request: &Request,
    namespace: &Namespace,
    writes: &Writes,
    run: RunId,
) -> Result<Option<Writes>, Failure> {
    let count = among(writes).count();
    if count == 0 {
        return Ok(None);
    }
    let snapshot = shared.states.snapshot(namespace);
    let kept = |is_dead| snapshot.keys(&KeyRange::of(&prefix(is_dead), None), OF_PROGRAM_MAX);
    let kept = kept(false).and_then(|waiting| Ok(waiting.len() + kept(true)?.len()));
    let kept = kept.map_err(|error| store_failure(&error))?;
    if kept + count > OF_PROGRAM_MAX {
        return Err(Failure::new(
            FailureCode::Quota,
            "the program has too many messages on their way",
            format!("{kept} wait or could not be delivered, at most {OF_PROGRAM_MAX} are kept"),
        )
        .hint("nothing was written; `GET /v1/messages/ADDRESS/NAME` of the management interface lists them"));
    }
    if shared.outbox.count() >= IN_MIND_MAX {
        return Err(super::web::overloaded(
            "too many messages wait to be delivered",
        ));
    }
    let mut named = writes.clone();
    for (number, (place, stored)) in among(writes).enumerate() {
        let damaged =
            |error: String| Failure::new(FailureCode::Internal, "a message is damaged", error);
        let mut message = Message::of_stored(stored).map_err(|error| damaged(error.to_string()))?;
        if message.is_outside() {
            let place = Place::of_url(&message.to).map_err(damaged)?;
            place.permitted(request.origins())?;
        } else if !message.to.contains('/') && message.to.parse::<cop_bytecode::Hash>().is_err() {
            message.to = format!("{}/{}", namespace.address, message.to);
        }
        named.remove(place);
        named.insert(key(false, &format!("{run}-{number}")), message.write());
    }
    Ok(Some(named))
}

/// Begins to deliver, on the runtime of the caller. What was left over from before is read from the state.
///
/// # Errors
/// The state cannot be read.
pub(super) async fn begin(shared: &Arc<Shared>) -> Result<(), StoreError> {
    if shared.outbox.work.lock().await.is_some() {
        return Ok(());
    }
    for namespace in shared.states.with_expiries()? {
        let snapshot = shared.states.snapshot(&namespace);
        for key in snapshot.keys(&KeyRange::of(&prefix(false), None), OF_PROGRAM_MAX)? {
            let stored = snapshot.get(&key)?.unwrap_or_default();
            // What cannot be read is tried at once, and told then.
            let at_ms = Message::of_stored(&stored).map_or(0, |message| message.next_ms);
            shared.outbox.add(Due {
                at_ms,
                namespace: namespace.clone(),
                key,
                sequence: 0,
            });
        }
    }
    let work = deliver_all(
        Arc::downgrade(shared),
        shared.outbox.clone(),
        shared.waiting.stopping(),
    );
    *shared.outbox.work.lock().await = Some(tokio::spawn(work));
    Ok(())
}

/// Delivers until the node stops, or is gone. While there is nothing to do it holds no more than the outbox.
async fn deliver_all(
    node: Weak<Shared>,
    outbox: Arc<Outbox>,
    mut is_stopping: watch::Receiver<bool>,
) {
    let mut under_way = JoinSet::new();
    loop {
        while under_way.try_join_next().is_some() {}
        let next = match under_way.len() < AT_ONCE {
            true => outbox.next(system_now_ms()),
            false => Err(SLEEP_MAX),
        };
        match next {
            Ok(due) => {
                let Some(shared) = node.upgrade() else {
                    return;
                };
                under_way.spawn(async move { deliver(&shared, due).await });
            }
            Err(sleep) => tokio::select! {
                _ = is_stopping.wait_for(|is_stopping| *is_stopping) => break,
                Some(_) = under_way.join_next() => {}
                () = outbox.changed.notified() => {}
                () = tokio::time::sleep(sleep) => {}
            },
        }
    }
    // What is under way notices too.
    while under_way.join_next().await.is_some() {}
}

/// What became of an attempt.
enum Fate {
    Taken,
    NotNow(String),
    Never(String),
}

async fn deliver(shared: &Arc<Shared>, due: Due) {
    // If what it was sent with was lost, so is it.
    if shared.states.durable(due.sequence).await.is_err() {
        return;
    }
    let read = shared.states.snapshot(&due.namespace).get(&due.key);
    let (Ok(Some(stored)), Some((false, id))) = (read, id_of(&due.key)) else {
        return;
    };
    let mut message = Message::of_stored(&stored).unwrap_or_default();
    let fate = tokio::select! {
        () = shared.waiting.stopped() => return,
        fate = tried(shared, &message, id) => fate,
    };
    let mut writes = Writes::new();
    let mut again_ms = None;
    match fate {
        Fate::Taken => {
            writes.insert(due.key.clone(), Write::Remove);
        }
        Fate::NotNow(trouble) if message.attempts + 1 < ATTEMPTS_MAX => {
            let rest_ms = (1_000_i64 << message.attempts.clamp(0, 20)).min(REST_MAX_MS);
            message.attempts += 1;
            message.next_ms = system_now_ms().saturating_add(rest_ms);
            message.trouble = trouble;
            again_ms = Some(message.next_ms);
            writes.insert(due.key.clone(), message.write());
        }
        Fate::NotNow(trouble) | Fate::Never(trouble) => {
            message.attempts += 1;
            message.next_ms = 0;
            message.trouble = trouble;
            writes.insert(due.key.clone(), Write::Remove);
            writes.insert(key(true, id), message.write());
        }
    }
    let changed = change(shared, &due.namespace, &due.key, &stored, &writes);
    if let Some(at_ms) = again_ms.filter(|_| changed.is_ok()) {
        shared.outbox.add(Due { at_ms, ..due });
    } else if changed.is_err() {
        // It is delivered once more then: nobody has noted that it was taken.
        let at_ms = system_now_ms().saturating_add(STORE_REST_MS);
        shared.outbox.add(Due { at_ms, ..due });
    }
}

/// Writes what became of a message, unless somebody else has changed it meanwhile.
fn change(
    shared: &Shared,
    namespace: &Namespace,
    key: &str,
    stored: &[u8],
    writes: &Writes,
) -> Result<Option<Sequence>, Failure> {
    let shape = (shape_fingerprint(), crate::host::messages::SHAPE.to_owned());
    let mut change = Change {
        namespace,
        run: new_run_id()?,
        still_valid: &mut |view| Ok(view.get(key)?.as_deref() == Some(stored)),
        writes,
        shapes: &Shapes::from([shape]),
    };
    match shared.states.accept(&mut change, system_now_ms()) {
        Ok(Changed::Accepted { sequence, .. }) => Ok(Some(sequence)),
        Ok(Changed::Conflict) => Ok(None),
        _ => Err(super::web::overloaded("the store took no change")),
    }
}

/// One attempt.
async fn tried(shared: &Arc<Shared>, message: &Message, id: &str) -> Fate {
    let status = match message.is_outside() {
        true => posted(shared, message, id).await,
        false => asked(shared, message, id).await,
    };
    match status {
        Ok(200..=299) => Fate::Taken,
        Ok(status @ (408 | 425 | 429)) => Fate::NotNow(format!("it was answered {status}")),
        Ok(status @ 400..=499) => Fate::Never(format!("it was answered {status}")),
        Ok(status) => Fate::NotNow(format!("it was answered {status}")),
        Err(why) => Fate::NotNow(why),
    }
}

async fn asked(shared: &Arc<Shared>, message: &Message, id: &str) -> Result<u16, String> {
    let program = reference(&message.to, None)?;
    let bytes =
        |(name, value): &(String, String)| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let mut headers: Vec<_> = message.headers.iter().map(bytes).collect();
    headers.push((b"cop-message".to_vec(), id.as_bytes().to_vec()));
    let request = WebRequest {
        method: b"POST".to_vec(),
        headers,
        body: message.body.clone().into(),
        deadline: Some(Instant::now() + TAKING_MAX),
        ..WebRequest::get(&message.target)
    };
    let answer = run_web(shared, &program, request).await;
    answer
        .map(|answer| answer.status)
        .map_err(|failure| failure.to_string())
}

async fn posted(shared: &Shared, message: &Message, id: &str) -> Result<u16, String> {
    let outbound = shared
        .outbound
        .get()
        .ok_or("this node asks nobody outside")?;
    let mut headers = message.headers.clone();
    headers.push(("idempotency-key".to_owned(), id.to_owned()));
    let fetch = Fetch {
        method: "POST".to_owned(),
        place: Place::of_url(&message.to)?,
        headers,
        body: message.body.clone().into(),
    };
    Ok(outbound.fetch(fetch).await?.status)
}

/// The messages of a program: those on their way, then those that could not be delivered.
///
/// # Errors
/// The state cannot be read.
pub(super) fn shown(
    shared: &Shared,
    namespace: &Namespace,
) -> Result<Vec<ShownMessage>, StoreError> {
    let snapshot = shared.states.snapshot(namespace);
    let mut shown = Vec::new();
    for is_dead in [false, true] {
        for key in snapshot.keys(&KeyRange::of(&prefix(is_dead), None), OF_PROGRAM_MAX)? {
            let (Some(stored), Some((_, id))) = (snapshot.get(&key)?, id_of(&key)) else {
                continue;
            };
            let message = Message::of_stored(&stored).unwrap_or_default();
            shown.push(ShownMessage {
                id: id.to_owned(),
                body_bytes: message.body.len(),
                to: message.to,
                target: message.target,
                is_dead,
                attempts: message.attempts,
                next_ms: message.next_ms,
                trouble: message.trouble,
            });
        }
    }
    Ok(shown)
}

/// Has a message that could not be delivered tried again, as if it were new; whether there is one of that name.
///
/// # Errors
/// The state cannot be read or changed.
pub(super) async fn retry(
    shared: &Arc<Shared>,
    namespace: &Namespace,
    id: &str,
) -> Result<bool, Failure> {
    let (dead, waiting) = (key(true, id), key(false, id));
    let stored = shared.states.snapshot(namespace).get(&dead);
    let Some(stored) = stored.map_err(|error| store_failure(&error))? else {
        return Ok(false);
    };
    let mut message = Message::of_stored(&stored).unwrap_or_default();
    message.attempts = 0;
    let writes = Writes::from([
        (dead.clone(), Write::Remove),
        (waiting.clone(), message.write()),
    ]);
    let Some(sequence) = change(shared, namespace, &dead, &stored, &writes)? else {
        return Ok(false);
    };
    shared.outbox.add(Due {
        at_ms: 0,
        namespace: namespace.clone(),
        key: waiting,
        sequence,
    });
    let durable = shared.states.durable(sequence).await;
    durable
        .map(|()| true)
        .map_err(|error| store_failure(&error))
}
