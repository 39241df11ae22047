//! What a file of the suite says: its programs, and what is expected of each.
//!
//! A file holds one program, or several, each below a line `//= name`; a line `//= file PATH` within one begins another file
//! of it. Expectations are comments at the end of lines:
//!
//! ```text
//! print(x)  // 42                        the line that is printed (`\n` and `\\` as in a string, `''` for an empty line)
//! //> 42                                 the same on a line of its own, for what is printed elsewhere
//! // prints: 256                         so many lines, whatever is in them
//! … // trap: IndexOutOfBounds(3, 2) at 7 "message"    a trap on this line; operands, column and message may be left out
//! … // error: E0401 part of the message  a compile error on this line, and likewise `// warning:`; several with ` + `
//! // fails: message                      `main` gives this error
//! // args: a b                           arguments of `main`
//! // limits: fuel 1000, memory 65536     other limits than the usual ones
//! // fuel: 123                           exactly what it uses, and likewise `// memory:`
//! // request: GET /a?b=c                 `handle` is run for it (several: one run each)
//! // answers: 200 text                   what the request above is answered with: `200, 70000 bytes` if it is long, before
//!                                        it `aborts with` if it came to that, or `trap NAME(operands)`
//! ```
//!
//! Those about a run hold for the `test`, `main` or `handle` in which they stand, that is up to the next `}` in the first column.

use cop_runtime::engine::Limits;

use crate::LIMITS;

/// One program.
pub struct Section {
    /// The path of the file, and the name of the section if the file has several.
    pub name: String,
    /// Path and text of its files; the first is the root. Each keeps the line numbers of the whole.
    pub files: Vec<(String, String)>,
    /// Diagnostics that are expected.
    pub diagnostics: Vec<Said>,
    /// Traps that are expected somewhere.
    pub traps: Vec<Said>,
    /// Its `test`s and `main`, and `handle` if it is asked something.
    pub entries: Vec<Entry>,
}

impl Section {
    /// Whether a trap is expected of the line, or of the test in which it stands.
    pub fn traps_in(&self, line: u32) -> bool {
        let in_line = self.traps.iter().any(|said| said.line == line);
        in_line
            || self.entries.iter().any(|entry| {
                let (first, last) = entry.lines;
                (first..=last).contains(&line)
                    && entry
                        .test
                        .as_ref()
                        .is_some_and(|name| name.starts_with("traps "))
            })
    }
}

/// An expectation that belongs to a line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    /// From 1.
    pub line: u32,
    /// What the comment says.
    pub text: String,
}

/// A request to `handle`.
pub struct Request {
    /// Such as `GET`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// What it is answered with, in the words of the suite.
    pub answer: String,
}

/// A `test`, `main` or `handle`.
pub struct Entry {
    /// The name of the test; `None` for `main` and `handle`.
    pub test: Option<String>,
    /// What `handle` is asked, one run each; empty for the others.
    pub requests: Vec<Request>,
    /// First and last line, from 1.
    pub lines: (u32, u32),
    /// What it prints.
    pub output: Vec<String>,
    /// How many lines it prints, if that is all that is said of them.
    pub line_count: Option<usize>,
    /// What `main` fails with.
    pub failure: Option<String>,
    /// Arguments of `main`.
    pub arguments: Vec<String>,
    /// Its limits.
    pub limits: Limits,
    /// Pinned figures.
    pub fuel: Option<u64>,
    /// Pinned figures.
    pub memory: Option<u64>,
}

impl Entry {
    fn new(test: Option<String>, line: u32) -> Entry {
        Entry {
            test,
            requests: Vec::new(),
            lines: (line, line),
            output: Vec::new(),
            line_count: None,
            failure: None,
            arguments: Vec::new(),
            limits: LIMITS,
            fuel: None,
            memory: None,
        }
    }

    /// Whether a line is in it.
    pub fn holds(&self, line: u32) -> bool {
        (self.lines.0..=self.lines.1).contains(&line)
    }
}

impl Section {
    /// Whether the entry is to end with a trap.
    pub fn is_to_trap(&self, entry: &Entry) -> bool {
        let outside = || {
            self.traps
                .iter()
                .any(|trap| !self.entries.iter().any(|entry| entry.holds(trap.line)))
        };
        match &entry.test {
            Some(name) if name.starts_with("traps") => true,
            None if outside() => true,
            _ => self.traps.iter().any(|trap| entry.holds(trap.line)),
        }
    }
}

/// The programs of a file.
pub fn sections(path: &str, text: &str) -> Vec<Section> {
    let root = path.rsplit('/').next().unwrap_or(path);
    // Each: name of the section, path of the file, lines from and up to.
    let mut parts: Vec<(String, String, usize, usize)> = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        let Some(title) = line.strip_prefix("//= ") else {
            continue;
        };
        if let Some(last) = parts.last_mut() {
            last.3 = number;
        }
        match (title.strip_prefix("file "), parts.last()) {
            (Some(file), Some(last)) => {
                parts.push((last.0.clone(), file.into(), number, lines.len()))
            }
            _ => parts.push((format!("{path} {title}"), root.into(), number, lines.len())),
        }
    }
    if parts.is_empty() {
        parts.push((path.into(), root.into(), 0, lines.len()));
    }
    let mut sections: Vec<Section> = Vec::new();
    for (name, file, from, to) in parts {
        let own: Vec<&str> = (0..to)
            .map(|n| if n < from { "" } else { lines[n] })
            .collect();
        let source = (file, own.join("\n") + "\n");
        match sections.last_mut() {
            Some(section) if section.name == name => section.files.push(source),
            _ => sections.push(Section {
                name,
                files: vec![source],
                diagnostics: Vec::new(),
                traps: Vec::new(),
                entries: Vec::new(),
            }),
        }
        if let Some(section) = sections.last_mut() {
            read(section, &own);
        }
    }
    sections
}

