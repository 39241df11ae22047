//! A backup of the node, made beside its store, for whoever asked to take away.

use std::sync::Arc;

use serde::Serialize;

use super::Management;
use super::routes::{Answer, refused};
use crate::asked::Asked;
use crate::journal::{Kind, Record};
use crate::{own, refusal};

#[derive(Serialize)]
struct MadeJson {
    /// The file, in the node's folder.
    path: String,
    bytes: u64,
    rows: u64,
    has_key: bool,
}

/// Makes one; `?without_key=1` leaves the node's secret key out.
pub(super) async fn make(asked: Asked, management: Arc<Management>) -> Answer {
    let with_key = asked.parameter("without_key").as_deref() != Some("1");
    let made = management.executor.back_up(with_key).await;
    let made = made.map_err(refused)?;
    let made = made.ok_or_else(|| refused(refusal::no_states()))?;
    let figures = &made.figures;
    let text = format!("{} bytes, {} rows", figures.bytes, figures.rows);
    let journal = &management.observer.journal;
    journal.record(Record::new(Kind::BackedUp, text).field("has_key", figures.has_key));
    Ok(own::json(&MadeJson {
        path: made.path.display().to_string(),
        bytes: made.figures.bytes,
        rows: made.figures.rows,
        has_key: made.figures.has_key,
    }))
}
