//! Every code has a page of its own, whose examples do as it says, and a golden file with what is said of its wrong one.
//!
//! The source of `tests/codes/E0101.txt` is the wrong example in `explain/E0101.md`. `COP_ACCEPT=1` writes the messages
//! anew.

use cop_bytecode::Package;
use cop_compiler::codes::{CODES, explain};
use cop_compiler::compile::{CompileOptions, compile};
use cop_compiler::constants::{ENTRY, Evaluate, Evaluated, MEMORY_BYTES, Trapped};
use cop_compiler::diagnostic::{Diagnostic, Diagnostics};
use cop_compiler::manifest;
use cop_compiler::package::{self, MAX_CHAIN, PackageError};
use cop_compiler::render;
use cop_compiler::source::{SourceError, SourceMap, Sources};
use cop_vm::{Answer, End, Host, Limits};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The files of a program, by path.
#[derive(Default)]
struct Program(BTreeMap<String, String>);

impl Program {
    /// A program of one file.
    fn one(text: impl Into<String>) -> Program {
        Program(BTreeMap::from([("main.cop".to_owned(), text.into())]))
    }

    /// The program of an example, in which lines such as `// shapes.cop` start another file, and `⟨U+202E⟩`
    /// stands for a character that nobody sees.
    fn of_example(text: &str) -> Program {
        let text = text.replace("⟨U+202E⟩", "\u{202e}");
        let mut files = Program::default();
        let mut path = "main.cop".to_owned();
        for line in text.lines() {
            let named = line
                .strip_prefix("// ")
                .filter(|name| name.ends_with(".cop") && !name.contains(' '));
            if let Some(name) = named {
                path = name.to_owned();
                continue;
            }
            let file = files.0.entry(path.clone()).or_default();
            file.push_str(line);
            file.push('\n');
        }
        files
    }
}

impl Sources for Program {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        self.0.get(path).cloned().ok_or(SourceError::NotFound)
    }

    /// The files in a folder of its name.
    fn package(&self, _: &str, wanted: &str) -> Result<package::Package, PackageError> {
        let prefix = format!("{wanted}/");
        if !self.0.contains_key(&format!("{prefix}main.cop")) {
            return Err(PackageError::NotNamed(vec![]));
        }
        Ok(package::Package {
            prefix,
            name: wanted.to_owned(),
            offers: vec![],
        })
    }
}

/// The machine that evaluates constants, which tells of a trap by its name.
struct Machine;

/// A host that answers nothing.
struct Silent;

impl Host for Silent {
    fn call(&mut self, _: &str, _: &str, _: &[u8]) -> Answer {
        Answer::Bytes(vec![])
    }
}

impl Evaluate for Machine {
    fn evaluate(&self, package: &Package, fuel: u64) -> Evaluated {
        let program = cop_vm::Program::load(package).expect("constants that verify");
        let limits = Limits {
            fuel,
            memory_bytes: MEMORY_BYTES,
        };
        let run = cop_vm::run(&program, ENTRY, limits, &mut Silent);
        let end = match run.end {
            End::Trapped(trap) => Err(Trapped {
                kind: trap.kind,
                message: trap.kind.name().to_owned(),
                positions: vec![(trap.position.function, trap.position.instruction)],
            }),
            End::Returned(bytes) => Ok(bytes),
            End::Stopped | End::Refused(_) => Ok(vec![]),
        };
        Evaluated {
            end,
            fuel_used: run.fuel_used,
        }
    }
}

/// What is said of a program or manifest.
struct Said {
    files: SourceMap,
    diagnostics: Diagnostics,
}

impl Said {
    fn of_program(program: &Program) -> Said {
        let options = CompileOptions {
            tests: false,
            constants: Some(&Machine),
            last: None,
            debug: false,
        };
        let done = compile("main.cop", program, options);
        Said {
            files: done.files,
            diagnostics: done.diagnostics,
        }
    }

    /// What is said of an example in a language of examples.
    fn of(language: &str, text: &str) -> Said {
        if language == "cop" {
            return Said::of_program(&Program::of_example(text));
        }
        let mut files = SourceMap::new();
        let file = files.add("cop.toml", text);
        let mut diagnostics = Diagnostics::new();
        manifest::parse(file, text, &mut diagnostics);
        Said { files, diagnostics }
    }

    fn codes(&self) -> BTreeSet<&'static str> {
        self.diagnostics.iter().map(|one| one.code).collect()
    }

    fn rendered(&self) -> String {
        let one = |one: &&Diagnostic| render::one(one, &self.files, false);
        let all: Vec<String> = self.diagnostics.sorted().iter().map(one).collect();
        all.join("\n\n") + "\n"
    }
}

/// The languages of examples that can be tried.
const LANGUAGES: [&str; 2] = ["cop", "toml"];

/// The example below the line that starts with `heading`.
fn example<'p>(page: &'p str, heading: &str) -> Option<(&'static str, &'p str)> {
    let (_, below) = page.split_once(&format!("\n{heading}"))?;
    let (_, below) = below.split_once("\n\n```")?;
    LANGUAGES.into_iter().find_map(|language| {
        let program = below.strip_prefix(language)?.strip_prefix('\n')?;
        Some((language, program.split_once("```")?.0))
    })
}

