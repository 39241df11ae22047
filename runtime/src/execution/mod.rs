//! The door of the execution system: publish, run, list, health.
//!
//! `net` and `gateway` use [`Execution`] and know nothing below it. A request takes this path:
//!
//! ```text
//!  run_web ─► resolve: name → release → ReadyProgram        (target, heads, library)
//!          ─► RequestView                                   (host/request)
//!          ─► walk through the cache at one snapshot        (cache) ──hit──► answer
//!          ─► a worker: snapshot, engine, host calls        (workers, run, host)
//!          ─► remember the outcome                          (cache)
//!          ─► validate and accept the writes                (state) ──conflict──► again, at last alone (turns)
//!          ─► when all it rests on is durable, answer       (state, runs)
//! ```

mod backup;
mod config;
mod elsewhere;
mod listing;
mod outbox;
mod past;
mod publish;
mod receipts;
mod remembered;
mod stored;
mod target;
mod waiting;
mod web;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use cop_bytecode::Hash;

use crate::address::{Address, ProgramName};
use crate::answer::{ProgramRef, RunId, WebAnswer, WebRequest};
use crate::assets::{Asset, Assets};
use crate::cache::OutcomeCache;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::heads::Heads;
use crate::host::http::Outbound;
use crate::host::world::store_failure;
use crate::keeper::Keeper;
use crate::kept_runs::KeptOnDisk;
use crate::keys::{PublicKey, SecretKey};
use crate::library::Library;
use crate::receipt::node_key;
use crate::receipt::opened::OpenedReceipt;
use crate::recorded::RecordedRun;
use crate::runs::{KeptRun, KeptRuns};
use crate::self_check::{Around, SelfCheck};
use crate::state::{Committer, States};
use crate::store::code::CodeFiles;
use crate::store::state::Namespace;
use crate::store::{Store, StoreError};
use crate::turns::Turns;
use crate::workers::Workers;
use outbox::Outbox;
pub use outbox::ShownMessage;
use waiting::Waiting;

pub use backup::MadeBackup;
pub use config::{ExecutionConfig, OpenError, local_network};
pub use listing::{Health, ProgramListing, Published, ReleaseInfo};
pub use past::{ShownCommit, ShownKey, ShownState};
pub use receipts::Opener;
pub use remembered::Remembered;
pub use stored::{ImportedState, ShownChange, ShownDifference, Span, StateRoot};

/// How long a node that stops waits for what is under way.
const SHUT_DOWN_MAX: Duration = Duration::from_secs(10);

/// The execution system of one node. A clone is another handle to the same one.
#[derive(Clone)]
pub struct Execution {
    shared: Arc<Shared>,
}

struct Shared {
    config: ExecutionConfig,
    store: Arc<Store>,
    heads: Arc<Heads>,
    library: Arc<Library>,
    cache: Arc<OutcomeCache>,
    assets: Assets,
    workers: Arc<Workers>,
    self_check: SelfCheck,
    states: Arc<States>,
    /// Writes what was accepted, also when this is dropped.
    _committer: Committer,
    _keeper: Keeper,
    turns: Turns,
    waiting: Waiting,
    outbox: Arc<Outbox>,
    /// Who carries requests out of the node, if anybody does.
    outbound: OnceLock<Arc<dyn Outbound>>,
    kept_runs: KeptRuns,
    kept_on_disk: KeptOnDisk,
    /// What receipts are signed with.
    key: SecretKey,
    figures: Figures,
    is_stopping: AtomicBool,
    /// Held while a backup is made.
    backing_up: Mutex<()>,
}

/// Counts since the start.
#[derive(Default)]
struct Figures {
    runs: AtomicU64,
    traps: AtomicU64,
    refused: AtomicU64,
    cache_hits: AtomicU64,
    cache_misses: AtomicU64,
}

fn count(figure: &AtomicU64) {
    figure.fetch_add(1, Ordering::Relaxed);
}

impl fmt::Debug for Execution {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Execution").finish_non_exhaustive()
    }
}

