//! What happened on a node: kept for a while, printed as its log, and followed by whoever manages it.
//!
//! Every record has a number. A **cursor** names the start of the node and a number, so that whoever followed and was cut off goes on
//! where he was, or learns that something is missing: that the node was started again, or that older records went.
//!
//! What comes with each request (`request`, `log`) would push everything else out and costs something, so it is kept apart, and made
//! only while the log has it or somebody follows.

mod kind;
mod sink;

use std::collections::VecDeque;
use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::calendar;
use sink::Sink;

pub use kind::{Kind, Level};
pub use sink::{Format, text};

/// Records that are kept, and those that come with each request.
const EVENTS_MAX: usize = 2_048;
const TRAFFIC_MAX: usize = 2_048;
/// Longest text of a record, in bytes.
const TEXT_BYTES_MAX: usize = 1_024;
/// Who may follow at once.
const FOLLOWERS_MAX: usize = 32;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Counted from the start of the node, from 1.
    pub number: u64,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// How much it matters.
    pub level: Level,
    /// What kind of thing it is.
    pub kind: Kind,
    /// What happened, for people; may hold what strangers wrote.
    pub text: String,
    /// The program that it is about, as `ADDRESS/NAME`.
    pub program: Option<String>,
    /// The run that it is about.
    pub run: Option<String>,
    /// What else is known.
    pub fields: Map<String, Value>,
}

impl Record {
    /// Of this kind, with this text.
    pub fn new(kind: Kind, text: impl Into<String>) -> Record {
        let mut text = text.into();
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        Record {
            number: 0,
            time_ms: 0,
            level: kind.level(),
            kind,
            text,
            program: None,
            run: None,
            fields: Map::new(),
        }
    }

    /// The same about this program, `ADDRESS/NAME`.
    pub fn program(mut self, program: impl Into<String>) -> Record {
        self.program = Some(program.into());
        self
    }

    /// The same about this run.
    pub fn run(mut self, run: impl fmt::Display) -> Record {
        self.run = Some(run.to_string());
        self
    }

    /// The same with this field.
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Record {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// As the log and the management interface tell it.
    pub fn as_json(&self) -> Map<String, Value> {
        let mut json = self.fields.clone();
        let mut put = |name: &str, value: Value| json.insert(name.to_owned(), value);
        put("time", calendar::second(self.time_ms).into());
        put("time_ms", self.time_ms.into());
        put("level", self.level.as_str().into());
        put("kind", self.kind.as_str().into());
        put("text", self.text.clone().into());
        if let Some(program) = &self.program {
            put("program", program.clone().into());
        }
        if let Some(run) = &self.run {
            put("run", run.clone().into());
        }
        json
    }
}

/// Which records are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of these kinds; of all if there are none.
    pub kinds: Vec<Kind>,
    /// That matter at least so much.
    pub level: Option<Level>,
    /// About this program: `ADDRESS/NAME`, or a name alone.
    pub program: Option<String>,
}

impl Filter {
    fn takes(&self, record: &Record) -> bool {
        let is_of = |wanted: &String| {
            record.program.as_ref().is_some_and(|program| {
                program == wanted
                    || program
                        .split_once('/')
                        .is_some_and(|(_, name)| name == wanted)
            })
        };
        (self.kinds.is_empty() || self.kinds.contains(&record.kind))
            && self.level.is_none_or(|level| record.level <= level)
            && self.program.as_ref().is_none_or(is_of)
    }

    fn takes_traffic(&self) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|kind| kind.is_traffic())
    }
}

/// Where somebody is in the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The start of the node.
    start: u64,
    /// The last record that he has seen.
    number: u64,
}

impl Cursor {
    /// Reads one as it was told.
    pub fn parse(text: &str) -> Option<Cursor> {
        let (start, number) = text.split_once('-')?;
        Some(Cursor {
            start: u64::from_str_radix(start, 16).ok()?,
            number: number.parse().ok()?,
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:x}-{}", self.start, self.number)
    }
}

/// Some records after a cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The oldest first.
    pub records: Vec<Arc<Record>>,
    /// Where whoever has read them is.
    pub cursor: Cursor,
    /// Why records may be missing before them.
    pub gap: Option<&'static str>,
}

/// The records of a node.
pub struct Journal {
    /// When it began, in milliseconds since 1970: no other start of the node has it.
    start: u64,
    level: AtomicU8,
    access_log: bool,
    kept: Mutex<Kept>,
    latest: watch::Sender<u64>,
    followers: AtomicUsize,
    sink: Option<Sink>,
}

