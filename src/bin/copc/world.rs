//! What a run on the author's machine is told of the world: an empty store, and the real clock and randomness, or fixed ones.

use cop_bytecode::Hash;
use cop_runtime::engine::{Limits, Loaded};
use cop_runtime::failure::Failure;
use cop_runtime::host::clock::system_now_ms;
use cop_runtime::host::world::{Input, Randomness, SystemRandomness, World};
use cop_runtime::run::{EntryKind, RunRecord, run};
use cop_runtime::store::StoreError;
use cop_runtime::store::state::{StateView, get_answer};
use cop_runtime::transcript::Identity;

/// A store in which nothing is.
struct EmptyStore;

impl StateView for EmptyStore {
    fn get(&self, _: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    fn get_identity(&self, _: &str) -> Result<Identity, StoreError> {
        Ok(Identity::of(&get_answer(None)))
    }

    fn keys(&self, _: &str, _: Option<&str>, _: usize) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
}

/// Bytes that look random and are the same in each run, so that a test that fails once fails again.
#[derive(Default)]
struct SameRandomness {
    blocks: u64,
}

impl Randomness for SameRandomness {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), String> {
        for block in bytes.chunks_mut(32) {
            let hash = Hash::tagged("cop test randomness 1", &[&self.blocks.to_le_bytes()]);
            block.copy_from_slice(&hash.0[..block.len()]);
            self.blocks += 1;
        }
        Ok(())
    }
}

/// Runs a program once with this input, in the world as it is; `on_log` is told each line of the log at once.
pub fn run_once(
    program: &dyn Loaded,
    entry: &str,
    kind: EntryKind,
    limits: Limits,
    input: &Input,
    on_log: &mut dyn FnMut(&str),
) -> Result<RunRecord, Failure> {
    let world = World {
        input,
        state: Some(&EmptyStore),
        now_ms: system_now_ms(),
        randomness: &mut SystemRandomness,
        kept: None,
        cancelled: None,
        on_log: Some(on_log),
    };
    run(program, entry, kind, limits, world)
}

/// Runs a test, in a world that is the same each time: it is the beginning of 1970.
pub fn run_test(program: &dyn Loaded, entry: &str, limits: Limits) -> Result<RunRecord, Failure> {
    let world = World {
        input: &Input::Nothing,
        state: Some(&EmptyStore),
        now_ms: 0,
        randomness: &mut SameRandomness::default(),
        kept: None,
        cancelled: None,
        on_log: None,
    };
    run(program, entry, EntryKind::Test, limits, world)
}
