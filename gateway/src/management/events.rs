//! What happens on the node: as a list, and as server-sent events that go on where a cursor says.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cop_runtime::{Failure, FailureCode};
use futures_util::stream;
use serde::Serialize;
use serde_json::{Map, Value, json};
use warp::http::Response;
use warp::sse::{self, Event};
use warp::{Rejection, Reply};

use super::Management;
use super::routes::{Answer, refused};
use crate::asked::Asked;
use crate::journal::{Cursor, Filter, Follower, Journal, Kind, Level, Part, Record};
use crate::own;

/// Records in one answer, unless it is said how many.
const LISTED: usize = 100;
/// Most records in one answer.
const LISTED_MAX: usize = 4096;
/// How often a stream on which nothing happens says that it is still there.
const HEARTBEAT: Duration = Duration::from_secs(15);

#[derive(Serialize)]
struct EventsJson {
    events: Vec<Map<String, Value>>,
    /// Where to go on from.
    cursor: String,
    /// Why records may be missing before these.
    gap: Option<&'static str>,
}

fn bad(why: String) -> Failure {
    Failure::new(
        FailureCode::BadRequest,
        "these events cannot be asked for",
        why,
    )
}

fn filter(asked: &Asked) -> Result<Filter, Failure> {
    let kinds = asked.parameter("kind").unwrap_or_default();
    let kinds = kinds.split(',').filter(|kind| !kind.is_empty());
    let level = asked.parameter("level").map(|level| level.parse::<Level>());
    Ok(Filter {
        kinds: kinds
            .map(str::parse::<Kind>)
            .collect::<Result<_, _>>()
            .map_err(bad)?,
        level: level.transpose().map_err(bad)?,
        program: asked.parameter("program"),
    })
}

/// Where to go on: what an event source sends by itself counts before the URL, which it keeps as it was.
fn cursor(asked: &Asked) -> Result<Option<Cursor>, Failure> {
    let sent = asked.headers.get("last-event-id");
    let sent = sent.and_then(|id| id.to_str().ok()).map(str::to_owned);
    let text = sent.or_else(|| asked.parameter("after"));
    let text = text.filter(|text| !text.is_empty());
    let read = |text: String| {
        Cursor::parse(&text).ok_or_else(|| bad(format!("`{text}` is no cursor of a node")))
    };
    text.map(read).transpose()
}

fn as_json(journal: &Journal, record: &Record) -> Map<String, Value> {
    let mut json = record.as_json();
    json.insert(
        "cursor".to_owned(),
        journal.cursor(record.number).to_string().into(),
    );
    json
}

/// A list: what comes after `?after=CURSOR`, or the newest; `&count=N&kind=A,B&level=L&program=P`.
fn list(asked: &Asked, journal: &Journal) -> Result<Response<Bytes>, Failure> {
    let filter = filter(asked)?;
    let count = asked.parameter("count");
    let count = count.and_then(|count| count.parse().ok()).unwrap_or(LISTED);
    let count = count.min(LISTED_MAX);
    let mut part = match cursor(asked)? {
        Some(cursor) => journal.after(Some(cursor), &filter),
        None => journal.newest(&filter, count),
    };
    if let Some(last) = part
        .records
        .get(count.saturating_sub(1))
        .filter(|_| part.records.len() > count)
    {
        part.cursor = journal.cursor(last.number);
        part.records.truncate(count);
    }
    let events = part.records.iter().map(|record| as_json(journal, record));
    Ok(own::json(&EventsJson {
        events: events.collect(),
        cursor: part.cursor.to_string(),
        gap: part.gap,
    }))
}

/// A list, or a stream for those who take one.
pub(super) async fn events(
    asked: Asked,
    management: Arc<Management>,
) -> Result<warp::reply::Response, Rejection> {
    let journal = &management.observer.journal;
    let accept = asked
        .headers
        .get("accept")
        .and_then(|accept| accept.to_str().ok());
    if !accept.is_some_and(|accept| accept.contains("text/event-stream")) {
        return list(&asked, journal)
            .map(Reply::into_response)
            .map_err(refused);
    }
    let begun = || {
        let (filter, cursor) = (filter(&asked)?, cursor(&asked)?);
        let follower = journal.follow().ok_or_else(|| {
            Failure::new(
                FailureCode::TooMany,
                "too many follow this node",
                "32 may at once: end one of them",
            )
        })?;
        Ok((filter, cursor, follower))
    };
    let (filter, cursor, follower) = begun().map_err(refused)?;
    // Who names no cursor sees what happens from now on.
    let newest = || journal.newest(&filter, 0).cursor;
    let following = Following {
        cursor: cursor.unwrap_or_else(newest),
        follower,
        filter,
        waiting: VecDeque::new(),
        is_over: false,
    };
    let events = stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
        Some((Ok::<_, Infallible>(event), following))
    });
    let events = sse::keep_alive().interval(HEARTBEAT).stream(events);
    let mut response = sse::reply(events).into_response();
    let no_store = warp::http::HeaderValue::from_static("no-store");
    response.headers_mut().insert("cache-control", no_store);
    Ok(response)
}

struct Following {
    follower: Follower,
    filter: Filter,
    cursor: Cursor,
    waiting: VecDeque<Event>,
    /// Nothing more will happen.
    is_over: bool,
}

impl Following {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            let part = self
                .follower
                .journal()
                .after(Some(self.cursor), &self.filter);
            self.cursor = part.cursor;
            self.take(&part);
            if self.waiting.is_empty() {
                match self.is_over {
                    true => return None,
                    // What happened last is told first.
                    false => self.is_over = !self.follower.wait().await,
                }
            }
        }
    }

    fn take(&mut self, part: &Part) {
        let journal = self.follower.journal();
        if let Some(why) = part.gap {
            let id = part.records.first().map_or(part.cursor, |first| {
                journal.cursor(first.number.saturating_sub(1))
            });
            let gap = Event::default().event("gap").id(id.to_string());
            self.waiting
                .push_back(gap.data(json!({ "why": why }).to_string()));
        }
        self.waiting.extend(part.records.iter().map(|record| {
            let data = Value::Object(as_json(journal, record)).to_string();
            let event = Event::default().event(record.kind.as_str());
            event
                .id(journal.cursor(record.number).to_string())
                .data(data)
        }));
    }
}

#[derive(Serialize)]
struct LevelJson {
    level: &'static str,
}

pub(super) async fn level(_: Asked, management: Arc<Management>) -> Answer {
    Ok(own::json(&LevelJson {
        level: management.observer.journal.level().as_str(),
    }))
}

/// Sets it to `?level=LEVEL`, until the node is started again.
pub(super) async fn set_level(asked: Asked, management: Arc<Management>) -> Answer {
    let level = asked.parameter("level").unwrap_or_default();
    let level: Level = level.parse().map_err(|why| refused(bad(why)))?;
    let journal = &management.observer.journal;
    let before = journal.set_level(level);
    if before != level {
        journal.record(Record::new(
            Kind::LogLevel,
            format!("from {before} to {level}"),
        ));
    }
    Ok(own::json(&LevelJson {
        level: level.as_str(),
    }))
}
