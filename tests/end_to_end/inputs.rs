//! Source that no person would write: `copc` says what is wrong with it, in little room, and ends.
//!
//! Each case runs with a bound on its memory, twenty times the source and what any compilation takes, and on its time,
//! which is for hangs: a case that takes a second here takes far less in a build for users.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::copc::{Ran, folder_with};

/// Address space of a run in KiB: what the compiler asks for without touching it is most of it.
const MEMORY_KIB: &str = "3145728";
/// Where constants are evaluated: the machine reserves addresses for its whole memory, and never touches most.
const NO_BOUND: &str = "unlimited";
/// No case takes nearly this long, in seconds, even where tests are built without optimisation and run beside others.
const SECONDS: u64 = 60;
/// What `copc check` prints at most, in bytes: a screen for each of 20 errors.
const OUTPUT_BYTES: usize = 200_000;

/// What a compilation may hold beyond twenty times its source, in bytes: the process itself, the library, and for each of the
/// at most 500,000 tokens of a file its place in the trees.
const BASE_BYTES: u64 = 224 << 20;

/// The most memory that a process is seen to hold until it ends, in bytes. Nothing where there is no `/proc`.
fn most_memory(process: u32) -> u64 {
    let status = format!("/proc/{process}/status");
    let mut most = 0;
    let peak = || {
        let text = std::fs::read_to_string(&status).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    // What has ended has none.
    while let Some(kib) = peak() {
        most = kib << 10;
        std::thread::sleep(Duration::from_millis(1));
    }
    most
}

/// `copc check` of a file in a folder, within bounds.
fn checked(folder: &Path, memory_kib: &str) -> Ran {
    watched(folder, memory_kib).0
}

/// The same, and the most memory that it held, in bytes.
fn watched(folder: &Path, memory_kib: &str) -> (Ran, u64) {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!(
            "ulimit -v {memory_kib} && exec \"$0\" check main.cop"
        ))
        .arg(env!("CARGO_BIN_EXE_copc"))
        .current_dir(folder)
        .env("HOME", folder);
    let start = Instant::now();
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("copc runs");
    let process = child.id();
    let watch = std::thread::spawn(move || most_memory(process));
    let ran = Ran::of(child.wait_with_output().expect("copc runs"));
    assert!(start.elapsed().as_secs() < SECONDS, "{:?}", start.elapsed());
    (ran, watch.join().expect("it only reads"))
}

/// Checks that a program is refused with this code, and in few words.
fn refused(name: &str, source: &[u8], code: &str) {
    let folder = folder_with(&[]);
    std::fs::write(folder.path().join("main.cop"), source).expect("written");
    let memory = if code == "E0433" {
        NO_BOUND
    } else {
        MEMORY_KIB
    };
    let (ran, most) = watched(folder.path(), memory);
    // Constants may take what a program may take, and instances what a compilation may make of them.
    let bound = match code {
        "E0430" | "E0433" => u64::MAX,
        _ => 20 * source.len() as u64 + BASE_BYTES,
    };
    assert!(most <= bound, "{name}: {most} bytes of memory");
    let said: String = ran.errors.chars().take(2_000).collect();
    assert_eq!(ran.status, Some(1), "{name}: {said}");
    assert!(said.contains(&format!("error[{code}]")), "{name}: {said}");
    assert!(!ran.errors.contains("panicked"), "{name}: {}", ran.errors);
    assert!(
        ran.errors.len() < OUTPUT_BYTES,
        "{name}: {} bytes",
        ran.errors.len()
    );
}

/// A value in a program that prints it.
fn value(text: &str) -> String {
    format!("fn main() {{\n    let x = {text}\n    print(x)\n}}\n")
}

fn nested(open: &str, inner: &str, close: &str, levels: usize) -> String {
    format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

/// Bytes that follow from a seed, the same on every machine.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(count).collect()
}

