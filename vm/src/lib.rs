//! The virtual machine: runs verified bytecode, metered, without knowing anything of disk or network.
//!
//! The door: [`Program::load`] and [`run`], with a [`Host`] that answers what the program asks.
//!
//! Before anything runs, [`verify`] has decided that it may.
//!
//! Inside, in the order a newcomer should read: `program` (what is shared by runs), `flat` (the interpreter's
//! instructions) and `compile` (how a function becomes them), `interpret` (the loop), `machine` (fuel, traps),
//! `profile` (what was spent where),
//! what instructions do: `scalar` and `number`, `path` and `update`, `ops`, `text`, `list`, `table` and `key`;
//! and below them `heap`, `shape` and `memory` (values as bytes). `unicode` is data.

// What only machine code uses is there without it too, or there would be conditions everywhere.
#![cfg_attr(not(cop_jit), allow(dead_code, unused_imports))]

mod background;
mod compile;
mod flat;
mod heap;
mod host;
mod interpret;
#[cfg(cop_jit)]
mod jit;
mod key;
mod list;
mod machine;
mod math;
mod memory;
mod native;
mod number;
mod ops;
#[cfg(test)]
mod oracle;
mod path;
#[cfg(cop_jit)]
mod planted;
mod profile;
mod program;
mod run;
mod scalar;
mod shape;
mod step;
mod stepping;
mod table;
mod text;
mod unicode;
mod update;
pub mod verify;

pub use background::{Background, BackgroundFigures, CodeStore};
pub use host::{Answer, Host, NoHost};
pub use native::{Engine, Lens, MACHINE_CODE, Shown};
#[cfg(all(cop_jit, feature = "planted"))]
pub use planted::{Fault, plant};
pub use profile::{Call, Profile, Spent};
pub use program::{Program, Refusal};
pub use run::{
    Copies, End, Limits, Outcome, Position, Remains, Trap, run, run_inspected, run_on,
    run_profiled, run_stepped, run_watched,
};
pub use stepping::{Moment, Watched, Watcher};
pub use unicode::VERSION as UNICODE_VERSION;
