//! What came of verifying, told to people and to tools.

use cop_runtime::receipt::asked::base64url;
use cop_runtime::receipt::opened::OpenedReceipt;
use cop_runtime::receipt::{CommitName, Receipt};
use cop_runtime::run::{RunEnd, RunRecord};
use cop_runtime::shown::shown_answer;
use cop_runtime::store::lines::Line;
use serde_json::{Value, json};

use crate::ended::Ended;
use crate::say;

/// What was found out about a receipt.
pub struct Report {
    receipt: Receipt,
    /// How the run ended, in few words.
    pub end: Option<String>,
    proven: Vec<(&'static str, String)>,
    words: Vec<(&'static str, String)>,
    wrong: Vec<(&'static str, String)>,
    notes: Vec<String>,
    is_rerun: bool,
}

impl Report {
    /// About this receipt.
    pub fn of(receipt: &Receipt) -> Report {
        Report {
            receipt: receipt.clone(),
            end: None,
            proven: Vec::new(),
            words: Vec::new(),
            wrong: Vec::new(),
            notes: Vec::new(),
            is_rerun: false,
        }
    }

    /// Something was proven here.
    pub fn proven(&mut self, code: &'static str, what: String) {
        self.proven.push((code, what));
    }

    /// Something is only the node's word.
    pub fn word(&mut self, code: &'static str, what: &str) {
        self.words.push((code, what.to_owned()));
    }

    /// Something is not as it was said.
    pub fn wrong(&mut self, code: &'static str, what: String) {
        self.wrong.push((code, what));
    }

    /// Something that one should know.
    pub fn note(&mut self, what: String) {
        self.notes.push(what);
    }

    /// The run could not be done again.
    pub fn unproven(&mut self, what: String) {
        self.words.push(("outcome", what));
    }

    /// The run was done again and came out the same.
    pub fn same(&mut self, record: &RunRecord) {
        self.is_rerun = true;
        self.end = Some(match &record.end {
            RunEnd::Answered(response) | RunEnd::Aborted(response) => format!(
                "status {}, {}",
                response.status,
                say::size(response.body.len() as u64)
            ),
            RunEnd::Trapped(trap) => format!("trapped {}", trap.kind.name()),
            RunEnd::Failed(message) => format!("error: {message}"),
            RunEnd::Done => "done".to_owned(),
        });
        self.proven.push((
            "outcome",
            "done again here on the same answers, the run comes out the same to the bit: result, log, writes, fuel and memory"
                .to_owned(),
        ));
    }

    /// How the command ends.
    pub fn ended(&self) -> Ended {
        match (self.wrong.is_empty(), self.is_rerun) {
            (false, _) => Ended::Badly,
            (true, true) => Ended::Well,
            (true, false) => Ended::Unproven,
        }
    }

    /// For people.
    pub fn text(&self, opened: Option<&OpenedReceipt>) -> String {
        let receipt = &self.receipt;
        let mut lines = Vec::new();
        let program = match &receipt.release {
            Some(release) => release.to_string(),
            None => format!("the bundle {}", receipt.bundle),
        };
        lines.push(format!("program  {program}"));
        if let Some(end) = &self.end {
            lines.push(format!("outcome  {end}"));
        }
        lines.push(format!(
            "used     {} fuel of {}, {} at the peak of {}",
            say::count(receipt.fuel_used),
            say::count(receipt.limits.fuel),
            say::size(receipt.peak_memory_bytes),
            say::size(receipt.limits.memory_bytes),
        ));
        if let Some(state) = &receipt.state {
            let made = state
                .made
                .map_or(String::new(), |made| format!(", made {}", commit(made)));
            lines.push(format!("state    read at {}{made}", commit(state.read)));
            if let Some(root) = &state.root {
                lines.push(format!("root     {root}"));
            }
        }
        lines.push(format!("signed   {}", say::utc(receipt.time_ms)));
        if let Some(opened) = opened {
            lines.extend(answers(opened));
        }
        let heaps = [
            (say::bold_red("wrong"), &self.wrong, say::red("✗")),
            (say::green("proven"), &self.proven, "✓".to_owned()),
            (
                say::bold("only the node's word"),
                &self.words,
                "·".to_owned(),
            ),
        ];
        for (title, heap, mark) in heaps {
            if !heap.is_empty() {
                lines.push(title);
                lines.extend(heap.iter().map(|(_, what)| format!("  {mark} {what}")));
            }
        }
        lines.extend(self.notes.iter().map(|note| format!("note: {note}")));
        lines.join("\n") + "\n"
    }

    /// For tools.
    pub fn json(&self, opened: Option<&OpenedReceipt>) -> Value {
        let receipt = &self.receipt;
        let heap = |heap: &[(&'static str, String)]| {
            let rows = heap.iter();
            rows.map(|(code, what)| json!({ "code": code, "what": what }))
                .collect::<Vec<_>>()
        };
        let verdict = match self.ended() {
            Ended::Well => "proven",
            Ended::Badly => "wrong",
            Ended::Unproven => "unproven",
        };
        let release = receipt.release.as_ref().map(|release| {
            json!({
                "address": release.address.to_string(),
                "name": release.name.as_str(),
                "release": release.number,
                "release_hash": release.hash.to_string(),
            })
        });
        let answers = opened.map(|opened| {
            let leaves = opened.leaves.iter();
            let rows = leaves.map(|leaf| match leaf.open() {
                Some(leaf) => json!({
                    "question": leaf.question.to_string(),
                    "answer": shown_answer(&leaf.answer),
                }),
                None => Value::Null,
            });
            rows.collect::<Vec<_>>()
        });
        json!({
            "ok": self.ended() == Ended::Well,
            "verdict": verdict,
            "proven": heap(&self.proven),
            "word": heap(&self.words),
            "wrong": heap(&self.wrong),
            "notes": self.notes,
            "end": self.end,
            "receipt": {
                "node": format!("{:?}", receipt.node),
                "time_ms": receipt.time_ms,
                "nonce": base64url(&receipt.nonce),
                "network": receipt.network.to_string(),
                "edition": receipt.edition,
                "revision": receipt.revision,
                "program": receipt.program.to_string(),
                "bundle": receipt.bundle.to_string(),
                "release": release,
                "entry": receipt.entry,
                "fuel_limit": receipt.limits.fuel,
                "memory_limit_bytes": receipt.limits.memory_bytes,
                "fuel_used": receipt.fuel_used,
                "peak_memory_bytes": receipt.peak_memory_bytes,
                "transcript": receipt.transcript.to_string(),
                "outcome": receipt.outcome.to_string(),
                "line": receipt.state.map(|state| state.read.line.to_string()),
                "commit_read": receipt.state.map(|state| state.read.number),
                "state_root": receipt.state.and_then(|state| state.root).map(|root| root.to_string()),
                "commit_made": receipt.state.and_then(|state| state.made).map(|made| made.number),
            },
            "answers": answers,
        })
    }
}

/// A commit, with its line where it is not of the first.
fn commit(commit: CommitName) -> String {
    match commit.line == Line::default() {
        true => format!("commit {}", commit.number),
        false => format!("commit {} of line {}", commit.number, commit.line),
    }
}

/// Questions and answers, as far as they can be seen.
fn answers(opened: &OpenedReceipt) -> Vec<String> {
    let leaves = opened.leaves.iter();
    let lines = leaves.map(|leaf| match leaf.open() {
        Some(leaf) => format!("  {}\n    {}", leaf.question, shown_answer(&leaf.answer)),
        None => "  ••• closed".to_owned(),
    });
    std::iter::once("asked".to_owned()).chain(lines).collect()
}