/// Programs too long for a page that are wrong in just the way of a code.
fn too_long_for_a_page(code: &str) -> Option<Program> {
    let row =
        |count: usize, item: &dyn Fn(usize) -> String| -> String { (0..count).map(item).collect() };
    Some(match code {
        "E0111" => Program::one(format!(
            "const deep = {}1{}",
            "(".repeat(129),
            ")".repeat(129)
        )),
        "E0113" => Program::one(" ".repeat((1 << 20) + 1)),
        "E0210" => Program::one(format!("fn main() {{ print(1{}) }}", " + 1".repeat(129))),
        "E0432" => Program::one(format!(
            "fn many({}) -> Int {{ 1 }}\nfn main() {{ print(many({})) }}",
            row(257, &|at| format!("_a{at}: Int, ")),
            "1, ".repeat(257)
        )),
        "E0701" => Program::default(),
        "E0705" => {
            let mut files = Program::one("import a0 from \"./a0\"\nfn main() { a0.go() }");
            for at in 0..1001 {
                let text = format!("import b from \"./a{}\"\npub fn go() {{ b.go() }}", at + 1);
                files.0.insert(format!("a{at}.cop"), text);
            }
            files
        }
        "E0809" => {
            let mut files = Program::one("import a0 from \"a0\"\nfn main() { a0.go() }");
            for at in 0..=MAX_CHAIN {
                let next = at + 1;
                let text = format!("import b from \"a{next}\"\npub fn go() {{ b.go() }}");
                files.0.insert(format!("a{at}/main.cop"), text);
            }
            files
        }
        "E0329" => Program::one(format!(
            "{}type A101 = Int\nfn main() {{\n    let x: A0 = 1\n    print(x)\n}}",
            row(101, &|at| format!("type A{at} = A{}\n", at + 1))
        )),
        "E0331" => Program::one(format!(
            "{}const a51 = 1\nfn main() {{ print(a0) }}",
            row(51, &|at| format!("const a{at} = a{}\n", at + 1))
        )),
        "E0611" => Program::one(format!(
            "fn main() {{\n    match [1] {{\n        [{}] => {{}}\n        _ => {{}}\n    }}\n}}",
            "_, ".repeat(400)
        )),
        _ => return None,
    })
}

/// Codes without a wrong program that can be tried, and why.
const NOT_TRIED: [(&str, &str); 6] = [
    ("E0431", "the checker says it first"),
    ("E0434", "takes too long"),
    ("E0806", "is for who finds packages: copc"),
    ("E0807", "likewise"),
    ("E0810", "likewise"),
    ("E0901", "is for whatever does not work yet"),
];

/// What is said of the wrong example of a code.
fn wrong(code: &str, page: &str) -> Option<Said> {
    match too_long_for_a_page(code) {
        Some(program) => Some(Said::of_program(&program)),
        None => example(page, "Wrong").map(|(language, text)| Said::of(language, text)),
    }
}

fn page(code: &str) -> &'static str {
    explain::page(code).unwrap_or_else(|| panic!("{code} has no page"))
}

#[test]
fn every_wrong_example_has_just_its_error_and_every_right_one_none() {
    let accept = std::env::var_os("COP_ACCEPT").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/codes");
    let mut faults = Vec::new();
    for (code, _) in CODES {
        let page = page(code);
        let tried = !NOT_TRIED.iter().any(|(known, _)| known == code);
        match wrong(code, page) {
            Some(said) => {
                if said.codes() != BTreeSet::from([*code]) {
                    faults.push(format!("{code}, the wrong example has {:?}", said.codes()));
                }
                let golden = folder.join(format!("{code}.txt"));
                let shown = said.rendered();
                if accept {
                    fs::write(&golden, &shown).expect("a message to write");
                } else if fs::read_to_string(&golden).unwrap_or_default() != shown {
                    faults.push(format!("{code} is not as accepted:\n{shown}"));
                }
            }
            None if tried => faults.push(format!("{code} has no example `Wrong:`")),
            None => {}
        }
        match example(page, "Right").map(|(language, text)| Said::of(language, text).codes()) {
            Some(said) if !said.is_empty() => {
                faults.push(format!("{code}, the right example has {said:?}"));
            }
            None if tried && code != &"E0701" && too_long_for_a_page(code).is_none() => {
                faults.push(format!("{code} has no example `Right:`"));
            }
            _ => {}
        }
    }
    assert!(
        faults.is_empty(),
        "{}\nCOP_ACCEPT=1 accepts messages",
        faults.join("\n")
    );
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("explain");
    let files = fs::read_dir(folder).expect("the folder of the pages");
    let mut files: Vec<String> = files
        .map(|file| file.expect("a file").file_name().to_string_lossy().into())
        .collect();
    files.sort();
    let coded: Vec<String> = CODES.iter().map(|(code, _)| format!("{code}.md")).collect();
    assert_eq!(files, coded);
    for (code, _) in CODES {
        let page = page(code);
        assert!(page.lines().count() <= 48, "the page of {code} is too long");
        let long = page.lines().find(|line| line.chars().count() > 160);
        assert_eq!(long, None, "a line of the page of {code} is too long");
    }
}

#[test]
fn every_golden_file_belongs_to_a_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/codes");
    for file in fs::read_dir(folder).expect("the folder of messages") {
        let name = file
            .expect("a file")
            .file_name()
            .to_string_lossy()
            .into_owned();
        let code = name.trim_end_matches(".txt");
        assert!(CODES.iter().any(|(known, _)| *known == code), "{name}");
    }
}