impl Execution {
    /// Opens the data folder, making it if needed.
    ///
    /// # Errors
    /// Another node uses the folder, it cannot be used, or the store in it cannot be read.
    pub fn open(data_dir: &Path, config: ExecutionConfig) -> Result<Execution, OpenError> {
        let files = match (config.engine, config.code_file_bytes) {
            (cop_vm::Engine::Interpreter, _) | (_, 0) => None,
            (_, bytes) => Some(CodeFiles::new(data_dir, bytes)),
        };
        let files = files.map(|files| Arc::new(files) as Arc<dyn cop_vm::CodeStore>);
        let engine = crate::engine::of_node(config.engine, config.code_bytes, files);
        Execution::with_engine(data_dir, config, engine)
    }

    /// The same with another engine.
    ///
    /// # Errors
    /// As [`Execution::open`].
    pub fn with_engine(
        data_dir: &Path,
        config: ExecutionConfig,
        engine: Arc<dyn Engine>,
    ) -> Result<Execution, OpenError> {
        let store = Arc::new(Store::open(data_dir)?);
        let key = node_key::load_or_create(data_dir).map_err(|cause| OpenError::Folder {
            path: data_dir.join(node_key::NODE_KEY_FILE),
            cause,
        })?;
        let threads = |cause| OpenError::Folder {
            path: data_dir.to_owned(),
            cause,
        };
        let workers = match config.workers {
            0 => std::thread::available_parallelism().map_or(4, |cores| 2 * cores.get().max(2)),
            workers => workers,
        };
        let queue = match config.queue {
            0 => 2 * 64 * workers,
            queue => queue,
        };
        let states = States::new(
            store.clone(),
            config.state_quota_bytes,
            config.history_bytes,
        );
        let states = Arc::new(states.map_err(|error| OpenError::Damaged {
            path: data_dir.to_owned(),
            detail: error.to_string(),
        })?);
        let around = Around {
            workers: Arc::new(Workers::start(workers, queue).map_err(threads)?),
            cache: Arc::new(OutcomeCache::new(config.cache_bytes)),
            library: Arc::new(Library::new(engine)),
        };
        let outcomes = around.cache.clone();
        Ok(Execution {
            shared: Arc::new(Shared {
                heads: Arc::default(),
                library: around.library.clone(),
                cache: around.cache.clone(),
                assets: Assets::new(config.assets_bytes),
                workers: around.workers.clone(),
                self_check: SelfCheck::start(config.self_check, data_dir, around)
                    .map_err(threads)?,
                _committer: Committer::start(states.clone()).map_err(threads)?,
                _keeper: Keeper::start(states.clone(), outcomes, store.clone()).map_err(threads)?,
                states,
                turns: Turns::default(),
                waiting: Waiting::new(),
                outbox: Arc::new(Outbox::new()),
                outbound: OnceLock::new(),
                kept_runs: KeptRuns::new(config.transcripts_bytes),
                kept_on_disk: KeptOnDisk::open(data_dir, config.records_bytes).map_err(threads)?,
                key,
                figures: Figures::default(),
                is_stopping: AtomicBool::new(false),
                backing_up: Mutex::new(()),
                store,
                config,
            }),
        })
    }

    /// Lets programs ask servers outside, as far as their manifests list them. Only the first who is named carries requests out.
    pub fn reach_out(&self, outbound: Arc<dyn Outbound>) {
        let _ = self.shared.outbound.set(outbound);
    }

