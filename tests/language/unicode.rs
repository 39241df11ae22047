//! `std/unicode` against the test files of the Unicode Consortium, in `tests/vectors/unicode`.

use std::collections::BTreeSet;
use std::fs;

use cop_bytecode::encode;
use cop_compiler::compile::compile;
use cop_compiler::render;
use cop_compiler::source::{SourceError, Sources};
use cop_runtime::Doubles;
use cop_runtime::engine::{Limits, interpreter};
use cop_runtime::run::RunEnd;
use coputer::publish::options;

use crate::{folder, for_each};

/// Prints the lines that do not hold.
const PROGRAM: &str = r#"
import unicode from "std/unicode"

fn main(args: List[String]) {
    let what = args[0]
    for line in args[1..args.len()] {
        let holds = match what {
            "graphemes" => unicode.graphemes(pieces(line).join("")) == pieces(line)
            "words" => unicode.word_pieces(pieces(line).join("")) == pieces(line)
            "normal" => is_normal(line.split(";").map(text_of))
            _ => unicode.nfkc(line) == line && unicode.nfkd(line) == line && unicode.nfc(line) == line
        }
        if !holds { print(line) }
    }
}

fn text_of(codes: String) -> String {
    String.from_chars(codes.words().map(|code| Char.from_code(Int.parse_literal("0x" + code).expect("hex")).expect("a character")))
}

fn pieces(line: String) -> List[String] {
    let found = line.split("÷").map(|piece| text_of(piece.replace("×", " ")))
    found.filter(|piece| !piece.is_empty())
}

fn is_normal(columns: List[String]) -> Bool {
    let nfc = columns.map(unicode.nfc)
    let nfd = columns.map(unicode.nfd)
    nfc[0..3].all(|text| text == columns[1]) && nfc[3..5].all(|text| text == columns[3])
        && nfd[0..3].all(|text| text == columns[2]) && nfd[3..5].all(|text| text == columns[4])
        && columns.all(|column| unicode.nfkc(column) == columns[3] && unicode.nfkd(column) == columns[4])
}
"#;

struct OneFile;

impl Sources for OneFile {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        match path {
            "main.cop" => Ok(PROGRAM.to_owned()),
            _ => Err(SourceError::NotFound),
        }
    }
}

/// Asks the program about lines, a thousand at a time; says which do not hold.
fn check(what: &str, lines: &[String]) {
    let compilation = compile("main.cop", &OneFile, options(false));
    let errors = render::text(&compilation.diagnostics, &compilation.files, false);
    let compiled = compilation.compiled.unwrap_or_else(|| panic!("{errors}"));
    let bytes = encode(&compiled.package).expect("a package within its limits");
    let program = interpreter()
        .load(&bytes.interface, &bytes.code)
        .expect("it verifies");
    let limits = Limits {
        fuel: 2_000_000_000,
        memory_bytes: 64 << 20,
    };
    let chunks: Vec<&[String]> = lines.chunks(1_000).collect();
    for_each(&chunks, |chunk| {
        let arguments = [&[what.to_owned()], *chunk].concat();
        let record = Doubles::empty()
            .run_command(&*program, arguments, limits)
            .expect("it runs");
        match record.end {
            RunEnd::Done => record.log.lines().join("\n"),
            end => format!("{end:?}"),
        }
    });
}

fn lines(file: &str) -> Vec<String> {
    let path = folder("tests/vectors/unicode").join(file);
    let text = fs::read_to_string(path).expect("the file can be read");
    let lines = text.lines().filter(|line| !line.starts_with(['#', '@']));
    lines.map(str::to_owned).collect()
}

#[test]
fn graphemes_are_those_of_the_consortium() {
    check("graphemes", &lines("GraphemeBreakTest.txt"));
}

#[test]
fn words_are_those_of_the_consortium() {
    check("words", &lines("WordBreakTest.txt"));
}

#[test]
fn normal_forms_are_those_of_the_consortium() {
    let all = lines("NormalizationTest.txt");
    assert!(all.len() > 20_000);
    // Of the Hangul syllables, which are told by arithmetic, one in twenty.
    let is_hangul = |line: &str| {
        let code = line.split(';').next().unwrap_or("");
        u32::from_str_radix(code, 16).is_ok_and(|code| (0xac00..=0xd7a3).contains(&code))
    };
    let tried: Vec<String> = all
        .iter()
        .enumerate()
        .filter(|(number, line)| number % 20 == 0 || !is_hangul(line))
        .map(|(_, line)| line.clone())
        .collect();
    check("normal", &tried);
}

/// What the file does not list is in every normal form already.
#[test]
fn all_other_characters_stay() {
    let all = lines("NormalizationTest.txt");
    let listed: BTreeSet<u32> = all
        .iter()
        .filter_map(|line| u32::from_str_radix(line.split(';').next()?, 16).ok())
        .collect();
    let is_dull =
        |code: &u32| (0x3400..0xa000).contains(code) || (0x1_7000..0x1_8d00).contains(code);
    let others: Vec<char> = (0..0x1_f000)
        .filter(|code| !is_dull(code) && !listed.contains(code))
        .filter_map(char::from_u32)
        .collect();
    // Between two characters stands one that nothing joins to.
    let texts: Vec<String> = others
        .chunks(50)
        .map(|some| some.iter().flat_map(|c| [*c, '\0']).collect())
        .collect();
    check("other", &texts);
}