#[test]
fn bytes_that_are_no_program() {
    let mib = 1 << 20;
    refused("noise", &noise(mib), "E0701");
    refused("much noise", &noise(mib).repeat(100), "E0701");
    refused("invalid UTF-8", b"fn main() { print(\"\xff\") }", "E0701");
    refused("UTF-16", b"\xff\xfef\0n\0", "E0701");
    refused("100 MB of text", &b"fn f() {}\n".repeat(10 << 20), "E0113");
    let long = format!("fn main() {{}} //{}", "x".repeat(10 << 20));
    refused("a line of 10 MB", long.as_bytes(), "E0113");
    refused("commas", &b",".repeat(mib), "E0113");
    refused("pairs of brackets", &b"()\n".repeat(mib / 3), "E0113");
    let printable: Vec<u8> = noise(mib).iter().map(|byte| 32 + byte % 95).collect();
    refused("printable noise", &printable, "E0102");
    let signs = b"abcxyz(){}[]\n\n\",.+-=|&! 01";
    let words: Vec<u8> = noise(mib)
        .iter()
        .map(|byte| signs[*byte as usize % signs.len()])
        .collect();
    refused("signs in any order", &words, "E0105");
    refused("zeros", &vec![0; mib], "E0102");
    refused(
        "carriage returns",
        "fn main() {}\r".repeat(50_000).as_bytes(),
        "E0112",
    );
    refused("directions", "\u{202e}".repeat(300_000).as_bytes(), "E0112");
}

#[test]
fn depth() {
    let levels = 100_000;
    for (name, text, code) in [
        (
            "parentheses",
            value(&nested("(", "1", ")", levels)),
            "E0111",
        ),
        ("blocks", value(&nested("{", "1", "}", levels)), "E0111"),
        ("lists", value(&nested("[", "1", "]", levels)), "E0111"),
        (
            "strings",
            value(&nested("\"${", "1", "}\"", levels)),
            "E0111",
        ),
        (
            "types",
            format!("fn f(x: {}) {{}}", nested("List[", "Int", "]", levels)),
            "E0111",
        ),
        (
            "functions",
            format!("fn f(x: {}Int) {{}}", "fn() -> ".repeat(levels)),
            "E0210",
        ),
        (
            "options",
            format!("fn f(x: Int{}) {{}}", " ?".repeat(levels)),
            "E0210",
        ),
        (
            "patterns",
            format!(
                "fn main() {{ match 1 {{ {} => {{}} }} }}",
                nested("Some(", "_", ")", levels)
            ),
            "E0111",
        ),
        (
            "signs",
            value(&format!("{}1", "- ".repeat(levels))),
            "E0210",
        ),
        (
            "negations",
            value(&format!("{}true", "!".repeat(levels))),
            "E0210",
        ),
        (
            "lambdas",
            value(&format!("{}1", "|x| ".repeat(levels))),
            "E0210",
        ),
        (
            "methods",
            value(&format!("1{}", ".abs()".repeat(levels))),
            "E0210",
        ),
        (
            "indices",
            value(&format!("a{}", "[0]".repeat(levels))),
            "E0210",
        ),
        (
            "calls",
            value(&format!("f{}", "()".repeat(levels))),
            "E0210",
        ),
        (
            "a sum",
            value(&format!("1{}", "+1".repeat(200_000))),
            "E0210",
        ),
        (
            "conditions",
            value(&format!("true{}", "&&true".repeat(150_000))),
            "E0210",
        ),
        (
            "else if",
            format!(
                "fn main() {{\n    if true {{}}{}\n}}",
                " else if true {}".repeat(60_000)
            ),
            "E0210",
        ),
        (
            "loops",
            format!("fn main() {{\n{}", "while true {\n".repeat(70_000)),
            "E0111",
        ),
    ] {
        refused(name, text.as_bytes(), code);
    }
}