#[derive(Default)]
struct Kept {
    last: u64,
    is_closed: bool,
    events: Ring,
    traffic: Ring,
}

#[derive(Default)]
struct Ring {
    records: VecDeque<Arc<Record>>,
    /// Number of the last one that went for lack of room.
    gone: u64,
}

impl Ring {
    fn push(&mut self, record: Arc<Record>, most: usize) {
        self.records.push_back(record);
        while self.records.len() > most {
            self.gone = self
                .records
                .pop_front()
                .map_or(self.gone, |oldest| oldest.number);
        }
    }

    fn after(&self, number: u64) -> impl Iterator<Item = &Arc<Record>> {
        let first = self
            .records
            .partition_point(|record| record.number <= number);
        self.records.range(first..)
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Journal").finish_non_exhaustive()
    }
}

impl Default for Journal {
    /// One that prints nothing.
    fn default() -> Journal {
        Journal::with(Level::Info, false, None)
    }
}

impl Journal {
    /// One whose records are printed to `out` if they matter at least so much; `access_log`: each answer does.
    ///
    /// # Errors
    /// There is no thread to print them.
    pub fn printing(
        level: Level,
        access_log: bool,
        format: Format,
        out: impl Write + Send + 'static,
    ) -> std::io::Result<Journal> {
        let sink = Sink::new(format, out)?;
        Ok(Journal::with(level, access_log, Some(sink)))
    }

