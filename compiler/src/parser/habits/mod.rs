//! Habits of other languages, and how the same is written in cop.
//!
//! Each function looks for one of them around a syntax error; the first that finds its habit explains the error. They
//! are tried in the order of the lists, the more particular first.

mod expressions;
mod items;
mod literals;
mod statements;
mod types;
mod words;

use super::explain::Scene;
use crate::diagnostic::Diagnostic;

pub use words::small;

type Habit = fn(&Scene<'_>) -> Option<Diagnostic>;

/// The habit behind a syntax error, if it is one.
pub fn find(scene: &Scene<'_>) -> Option<Diagnostic> {
    [
        items::HABITS,
        types::HABITS,
        statements::FIRST,
        words::HABITS,
        literals::HABITS,
        statements::HABITS,
        expressions::HABITS,
    ]
    .iter()
    .flat_map(|habits| habits.iter())
    .find_map(|habit| habit(scene))
}