    /// Begins to deliver the messages that programs send, and those left over from before, on the tokio runtime of the caller.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn deliver_messages(&self) -> Result<(), Failure> {
        let begun = outbox::begin(&self.shared).await;
        begun.map_err(|error| store_failure(&error))
    }

    /// The messages of a program: those on their way, then those that could not be delivered.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn messages(&self, namespace: &Namespace) -> Result<Vec<ShownMessage>, Failure> {
        outbox::shown(&self.shared, namespace).map_err(|error| store_failure(&error))
    }

    /// Has a message that could not be delivered tried again; whether there is one of that name.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn retry_message(&self, namespace: &Namespace, id: &str) -> Result<bool, Failure> {
        outbox::retry(&self.shared, namespace, id).await
    }

    /// The configuration it was opened with.
    pub fn config(&self) -> &ExecutionConfig {
        &self.shared.config
    }

    /// Stores a signed release with its bundle, in one transaction. Nothing is written unless all of it is right.
    ///
    /// # Errors
    /// `bad_signature`, `bad_bundle`, `stale_release`, `limits_too_high`, `quota`, or `internal` where the store cannot.
    pub async fn publish(&self, release: &[u8], bundle: &[u8]) -> Result<Published, Failure> {
        publish::publish(
            &self.shared,
            release.to_vec(),
            Bytes::copy_from_slice(bundle),
        )
        .await
    }

    /// Answers a web request with a program, from the record of an earlier run where that is certain to be right.
    ///
    /// # Errors
    /// `trapped` is the program's own outcome; all others are refusals.
    pub async fn run_web(
        &self,
        program: &ProgramRef,
        request: WebRequest,
    ) -> Result<WebAnswer, Failure> {
        web::run_web(&self.shared, program, request).await
    }

    /// A file of a web program that is served without running it, by its path below `assets/`; `None` if it has no such file.
    ///
    /// # Errors
    /// `no_such_program`, or `internal` where the store cannot be read.
    pub async fn asset(&self, program: &ProgramRef, path: &str) -> Result<Option<Asset>, Failure> {
        target::asset(&self.shared, program, path).await
    }

    /// Keeps a signed latest, successor or revocation. A key that was revoked cannot publish any more.
    ///
    /// # Errors
    /// `bad_signature` for anything that is not such a record of this network.
    pub fn keep_record(&self, record: &[u8]) -> Result<(), Failure> {
        publish::keep_record(&self.shared, record)
    }

    /// The published programs, of one publisher or of all, sorted by address and name.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn programs(&self, address: Option<&Address>) -> Result<Vec<ProgramListing>, Failure> {
        let programs = self.read(|store| store.programs(address))?;
        Ok(programs.into_iter().map(ProgramListing::from).collect())
    }

    /// The release with this number, or the newest; `None` if it is not stored.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn release(
        &self,
        address: &Address,
        name: &ProgramName,
        number: Option<u64>,
    ) -> Result<Option<ReleaseInfo>, Failure> {
        let release = self.read(|store| store.release(address, name, number))?;
        Ok(release.map(ReleaseInfo::from))
    }

    /// The signed release with this number, or the newest, as it was published; `None` if it is not stored.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn signed_release(
        &self,
        address: &Address,
        name: &ProgramName,
        number: Option<u64>,
    ) -> Result<Option<Bytes>, Failure> {
        let release = self.read(|store| store.signed_release(address, name, number))?;
        Ok(release.map(|release| Bytes::from(release.encode())))
    }

    /// The archive of a stored bundle; `None` if it is not stored.
    ///
    /// # Errors
    /// The store cannot be read, or what it holds is not what was stored.
    pub async fn bundle(&self, hash: &Hash) -> Result<Option<Bytes>, Failure> {
        let (store, hash) = (self.shared.store.clone(), *hash);
        let work = move || {
            let bundle = store.bundle(&hash).map_err(|error| store_failure(&error))?;
            Ok(bundle.map(|bundle| Bytes::from(bundle.encode())))
        };
        let read = tokio::task::spawn_blocking(work).await;
        read.unwrap_or_else(|_| Err(web::broken()))
    }

    /// Two releases with this number that one key signed, if that ever happened here: a proof of misbehaviour.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn evidence(
        &self,
        address: &Address,
        name: &ProgramName,
        number: u64,
    ) -> Result<Option<[Vec<u8>; 2]>, Failure> {
        self.read(|store| store.evidence(address, name, number))
    }

    fn read<T>(&self, read: impl Fn(&Store) -> Result<T, StoreError>) -> Result<T, Failure> {
        read(&self.shared.store).map_err(|error| store_failure(&error))
    }

    /// A run that is still remembered.
    pub fn kept_run(&self, run: &RunId) -> Option<KeptRun> {
        self.shared.kept_runs.get(run)
    }

    /// The record of a run that is still remembered, with the answers that are the asker's own if `with_private`: in clear while the
    /// run is in memory, sealed for the program's publisher when it is on disk only.
    pub fn recorded_run(&self, run: &RunId, with_private: bool) -> Option<RecordedRun> {
        if let Some(kept) = self.kept_run(run) {
            return Some(RecordedRun::of(&kept, with_private));
        }
        let recorded = self.shared.kept_on_disk.get(run)?;
        Some(match with_private {
            true => recorded,
            false => recorded.without_private(),
        })
    }

    /// The receipt of a run that is still remembered, with what this opener may see; `None` if nobody asked for one, or he was
    /// not given it.
    pub fn opened_receipt(&self, run: &RunId, opener: Opener) -> Option<OpenedReceipt> {
        self.shared.opened_receipt(run, opener)
    }

    /// The key that receipts of this node are signed with.
    pub fn node_key(&self) -> PublicKey {
        self.shared.key.public()
    }

    /// The newest runs that are still remembered, newest first.
    pub fn newest_runs(&self, count: usize) -> Vec<KeptRun> {
        self.shared.kept_runs.newest(count)
    }

    /// What a program keeps: at most `limit` keys that begin with `prefix` and come after `after`, in order of their bytes.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn state(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ShownState, Failure> {
        self.shared.shown_state(namespace, prefix, after, limit)
    }

    /// What changed a program's state: at most `limit` commits, newest first, from the one before number `before` on.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn history(
        &self,
        namespace: &Namespace,
        before: u64,
        limit: usize,
    ) -> Result<Vec<ShownCommit>, Failure> {
        self.shared.shown_history(namespace, before, limit)
    }

    /// Gives the keys that a commit changed back what they held before; the number of the commit that does so.
    ///
    /// # Errors
    /// `conflict` if one of them was changed again since, or the commit is not kept any more.
    pub async fn undo(&self, namespace: &Namespace, number: u64) -> Result<u64, Failure> {
        self.shared.undo(namespace, number).await
    }

    /// Figures for the operator and the management interface.
    pub fn health(&self) -> Health {
        let shared = &self.shared;
        let (running, queued) = shared.workers.load();
        let figure = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        // A store that cannot be read shows as one that is not writable.
        let counts = shared.store.counts();
        let (programs, publishers) = counts.clone().unwrap_or((0, 0));
        Health {
            writable: shared.store.is_writable() && counts.is_ok(),
            programs,
            publishers,
            store_bytes: shared.store.file_bytes(),
            workers: shared.workers.count(),
            running,
            queued,
            waiting: shared.waiting.count(),
            messages: shared.outbox.count(),
            runs: figure(&shared.figures.runs),
            traps: figure(&shared.figures.traps),
            refused: figure(&shared.figures.refused),
            cache_hits: figure(&shared.figures.cache_hits),
            cache_misses: figure(&shared.figures.cache_misses),
            cache_bytes: shared.cache.used_bytes(),
            disagreements: shared.cache.disagreements(),
            self_check: shared.self_check.figures(),
            engine: shared.library.engine().name(),
            compiled: shared.library.engine().figures(),
        }
    }

    /// Refuses everything new and waits, at most 10 seconds, for the runs that somebody waits for. Nothing that was acknowledged
    /// can be lost.
    pub async fn shut_down(&self) {
        self.shared.is_stopping.store(true, Ordering::Relaxed);
        self.shared.waiting.stop();
        self.shared.workers.close();
        self.shared.library.engine().close();
        self.shared.self_check.close();
        let idle = async {
            self.shared.outbox.ended().await;
            while self.shared.workers.is_wanted() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Past the limit nothing is lost but answers: what was acknowledged is on disk.
        let _ = tokio::time::timeout(SHUT_DOWN_MAX, idle).await;
    }
}

impl Shared {
    /// Refuses when the node is stopping.
    fn admit(&self) -> Result<(), Failure> {
        if self.is_stopping.load(Ordering::Relaxed) {
            self.count_refused();
            return Err(web::stopping());
        }
        Ok(())
    }

    fn count_refused(&self) {
        count(&self.figures.refused);
    }
}
