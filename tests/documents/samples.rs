//! Every ```` ```cop ```` block of every page is compiled and run.
//!
//! - A block is a file. One without declarations is the body of `main`.
//! - Its `test` blocks pass, and its `main` prints what the ```` ```text ```` block right after it says, or else what its
//!   lines `print(…) // text` say. `args=a,b` behind the fence gives it arguments.
//! - `get=/path` asks a web program, and the ```` ```text ```` block holds the body of its answer.
//! - `traps=NAME`: `main` ends with that trap. `error=CODE`: the compiler says no, with that code and no other.
//! - A block whose first line is `// NAME.cop` is a file that the later blocks of the page can import; `// NAME/main.cop` is the
//!   root file of the package `NAME`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cop_bytecode::encode;
use cop_compiler::compile::{Compilation, Compiled, ProgramKind, compile};
use cop_compiler::diagnostic::Severity;
use cop_compiler::package::{self, Package, PackageError};
use cop_compiler::render;
use cop_compiler::source::{SourceError, Sources};
use cop_runtime::Doubles;
use cop_runtime::answer::WebRequest;
use cop_runtime::engine::{Limits, Loaded, interpreter};
use cop_runtime::run::{RunEnd, RunRecord};

use crate::blocks::{Block, blocks};
use crate::{pages, shown};

const LIMITS: Limits = Limits {
    fuel: 200_000_000,
    memory_bytes: 64 << 20,
};

struct Files(BTreeMap<String, String>);

impl Sources for Files {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        self.0.get(path).cloned().ok_or(SourceError::NotFound)
    }

    fn package(&self, _: &str, wanted: &str) -> Result<Package, PackageError> {
        let prefix = format!("{wanted}/");
        if !self.0.contains_key(&format!("{prefix}{}", package::ROOT)) {
            return Err(PackageError::NotNamed(Vec::new()));
        }
        let name = wanted.to_owned();
        let within =
            |path: &String| Some(path.strip_prefix(&prefix)?.strip_suffix(".cop")?.to_owned());
        let offers = self.0.keys().filter_map(within).collect();
        Ok(Package {
            prefix,
            name,
            offers,
        })
    }
}

/// What stands behind the fence: `args=a,b`, `get=/path`, `traps=NAME`, `error=CODE`.
fn option<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.split_ascii_whitespace()
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

/// Whether the block declares something; else it is the body of `main`.
fn declares(text: &str) -> bool {
    const WORDS: [&str; 12] = [
        "@", "const ", "enum ", "fn ", "impl ", "impl[", "import ", "opaque ", "pub ", "struct ",
        "test \"", "trait ",
    ];
    text.lines()
        .any(|line| WORDS.iter().any(|word| line.starts_with(word)) || line.starts_with("type "))
}

fn source(text: &str) -> String {
    if declares(text) {
        text.to_owned()
    } else {
        format!("fn main() {{\n{text}}}\n")
    }
}

/// What is wrong with a block; empty if nothing is.
fn problems(block: &Block, answer: Option<&str>, files: &Files) -> String {
    let compilation = compile("main.cop", files, coputer::publish::options(true));
    if let Some(code) = option(&block.info, "error") {
        return wrong_errors(&compilation, code);
    }
    let Some(compiled) = &compilation.compiled else {
        return render::text(&compilation.diagnostics, &compilation.files, false);
    };
    let mut wrong = String::new();
    let package = encode(&compiled.package).expect("a package within its limits");
    match interpreter().load(&package.interface, &package.code) {
        Ok(program) => run(block, answer, compiled, &*program, &mut wrong),
        Err(refusal) => wrong.push_str(&refusal),
    }
    wrong
}

/// What is wrong if the errors are others than `code`.
fn wrong_errors(compilation: &Compilation, code: &str) -> String {
    let mut codes: Vec<&str> = compilation
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| diagnostic.code)
        .collect();
    codes.dedup();
    if codes == [code] {
        return String::new();
    }
    let messages = render::text(&compilation.diagnostics, &compilation.files, false);
    format!("expected {code}, found {codes:?}\n{messages}")
}