/// Reads the expectations of a file of a section.
fn read(section: &mut Section, lines: &[&str]) {
    let mut open: Option<Entry> = None;
    let mut is_handle = false;
    for (number, line) in (1u32..).zip(lines) {
        let handle = line.starts_with("fn handle(");
        let begins = if handle || line.starts_with("fn main(") {
            Some(None)
        } else {
            line.strip_prefix("test \"")
                .and_then(|rest| rest.split('"').next())
                .map(|name| Some(name.to_owned()))
        };
        if let Some(test) = begins {
            close(section, &mut open, is_handle);
            open = Some(Entry::new(test, number));
            is_handle = handle;
        }
        comment(section, open.as_mut(), number, line);
        let one_line = open.as_ref().is_some_and(|e| e.lines.0 == number) && is_closed(line);
        if let Some(entry) = &mut open {
            entry.lines.1 = number;
        }
        if line.starts_with('}') || one_line {
            close(section, &mut open, is_handle);
        }
    }
    close(section, &mut open, is_handle);
}

/// Adds what was open. A `handle` that nobody asks anything is not run.
fn close(section: &mut Section, open: &mut Option<Entry>, is_handle: bool) {
    let entry = open.take();
    section
        .entries
        .extend(entry.filter(|entry| !is_handle || !entry.requests.is_empty()));
}

/// Whether a first line is also the last.
fn is_closed(line: &str) -> bool {
    let code = line.split(" // ").next().unwrap_or(line);
    code.trim_end().ends_with('}')
}

fn comment(section: &mut Section, mut entry: Option<&mut Entry>, number: u32, line: &str) {
    let trimmed = line.trim_start();
    if let (Some(text), Some(entry)) = (trimmed.strip_prefix("//>"), entry.as_deref_mut()) {
        entry
            .output
            .push(unescaped(text.strip_prefix(' ').unwrap_or(text)));
        return;
    }
    let Some(start) = line
        .rfind("// ")
        .filter(|start| trimmed.starts_with("// ") || line[..*start].ends_with(' '))
    else {
        return;
    };
    let text = line[start + 3..].trim_end();
    let said = |text: &str| Said {
        line: number,
        text: text.to_owned(),
    };
    if text.starts_with("error: ") || text.starts_with("warning: ") {
        section.diagnostics.extend(text.split(" + ").map(said));
    } else if let Some(trap) = text.strip_prefix("trap: ") {
        section.traps.push(said(trap));
    } else if let Some(entry) = entry {
        if let Some(message) = text.strip_prefix("fails: ") {
            entry.failure = Some(message.to_owned());
        } else if let Some(count) = text.strip_prefix("prints: ") {
            entry.line_count = Some(count.parse().expect("a number"));
        } else if let Some(words) = text.strip_prefix("args: ") {
            entry.arguments = words.split_ascii_whitespace().map(str::to_owned).collect();
        } else if let Some((method, target)) = text
            .strip_prefix("request: ")
            .and_then(|request| request.split_once(' '))
        {
            entry.requests.push(Request {
                method: method.to_owned(),
                target: target.to_owned(),
                answer: String::new(),
            });
        } else if let Some(answer) = text.strip_prefix("answers: ") {
            let request = entry.requests.last_mut().expect("a request before it");
            request.answer = answer.to_owned();
        } else if let Some(limits) = text.strip_prefix("limits: ") {
            for limit in limits.split(", ") {
                match limit.split_once(' ') {
                    Some(("fuel", n)) => entry.limits.fuel = n.parse().expect("a number"),
                    Some(("memory", n)) => entry.limits.memory_bytes = n.parse().expect("a number"),
                    _ => panic!("{}: an unknown limit: {limit}", section.name),
                }
            }
        } else if let Some(fuel) = text.strip_prefix("fuel: ") {
            entry.fuel = Some(fuel.parse().expect("a number"));
        } else if let Some(memory) = text.strip_prefix("memory: ") {
            entry.memory = Some(memory.parse().expect("a number"));
        } else if line[..start].contains("print(") {
            entry.output.push(unescaped(text));
        }
    }
}

/// An expected line with its escapes read.
fn unescaped(text: &str) -> String {
    if text == "''" {
        return String::new();
    }
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.as_str().starts_with('n') => {
                chars.next();
                out.push('\n');
            }
            '\\' if chars.as_str().starts_with('\\') => {
                chars.next();
                out.push('\\');
            }
            _ => out.push(c),
        }
    }
    out
}
