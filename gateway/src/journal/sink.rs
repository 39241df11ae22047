//! Where records are printed: by a thread of its own, so that nobody who answers waits for a terminal or a pipe.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::Record;
use crate::calendar;

/// Lines that may wait to be printed; those beyond are lost, and counted.
const WAITING: usize = 1024;
/// How long a node that stops waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people: time, level, kind, text, and what else is known as `name=value`.
    Text,
    /// For tools: one JSON object a line.
    Json,
}

/// Prints lines.
pub(super) struct Sink {
    format: Format,
    lines: Mutex<Option<SyncSender<String>>>,
    lost: Arc<AtomicU64>,
    ended: Mutex<Receiver<()>>,
}

impl Sink {
    /// Prints to `out`.
    pub(super) fn new(
        format: Format,
        mut out: impl Write + Send + 'static,
    ) -> std::io::Result<Sink> {
        let (lines, waiting) = sync_channel::<String>(WAITING);
        let (end, ended) = sync_channel(1);
        let lost = Arc::new(AtomicU64::new(0));
        let count = lost.clone();
        let writer = std::thread::Builder::new().name("journal".to_owned());
        writer.spawn(move || {
            for line in waiting {
                // Whoever does not read any more is no reason to stop.
                let _ = out.write_all(line.as_bytes());
                let lost = count.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    let _ = writeln!(
                        out,
                        "{lost} lines of the log were lost: nobody read fast enough"
                    );
                }
            }
            let _ = out.flush();
            let _ = end.send(());
        })?;
        Ok(Sink {
            format,
            lines: Mutex::new(Some(lines)),
            lost,
            ended: Mutex::new(ended),
        })
    }

    pub(super) fn print(&self, record: &Record) {
        let line = match self.format {
            Format::Text => text(record),
            Format::Json => format!("{}\n", Value::Object(record.as_json())),
        };
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines
            .as_ref()
            .is_some_and(|lines| lines.try_send(line).is_err())
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Prints what waits, and nothing any more.
    pub(super) fn close(&self) {
        let lines = self
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if lines.is_some() {
            drop(lines);
            let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            match ended.recv_timeout(LAST_LINES) {
                Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }
}

/// A record as a line for people.
pub fn text(record: &Record) -> String {
    let mut line = format!(
        "{} {:<5} {:<12} {}",
        calendar::second(record.time_ms),
        record.level.as_str(),
        record.kind.as_str(),
        plain(&record.text)
    );
    // Writing to a text cannot fail.
    for (name, value) in [("program", &record.program), ("run", &record.run)] {
        if let Some(value) = value {
            let _ = write!(line, " {name}={value}");
        }
    }
    for (name, value) in &record.fields {
        let _ = write!(line, " {name}={}", plain(&value.to_string()));
    }
    line.push('\n');
    line
}

/// Without what moves the cursor or begins a new line: some of it was written by strangers.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_control() {
            true => plain.extend(letter.escape_default()),
            false => plain.push(letter),
        }
    }
    plain
}
