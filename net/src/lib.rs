//! The communication system: whom a node asks for an answer.
//!
//! The gateway knows only [`Communication`]. It asks the node's own execution system first and, when that one cannot answer,
//! the node's peers. There are no peers yet: this crate opens no socket, and a program that is not stored here is honestly
//! unknown. What was tried stands in the failure.

mod communication;
mod executor;
mod states;

pub use communication::Communication;
pub use executor::{Executor, Pending};
pub use states::StateKeeper;
