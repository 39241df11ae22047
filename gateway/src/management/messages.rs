//! Messages that programs have sent: those on their way, and those that could not be delivered.

use std::sync::Arc;

use cop_runtime::{Failure, FailureCode, ShownMessage};
use serde::Serialize;

use super::Management;
use super::routes::{Answer, refused};
use super::state::namespace;
use crate::asked::Asked;
use crate::own;

#[derive(Serialize)]
struct MessagesJson {
    messages: Vec<MessageJson>,
}

#[derive(Serialize)]
struct MessageJson {
    id: String,
    to: String,
    target: String,
    body_bytes: usize,
    /// `waiting`, or `dead` if it is not tried any more.
    state: &'static str,
    attempts: i64,
    /// When it is tried next, in milliseconds since 1970.
    next_ms: Option<i64>,
    /// Why it was not taken the last time.
    trouble: Option<String>,
}

impl From<ShownMessage> for MessageJson {
    fn from(message: ShownMessage) -> MessageJson {
        MessageJson {
            id: message.id,
            to: message.to,
            target: message.target,
            body_bytes: message.body_bytes,
            state: if message.is_dead { "dead" } else { "waiting" },
            attempts: message.attempts,
            next_ms: Some(message.next_ms).filter(|next_ms| *next_ms > 0),
            trouble: Some(message.trouble).filter(|trouble| !trouble.is_empty()),
        }
    }
}

pub(super) async fn list(
    address: String,
    name: String,
    _: Asked,
    management: Arc<Management>,
) -> Answer {
    let namespace = namespace(&address, &name).map_err(refused)?;
    let messages = management.executor.messages(&namespace).map_err(refused)?;
    Ok(own::json(&MessagesJson {
        messages: messages.into_iter().map(MessageJson::from).collect(),
    }))
}

#[derive(Serialize)]
struct RetriedJson {
    ok: bool,
}

pub(super) async fn retry(
    address: String,
    name: String,
    id: String,
    _: Asked,
    management: Arc<Management>,
) -> Answer {
    let namespace = namespace(&address, &name).map_err(refused)?;
    let found = management.executor.retry_message(&namespace, &id).await;
    match found.map_err(refused)? {
        true => Ok(own::json(&RetriedJson { ok: true })),
        false => Err(refused(
            Failure::new(
                FailureCode::BadRequest,
                "there is no such message",
                format!("none called `{id}` is kept as one that could not be delivered"),
            )
            .hint("GET /v1/messages/ADDRESS/NAME lists them"),
        )),
    }
}
