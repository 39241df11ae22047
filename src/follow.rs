//! Server-sent events of a node: read as they come, and asked for again where the last one was.

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;

use crate::client::{ClientError, NodeClient, refused};

/// Longest event that is read, in bytes.
const EVENT_BYTES_MAX: usize = 1 << 20;
/// Longest message of a refusal that is read, in bytes.
const REFUSAL_BYTES_MAX: usize = 64 << 10;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its kind.
    pub kind: String,
    /// Where to go on from when this is the last that was seen.
    pub id: String,
    /// What it says.
    pub data: String,
}

/// Events as they come.
pub struct Events {
    body: Incoming,
    read: Vec<u8>,
    event: Event,
}

impl NodeClient {
    /// Follows what happens, as far as `query` wants it, from the cursor `after` on.
    ///
    /// # Errors
    /// The node cannot be reached or refuses.
    pub async fn follow(&self, query: &str, after: &str) -> Result<Events, ClientError> {
        let url = format!("{}/v1/events?{query}", self.base);
        let headers = [("last-event-id", after)];
        let answered = self
            .client
            .stream(&url, self.token.as_str(), &headers)
            .await;
        let unreachable = |why| ClientError::Unreachable {
            url: url.clone(),
            why,
        };
        let answered = answered.map_err(unreachable)?;
        let status = answered.status();
        let body = answered.into_body();
        if status == StatusCode::OK {
            return Ok(Events {
                body,
                read: Vec::new(),
                event: Event::default(),
            });
        }
        let body = http_body_util::Limited::new(body, REFUSAL_BYTES_MAX);
        let body = body.collect().await;
        let body = body.map_err(|error| unreachable(error.to_string()))?;
        Err(refused(&url, status, &body.to_bytes()))
    }
}

impl Events {
    /// The next event; `None` once the node has no more, or is gone.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                if let Some(event) = self.take(line.trim_end_matches(['\r', '\n'])) {
                    return Some(event);
                }
            }
            if self.read.len() + self.event.data.len() > EVENT_BYTES_MAX {
                return None;
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.read.extend_from_slice(&data);
            }
        }
    }

    /// Takes a line; gives the event that it ends.
    fn take(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return Some(event).filter(|event| !event.data.is_empty());
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => self.event.kind = value.to_owned(),
            "id" => self.event.id = value.to_owned(),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // Comments keep the connection alive.
            _ => {}
        }
        None
    }
}