    fn with(level: Level, access_log: bool, sink: Option<Sink>) -> Journal {
        Journal {
            start: now_ms(),
            level: AtomicU8::new(level as u8),
            access_log,
            kept: Mutex::default(),
            latest: watch::Sender::new(0),
            followers: AtomicUsize::new(0),
            sink,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes something down.
    pub fn record(&self, mut record: Record) {
        if self.access_log && record.kind == Kind::Request {
            record.level = Level::Info;
        }
        let mut kept = self.kept();
        if kept.is_closed {
            return;
        }
        kept.last += 1;
        record.number = kept.last;
        record.time_ms = now_ms();
        let record = Arc::new(record);
        match record.kind.is_traffic() {
            true => kept.traffic.push(record.clone(), TRAFFIC_MAX),
            false => kept.events.push(record.clone(), EVENTS_MAX),
        }
        drop(kept);
        if let Some(sink) = &self.sink
            && record.level <= self.level()
        {
            sink.print(&record);
        }
        self.latest.send_replace(record.number);
    }

    /// Whether records that come with each request are wanted now.
    pub fn wants_traffic(&self) -> bool {
        self.access_log
            || self.level() == Level::Debug
            || self.followers.load(Ordering::Relaxed) > 0
    }

    /// What is printed.
    pub fn level(&self) -> Level {
        let level = usize::from(self.level.load(Ordering::Relaxed));
        Level::ALL.get(level).copied().unwrap_or(Level::Info)
    }

    /// Has what matters so much printed from now on; gives what it was.
    pub fn set_level(&self, level: Level) -> Level {
        let before = self.level();
        self.level.store(level as u8, Ordering::Relaxed);
        before
    }

    /// The newest `count` records that are wanted.
    pub fn newest(&self, filter: &Filter, count: usize) -> Part {
        let mut part = self.after(None, filter);
        let more = part.records.len().saturating_sub(count);
        part.records.drain(..more);
        part.gap = None;
        part
    }

    /// The records after a cursor; all that are kept without one.
    pub fn after(&self, cursor: Option<Cursor>, filter: &Filter) -> Part {
        let kept = self.kept();
        let (number, mut gap) = match cursor {
            None => (0, None),
            Some(cursor) if cursor.start == self.start => (cursor.number, None),
            Some(_) => (0, Some("the node was started again")),
        };
        let gone = match filter.takes_traffic() {
            true => kept.events.gone.max(kept.traffic.gone),
            false => kept.events.gone,
        };
        if cursor.is_some() && number < gone {
            gap = gap.or(Some("older records are not kept any more"));
        }
        let found = kept.events.after(number).chain(kept.traffic.after(number));
        let mut records: Vec<_> = found
            .filter(|record| filter.takes(record))
            .cloned()
            .collect();
        records.sort_unstable_by_key(|record| record.number);
        Part {
            records,
            cursor: self.cursor(kept.last),
            gap,
        }
    }

    /// Where whoever has read the record with this number is.
    pub fn cursor(&self, number: u64) -> Cursor {
        Cursor {
            start: self.start,
            number,
        }
    }

    /// Follows what happens; `None` if too many do already.
    pub fn follow(self: &Arc<Journal>) -> Option<Follower> {
        let follower = Follower {
            latest: self.latest.subscribe(),
            journal: self.clone(),
        };
        // Counted by the follower's drop, also if it is one too many.
        let others = self.followers.fetch_add(1, Ordering::Relaxed);
        (others < FOLLOWERS_MAX).then_some(follower)
    }

    /// Prints what waits, and lets those go who follow.
    pub fn close(&self) {
        self.kept().is_closed = true;
        self.latest.send_replace(u64::MAX);
        if let Some(sink) = &self.sink {
            sink.close();
        }
    }
}

/// Somebody who follows.
pub struct Follower {
    journal: Arc<Journal>,
    latest: watch::Receiver<u64>,
}

impl Follower {
    /// Waits until something happens that was not there at the last call; false once nothing will any more.
    pub async fn wait(&mut self) -> bool {
        self.latest.changed().await.is_ok() && *self.latest.borrow() != u64::MAX
    }

    /// The records.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.journal.followers.fetch_sub(1, Ordering::Relaxed);
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(part: &Part) -> Vec<&str> {
        part.records
            .iter()
            .map(|record| record.text.as_str())
            .collect()
    }

    #[test]
    fn whoever_was_cut_off_goes_on_where_he_was_or_learns_what_is_missing() {
        let journal = Journal::default();
        let all = Filter::default();
        journal.record(Record::new(Kind::Started, "one"));
        let seen = journal.after(None, &all).cursor;
        let seen = Cursor::parse(&seen.to_string()).expect("as it was told");
        journal.record(Record::new(Kind::Request, "two").program("a/x"));
        journal.record(Record::new(Kind::Published, "three").program("a/y"));
        let part = journal.after(Some(seen), &all);
        assert_eq!((texts(&part), part.gap), (vec!["two", "three"], None));
        let of = |filter| texts(&journal.after(Some(seen), &filter)).len();
        let program = |name: &str| Filter {
            program: Some(name.to_owned()),
            ..Filter::default()
        };
        assert_eq!(
            [of(program("x")), of(program("a/y")), of(program("z"))],
            [1, 1, 0]
        );
        let level = Filter {
            level: Some(Level::Info),
            ..Filter::default()
        };
        assert_eq!(of(level), 1);
        let kinds = Filter {
            kinds: vec![Kind::Request],
            ..Filter::default()
        };
        assert_eq!(of(kinds), 1);
        assert_eq!(texts(&journal.newest(&all, 1)), ["three"]);
        // Many requests push out requests only.
        for _ in 0..TRAFFIC_MAX {
            journal.record(Record::new(Kind::Request, "many"));
        }
        let part = journal.after(Some(seen), &all);
        assert_eq!(
            (part.records.len(), part.gap.is_some()),
            (TRAFFIC_MAX + 1, true)
        );
        let events = Filter {
            kinds: vec![Kind::Published],
            ..Filter::default()
        };
        let part = journal.after(Some(seen), &events);
        assert_eq!((texts(&part), part.gap), (vec!["three"], None));
        let other = Cursor {
            start: 1,
            number: 5,
        };
        assert_eq!(
            journal.after(Some(other), &events).gap,
            Some("the node was started again")
        );
        for text in ["", "1", "x-1", "1-", "1-x", "1--1"] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_strangers_wrote_stays_on_its_line() {
        let record = Record::new(Kind::Log, "a\nb\u{1b}[2J").field("path", "/\r");
        let line = text(&record);
        assert_eq!(line.matches(char::is_control).count(), 1, "{line:?}");
        assert!(line.contains("a\\nb\\u{1b}[2J"), "{line}");
    }

    #[tokio::test]
    async fn followers_are_counted_and_let_go() {
        let journal = Arc::new(Journal::default());
        assert!(!journal.wants_traffic());
        let mut followers: Vec<_> = (0..FOLLOWERS_MAX)
            .filter_map(|_| journal.follow())
            .collect();
        assert!(followers.len() == FOLLOWERS_MAX && journal.follow().is_none());
        assert!(journal.wants_traffic());
        let mut last = followers.pop().expect("one");
        journal.record(Record::new(Kind::Started, "one"));
        assert!(last.wait().await);
        journal.close();
        assert!(!last.wait().await);
        drop((followers, last));
        assert!(!journal.wants_traffic());
    }
}