#[test]
fn length() {
    let large = 1_000_000;
    for (name, text, code) in [
        (
            "a name",
            format!("fn main() {{ print({}) }}", "a".repeat(large)),
            "E0301",
        ),
        (
            "near names",
            format!(
                "fn {}() {{}}\nfn main() {{ {}b() }}",
                "a".repeat(500_000),
                "a".repeat(500_000)
            ),
            "E0301",
        ),
        ("digits", value(&"1".repeat(large)), "E0104"),
        (
            "an open string",
            value(&format!("\"{}", "a".repeat(large))),
            "E0106",
        ),
        (
            "a list",
            format!("fn main() {{ print([{}].len()) }}", "1,".repeat(200_000)),
            "E0432",
        ),
        (
            "a tuple",
            value(&format!("({})", "1,".repeat(200_000))),
            "E0415",
        ),
        (
            "arguments",
            format!("fn main() {{ print({}) }}", "1,".repeat(200_000)),
            "E0418",
        ),
        (
            "parameters",
            format!(
                "pub fn f({}) {{}}\nfn main() {{ f() }}",
                lines(20_000, |at| format!("_p{at}: Int,"))
            ),
            "E0418",
        ),
        (
            "arms",
            format!(
                "fn main() {{ match 1 {{\n{}_ => {{}} }} }}",
                lines(20_000, |at| format!("{at} => {{}}\n"))
            ),
            "E0611",
        ),
        (
            "alternatives",
            format!(
                "fn main() {{ match 1 {{ {} 1 => {{}}\n _ => {{}} }} }}",
                lines(20_000, |at| format!("{at} |"))
            ),
            "E0611",
        ),
        (
            "variants",
            format!(
                "enum E {{\n{}}}\nfn main() {{ match V1 {{ V1 => {{}} }} }}",
                lines(50_000, |at| format!("V{at}\n"))
            ),
            "E0609",
        ),
        (
            "fields",
            format!(
                "struct S {{\n{}}}\nfn main() {{ S() }}",
                lines(30_000, |at| format!("f{at}: Int\n"))
            ),
            "E0425",
        ),
        (
            "bounds",
            format!(
                "{}fn f[T: {}](x: T) {{}}\nfn main() {{ f(1) }}",
                lines(3_000, |at| format!("trait T{at} {{}}\n")),
                vec!["T1"; 3_000].join(" + ")
            ),
            "E0413",
        ),
    ] {
        refused(name, text.as_bytes(), code);
    }
}

#[test]
fn many_mistakes() {
    let in_main = |line: &str, count: usize| {
        format!(
            "fn main() {{\n{}}}\n",
            format!("    {line}\n").repeat(count)
        )
    };
    for (name, text, code) in [
        ("unknown names", in_main("zz", 100_000), "E0301"),
        ("types", in_main("let _: Int = \"\"", 40_000), "E0401"),
        ("syntax", in_main("let = 1", 70_000), "E0201"),
        ("semicolons", in_main("1;", 100_000), "E0101"),
        ("items", "fn\n".repeat(300_000), "E0204"),
        ("closings", ")".repeat(1_000_000), "E0105"),
        ("openings", "(\n".repeat(500_000), "E0111"),
        ("quotes", "\"".repeat(1_000_000), "E0106"),
        (
            "escapes",
            value(&format!("\"{}\"", "\\q".repeat(500_000))),
            "E0107",
        ),
        ("comments", "/*".repeat(500_000), "E0102"),
        (
            "attributes",
            format!("{}fn main() {{}}", "@a\n".repeat(100_000)),
            "E0708",
        ),
        (
            "imports",
            format!(
                "{}fn main() {{}}",
                lines(20_000, |at| format!("import m{at} from \"./m{at}\"\n"))
            ),
            "E0703",
        ),
        (
            "declared twice",
            format!("{}fn main() {{}}", "fn f() {}\n".repeat(70_000)),
            "E0303",
        ),
        (
            "misspelt",
            format!(
                "{}fn main() {{\n{}}}",
                lines(20_000, |at| format!("fn name{at:05}() {{}}\n")),
                lines(1_000, |at| format!("nam{at:05}()\n"))
            ),
            "E0301",
        ),
    ] {
        refused(name, text.as_bytes(), code);
    }
}