fn run(
    block: &Block,
    answer: Option<&str>,
    compiled: &Compiled,
    program: &dyn Loaded,
    wrong: &mut String,
) {
    for (number, test) in compiled.tests.iter().enumerate() {
        let record = Doubles::empty().run_test(program, number, LIMITS);
        let record = record.expect("the test can be run");
        if record.end != RunEnd::Done {
            let _ = writeln!(wrong, "test {test:?} ended with {}", end_of(&record));
        }
    }
    if let Some(target) = option(&block.info, "get") {
        let record = Doubles::empty().run_request(program, &get(target), LIMITS);
        let record = record.expect("the program can be asked");
        let body = match &record.end {
            RunEnd::Answered(response) => String::from_utf8_lossy(&response.body).into_owned(),
            _ => end_of(&record),
        };
        let expected = answer.expect("a `text` block holds the answer");
        if body.trim_end() != expected.trim_end() {
            let _ = writeln!(wrong, "the answer to GET {target} is\n{body}");
        }
    } else if compiled.kind == ProgramKind::Command {
        let arguments = option(&block.info, "args").map_or(vec![], |list| {
            list.split(',').map(ToOwned::to_owned).collect()
        });
        let record = Doubles::empty().run_command(program, arguments, LIMITS);
        let record = record.expect("the command can be run");
        let expected = match answer {
            Some(text) => text.lines().collect(),
            None => expected_lines(&block.text),
        };
        let ends = option(&block.info, "traps").unwrap_or("done");
        // Without a word about what is printed, only the end counts.
        let silent = expected.is_empty() && answer.is_none();
        let printed: Vec<&str> = record.log.lines().iter().flat_map(|l| l.lines()).collect();
        if end_of(&record) != ends || !silent && printed != expected {
            let _ = writeln!(
                wrong,
                "expected {expected:#?}\nprinted {printed:#?}\nended with {}",
                end_of(&record)
            );
        }
    }
}

/// The texts behind `print(…) //`.
fn expected_lines(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| line.contains("print("))
        .filter_map(|line| Some(line.split_once(" // ")?.1))
        .collect()
}

fn get(target: &str) -> WebRequest {
    WebRequest::get(target)
}

/// `done`, the name of a trap, or the message of an error.
fn end_of(record: &RunRecord) -> String {
    match &record.end {
        RunEnd::Done => "done".to_owned(),
        RunEnd::Trapped(trap) => trap.kind.name().to_owned(),
        RunEnd::Failed(message) => format!("the error {message}"),
        RunEnd::Answered(_) | RunEnd::Aborted(_) => "an answer".to_owned(),
    }
}

#[test]
fn every_block_compiles_and_does_what_the_page_says() {
    let (mut wrong, mut count) = (String::new(), 0);
    for path in pages() {
        let page = std::fs::read_to_string(&path).expect("the page can be read");
        let found = blocks(&page);
        let mut files = Files(BTreeMap::new());
        for (index, block) in found.iter().enumerate() {
            if block.info.split_ascii_whitespace().next() != Some("cop") {
                continue;
            }
            let answer = found
                .get(index + 1)
                .filter(|next| next.follows && next.info == "text")
                .map(|next| next.text.as_str());
            files.0.insert("main.cop".to_owned(), source(&block.text));
            let problems = problems(block, answer, &files);
            if !problems.is_empty() {
                let _ = writeln!(wrong, "\n== {}:{}\n{problems}", shown(&path), block.line);
            }
            if let Some(name) = block.text.lines().next().and_then(file_name) {
                files.0.insert(name.to_owned(), block.text.clone());
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count > 50, "only {count} blocks");
}

#[test]
fn every_block_has_the_form_that_copc_fmt_gives() {
    for path in pages() {
        let page = std::fs::read_to_string(&path).expect("the page can be read");
        for block in blocks(&page) {
            let name = format!("{}:{}", shown(&path), block.line);
            if block.info.split_ascii_whitespace().next() == Some("cop")
                && let Ok(formatted) = cop_compiler::format::format(&name, &block.text)
            {
                assert_eq!(formatted, block.text, "{name}");
            }
        }
    }
}

fn file_name(line: &str) -> Option<&str> {
    line.strip_prefix("// ")
        .filter(|name| name.ends_with(".cop") && !name.contains(' '))
}
