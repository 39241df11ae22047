//! What a node remembers of a program.

use std::sync::Arc;

use serde::Serialize;

use super::Management;
use super::routes::{Answer, refused};
use super::state::namespace;
use crate::asked::Asked;
use crate::{own, refusal};

#[derive(Serialize)]
struct RememberedJson {
    release: u64,
    /// Outcomes in memory.
    outcomes: usize,
    bytes: usize,
    /// Questions with what was answered to them.
    places: usize,
    /// Walks that found an outcome, and that found none, since the start.
    hits: u64,
    misses: u64,
    stored_outcomes: u64,
    stored_bytes: u64,
    /// Questions below which nothing is remembered.
    closed: Vec<ClosedJson>,
}

#[derive(Serialize)]
struct ClosedJson {
    question: String,
    /// `never` for a question that is answered anew each time, `hardly` for one whose answers turned out not to repeat.
    repeats: &'static str,
    visits: u64,
}

pub(super) async fn remembered(
    address: String,
    name: String,
    _: Asked,
    management: Arc<Management>,
) -> Answer {
    let find = || {
        let namespace = namespace(&address, &name)?;
        let found = management.executor.remembered(&namespace)?;
        found.ok_or_else(refusal::no_states)
    };
    let remembered = find().map_err(refused)?;
    let closed = remembered.tree.closed.iter().map(|closed| ClosedJson {
        question: closed.question.to_string(),
        repeats: match closed.question.kind.is_repeatable() {
            true => "hardly",
            false => "never",
        },
        visits: closed.visits,
    });
    Ok(own::json(&RememberedJson {
        release: remembered.release,
        outcomes: remembered.tree.outcomes,
        bytes: remembered.tree.bytes,
        places: remembered.tree.places,
        hits: remembered.tree.hits,
        misses: remembered.tree.misses,
        stored_outcomes: remembered.kept.records,
        stored_bytes: remembered.kept.bytes,
        closed: closed.collect(),
    }))
}
