//! A file of probes: what is sent, and what must come of it, on one line.
//!
//! `# …` is a heading, `limit: …` says which limit the file tries. Each other line is a probe:
//!
//! ```text
//! 400 close        | POST / HTTP/1.1\r\nhost: {own}\r\ncontent-length: 5, 5\r\n\r\nabcde
//! 200 'GET /a/b'   | GET /a%2Fb HTTP/1.1\r\nhost: {own}\r\n\r\n
//! ```
//!
//! Left of the bar stands what is expected: words (`9*200` is nine times `200`), of which those in `'…'` must be in the last answer, and those in `!'…'` must not be.
//! What is sent is text with `\r \n \t \0 \\ \xHH`, `{own}` the program's host, `{bare}` the node's, `{path}` and `{pinned}` the
//! program's paths, `{get}` and `{post}` a request line and its host, `{N*TEXT}` a text N times.

use std::fs;
use std::path::PathBuf;

use super::target::Target;

pub struct Probes {
    pub limit: String,
    pub all: Vec<Probe>,
}

#[derive(Debug)]
pub struct Probe {
    pub line: usize,
    pub words: Vec<String>,
    pub says: Vec<String>,
    pub says_not: Vec<String>,
    /// As it stands in the file, with what stands for the target filled in.
    pub text: String,
}

impl Probes {
    pub fn read(name: &str, target: &Target) -> Probes {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/attack")
            .join(name);
        let text = fs::read_to_string(&path).expect("the file is there");
        let mut limit = None;
        let mut all = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(named) = line.strip_prefix("limit: ") {
                limit = Some(named.to_owned());
                continue;
            }
            all.push(Probe::read(index + 1, line, target));
        }
        Probes {
            limit: limit.expect("a limit is named"),
            all,
        }
    }
}

impl Probe {
    fn read(line: usize, text: &str, target: &Target) -> Probe {
        let (expected, sent) = text
            .split_once(" | ")
            .unwrap_or_else(|| panic!("line {line}: no bar"));
        let (mut words, mut says, mut says_not) = (Vec::new(), Vec::new(), Vec::new());
        let mut rest = expected.trim();
        while !rest.is_empty() {
            let (negated, quoted) = match rest.strip_prefix('!') {
                Some(after) => (true, after),
                None => (false, rest),
            };
            if let Some(quoted) = quoted.strip_prefix('\'') {
                let (part, after) = quoted
                    .split_once('\'')
                    .unwrap_or_else(|| panic!("line {line}: no end of '"));
                let part = String::from_utf8(bytes(&fill(part, target))).expect("text");
                if negated {
                    says_not.push(part)
                } else {
                    says.push(part)
                }
                rest = after.trim_start();
            } else {
                let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
                match word.split_once('*') {
                    Some((count, word)) => {
                        let count = count.parse().expect("a number");
                        words.extend(std::iter::repeat_n(word.to_owned(), count));
                    }
                    None => words.push(word.to_owned()),
                }
                rest = after.trim_start();
            }
        }
        Probe {
            line,
            words,
            says,
            says_not,
            text: fill(sent.trim_end(), target),
        }
    }
}

fn fill(text: &str, target: &Target) -> String {
    text.replace("{get}", "GET / HTTP/1.1\\r\\nhost: {own}\\r\\n")
        .replace("{post}", "POST / HTTP/1.1\\r\\nhost: {own}\\r\\n")
        .replace("{own}", &target.own)
        .replace("{bare}", &target.bare)
        .replace("{path}", &target.path)
        .replace("{pinned}", &target.pinned)
}

/// What stands before the brace that ends, and what behind it.
fn braced(text: &str) -> (&str, &str) {
    let mut depth = 1;
    for (place, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (&text[..place], &text[place + 1..]);
        }
    }
    panic!("a brace without end: {text}");
}

/// The bytes that a text stands for.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(repeated) = rest.strip_prefix('{') {
            let (inner, after) = braced(repeated);
            let (count, inner) = inner
                .split_once('*')
                .unwrap_or_else(|| panic!("{{{inner}}} stands for nothing"));
            let count: usize = count.parse().expect("a number");
            bytes.extend(self::bytes(inner).repeat(count));
            rest = after;
            continue;
        }
        let mut letters = rest.chars();
        let letter = letters.next().expect("a letter");
        if letter != '\\' {
            bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            rest = letters.as_str();
            continue;
        }
        match letters.next() {
            Some('r') => bytes.push(b'\r'),
            Some('n') => bytes.push(b'\n'),
            Some('t') => bytes.push(b'\t'),
            Some('0') => bytes.push(0),
            Some('\\') => bytes.push(b'\\'),
            Some('x') => {
                let digits = &letters.as_str()[..2];
                bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
                letters = letters.as_str()[2..].chars();
            }
            other => panic!("\\{other:?} stands for nothing"),
        }
        rest = letters.as_str();
    }
    bytes
}
