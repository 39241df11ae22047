//! Compiling beside the runs: one thread for all programs of a node, which takes at most a part of a core.
//!
//! Runs ask for the machine code of what has become hot. What waits is bounded, and so is the memory of what was made; a
//! program that goes takes its code with it. Nothing that is asked for here is ever needed: what is not compiled is
//! interpreted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use cop_bytecode::Hash;

use crate::native::{MACHINE_CODE, Wanted, Without};
use crate::program::Inner;

/// Requests that wait; what finds no place asks again when it has run some more.
const WAITING: usize = 64;
/// After it has compiled for a while, the thread rests so many times as long: it takes a fifth of a core.
const REST: u32 = 4;
/// Most memory of machine code where nobody says how much.
const CODE_BYTES: u64 = 256 << 20;

/// Keeps machine code beyond the process. Keys say what the code depends on, save for the executable itself, on which all of it
/// depends: what was written by another one must not be given back, nor anything that somebody else may have written, since
/// it is run without further checks.
pub trait CodeStore: Send + Sync {
    /// What was kept last under this key.
    fn get(&self, key: &Hash) -> Option<Vec<u8>>;

    /// Keeps it, or not: it can be made again.
    fn put(&self, key: &Hash, content: &[u8]);

    /// Forgets what is kept under this key.
    fn remove(&self, key: &Hash);
}

/// A thread that makes machine code of programs beside their runs.
///
/// The thread begins with the first request and ends when this is dropped.
pub struct Background {
    queue: OnceLock<Option<SyncSender<Asked>>>,
    shared: Arc<Shared>,
    store: Option<Arc<dyn CodeStore>>,
}

/// A function of which machine code is wanted. A program that nobody holds any more is not compiled.
struct Asked {
    program: Weak<Inner>,
    function: u32,
}

struct Shared {
    closed: AtomicBool,
    memory: Arc<CodeMemory>,
    waiting: AtomicU64,
    functions: AtomicU64,
    found: AtomicU64,
    without: AtomicU64,
    compiling_us: AtomicU64,
}

/// What a [`Background`] has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BackgroundFigures {
    /// Functions that were compiled since the start.
    pub functions: u64,
    /// Functions whose machine code an earlier process had made, since the start.
    pub found: u64,
    /// Requests that ended without machine code since the start: it cannot be made, or there is no room for it.
    pub without: u64,
    /// Requests that wait, at most 64.
    pub waiting: u64,
    /// Time that compiling took since the start, in microseconds.
    pub compiling_us: u64,
    /// Memory of the machine code that is there now, in bytes.
    pub code_bytes: u64,
}

/// How much memory machine code takes, and may take.
#[derive(Debug)]
pub struct CodeMemory {
    used: AtomicU64,
    most: u64,
}

impl CodeMemory {
    /// Whether more code may be made. What is begun is finished, so what is there can be more than the bound by the code of
    /// one program.
    pub fn has_room(&self) -> bool {
        self.used.load(Ordering::Relaxed) < self.most
    }

    /// Bytes were made.
    pub fn add(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes are gone.
    pub fn remove(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Background {
    /// One that has made nothing, and makes nothing new when there are so many bytes of machine code; 0 for never anything.
    pub fn new(code_bytes_max: u64) -> Arc<Background> {
        Background::with_store(code_bytes_max, None)
    }

    /// The same, that keeps what it makes and finds what was made before.
    pub fn with_store(code_bytes_max: u64, store: Option<Arc<dyn CodeStore>>) -> Arc<Background> {
        Arc::new(Background {
            store,
            queue: OnceLock::new(),
            shared: Arc::new(Shared {
                closed: AtomicBool::new(false),
                memory: Arc::new(CodeMemory {
                    used: AtomicU64::new(0),
                    most: code_bytes_max,
                }),
                waiting: AtomicU64::new(0),
                functions: AtomicU64::new(0),
                found: AtomicU64::new(0),
                without: AtomicU64::new(0),
                compiling_us: AtomicU64::new(0),
            }),
        })
    }

    /// That of programs which are loaded without one: the process's own.
    pub fn of_process() -> &'static Arc<Background> {
        static OWN: OnceLock<Arc<Background>> = OnceLock::new();
        OWN.get_or_init(|| Background::new(CODE_BYTES))
    }

    /// What it has done.
    pub fn figures(&self) -> BackgroundFigures {
        let shared = &self.shared;
        let figure = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        BackgroundFigures {
            functions: figure(&shared.functions),
            found: figure(&shared.found),
            without: figure(&shared.without),
            waiting: figure(&shared.waiting),
            compiling_us: figure(&shared.compiling_us),
            code_bytes: figure(&shared.memory.used),
        }
    }

    /// Compiles nothing more. What is under way ends with its function, and what waits is dropped.
    pub fn close(&self) {
        self.shared.closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Relaxed)
    }

    pub(crate) fn store(&self) -> Option<&dyn CodeStore> {
        self.store.as_deref()
    }

    pub(crate) fn note_found(&self, functions: usize) {
        let found = &self.shared.found;
        found.fetch_add(functions as u64, Ordering::Relaxed);
    }

    pub(crate) fn memory(&self) -> &Arc<CodeMemory> {
        &self.shared.memory
    }

    /// Asks for the machine code of a function and of what it calls, unless that was done and is not answered yet.
    pub(crate) fn ask(&self, program: &Inner, function: u32) {
        if !MACHINE_CODE || self.is_closed() {
            return;
        }
        let Ok(code) = program.code(function) else {
            return;
        };
        if code.asked.swap(true, Ordering::Relaxed) {
            return;
        }
        let queue = self.queue.get_or_init(|| {
            let (sender, receiver) = sync_channel(WAITING);
            let shared = self.shared.clone();
            let thread = std::thread::Builder::new().name("cop-compile".into());
            // Without a thread there is no machine code, which only costs time.
            let thread = thread.spawn(move || shared.serve(&receiver));
            thread.ok().map(|_| sender)
        });
        let asked = Asked {
            program: program.this.clone(),
            function,
        };
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = queue.as_ref().is_some_and(|q| q.try_send(asked).is_ok());
        if !sent {
            self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
            code.asked.store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // The thread may drop the last program, and so be here itself: nobody waits for it.
        self.close();
    }
}

impl Shared {
    fn serve(&self, queue: &Receiver<Asked>) {
        while let Ok(asked) = queue.recv() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            let Some(program) = asked.program.upgrade() else {
                continue;
            };
            if self.closed.load(Ordering::Relaxed) {
                continue;
            }
            let took = self.compile(&program, asked.function);
            drop(program);
            std::thread::sleep(took * REST);
        }
    }

    fn compile(&self, program: &Inner, function: u32) -> Duration {
        let begun = Instant::now();
        let compile = || program.native.compile(program, function, Wanted::Called);
        // A defect of the code generator must not take the thread with it.
        let made = catch_unwind(AssertUnwindSafe(compile));
        let took = begun.elapsed();
        match made {
            Ok(Ok(functions)) => {
                self.functions
                    .fetch_add(functions as u64, Ordering::Relaxed);
            }
            Ok(Err(reason)) => {
                self.without.fetch_add(1, Ordering::Relaxed);
                // There may be room later. Everything else stays as it is.
                if let (Without::Full, Ok(code)) = (reason, program.code(function)) {
                    code.asked.store(false, Ordering::Relaxed);
                }
            }
            Err(_) => {
                self.without.fetch_add(1, Ordering::Relaxed);
                program.native.switch_off();
            }
        }
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.compiling_us.fetch_add(took_us, Ordering::Relaxed);
        took
    }
}