#[test]
fn work_without_end() {
    let doubled = |line: &dyn Fn(usize) -> String| lines(60, line);
    let tuple = |columns: usize, part: &str| vec![part; columns].join(",");
    for (name, text, code) in [
        ("a type in itself", "struct A { a: A }\nfn main() {}".to_owned(), "E0317"),
        ("types in a circle", format!("{}fn main() {{}}", lines(10_000, |at| format!("struct A{at} {{ a: A{} }}\n", (at + 1) % 10_000))), "E0317"),
        ("aliases in a circle", format!("{}fn main() {{}}", lines(10_000, |at| format!("type A{at} = A{}\n", (at + 1) % 10_000))), "E0329"),
        ("aliases that double", format!("{}type A60 = Int\nfn f(x: A0) {{}}\nfn main() {{}}", doubled(&|at| format!("type A{at} = (A{0}, A{0})\n", at + 1))), "E0415"),
        ("values that double", format!("fn main() {{\nlet a0 = 1\n{}}}", doubled(&|at| format!("let a{} = (a{at}, a{at})\n", at + 1))), "E0415"),
        ("types too deep", format!("struct W[T] {{ x: T }}\nfn main() {{\nlet a0 = 1\n{}print(1)\n}}", lines(70, |at| format!("let a{} = W(x: a{at})\n", at + 1))), "E0415"),
        ("a constant without end", "const a = f()\nfn f() -> Int { while true {}\n 1 }\nfn main() { print(a) }".to_owned(), "E0433"),
        ("many of them", format!("fn f() -> Int {{ while true {{}}\n 1 }}\n{}fn main() {{}}", lines(100, |at| format!("pub const a{at} = f()\n"))), "E0433"),
        ("a constant that grows", "const a = f()\nfn f() -> String { let mut s = \"x\"\n while true { s = \"${s}${s}\" }\n s }\nfn main() { print(a) }".to_owned(), "E0433"),
        ("a constant too deep", "const a = f(0)\nfn f(n: Int) -> Int { f(n + 1) + 1 }\nfn main() { print(a) }".to_owned(), "E0433"),
        ("constants in a circle", format!("{}fn main() {{}}", lines(10_000, |at| format!("const a{at}: Int = a{}\n", (at + 1) % 10_000))), "E0318"),
        ("instances that double", format!("{}fn f40[T](x: T) -> Int {{ 0 }}\nfn main() {{ print(f0(1)) }}", lines(40, |at| format!("fn f{at}[T](x: T) -> Int {{ f{0}([x]) + f{0}(Some(x)) }}\n", at + 1))), "E0430"),
        ("an impl that grows", "trait F { fn f(self) -> Int }\nstruct W[T] { x: T }\nimpl[T: F] F for W[T] { fn f(self) -> Int { W(x: self).f() } }\nimpl F for Int { fn f(self) -> Int { 1 } }\nfn main() { print(W(x: 1).f()) }".to_owned(), "E0430"),
        ("columns of alternatives", format!("fn main() {{ match ({}) {{\n{}_ => {{}} }} }}", tuple(12, "1"), format!("({}) => {{}}\n", tuple(12, "(1|2|3|4)")).repeat(50)), "E0611"),
        ("a diagonal", format!("fn main() {{ match ({}) {{\n{}}} }}", tuple(20, "true"), lines(20, |row| format!("({}) => {{}}\n", (0..20).map(|at| if at == row { "true" } else { "_" }).collect::<Vec<_>>().join(",")))), "E0609"),
    ] {
        refused(name, text.as_bytes(), code);
    }
}

#[test]
fn files_that_import_ever_more() {
    let folder = folder_with(&[("main.cop", "import a from \"./a0\"\nfn main() { a.go() }")]);
    for at in 0..1_001 {
        let text = format!(
            "import b from \"./a{}\"\npub fn go() {{ b.go() }}\n",
            at + 1
        );
        std::fs::write(folder.path().join(format!("a{at}.cop")), text).expect("written");
    }
    let ran = checked(folder.path(), MEMORY_KIB);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.errors.contains("error[E0705]"), "{}", ran.errors);
}

#[test]
fn what_passes_check_runs() {
    for (name, text) in [
        (
            "a wide tuple",
            value(&format!("({})", "1,".repeat(100))).replace("print(x)", "print(x.0)"),
        ),
        (
            "many functions",
            format!(
                "{}fn f3000() -> Int {{ 0 }}\nfn main() {{ print(f0()) }}",
                lines(3_000, |at| format!(
                    "fn f{at}() -> Int {{ f{}() }}\n",
                    at + 1
                ))
            ),
        ),
        (
            "many fields",
            format!(
                "struct S {{\n{}}}\nfn main() {{ print(S().f1) }}",
                lines(5_000, |at| format!("f{at}: Int = 0\n"))
            ),
        ),
        (
            "nested loops",
            format!(
                "fn main() {{\n{}print(1)\n{}}}",
                "for _ in 0..1 {\n".repeat(100),
                "}\n".repeat(100)
            ),
        ),
    ] {
        let folder = folder_with(&[("main.cop", text.as_str())]);
        let checked = checked(folder.path(), MEMORY_KIB);
        assert_eq!(checked.status, Some(0), "{name}: {checked:?}");
        let ran = crate::copc::copc(folder.path(), &["run", "main.cop"]);
        assert_eq!(ran.status, Some(0), "{name}: {ran:?}");
    }
}
