//! How fast the front end is: `cargo bench --bench front_end`. `docs/performance.md` says what the figures mean.
//!
//! Each figure is the best of several runs: what else the machine does can only make it worse. The compiler is timed by the
//! processor time that it takes, whole processes by the clock on the wall.

mod ordinary;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use cop_compiler::check::{CheckOptions, check};
use cop_compiler::compile::{Compilation, CompileOptions, compile};
use cop_compiler::diagnostic::Diagnostics;
use cop_compiler::source::{SourceError, SourceMap, Sources};
use cop_compiler::{lower, parser};
use coputer::constants::VmConstants;
use rustix::param::clock_ticks_per_second;
use rustix::time::{ClockId, clock_gettime};

/// As in `copc`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lines of the large package.
const LARGE: usize = 100_000;
/// Lines of the one whose time is compared with it.
const SMALL: usize = 10_000;
/// Lines of the package that `copc check` is timed with.
const PROJECT: usize = 5_000;
/// Says that this process is to compile a package of so many lines and print what memory that took.
const MEMORY_OF: &str = "--memory-of";

/// A package in memory.
struct Files(BTreeMap<String, String>);

impl Sources for Files {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        self.0.get(path).cloned().ok_or(SourceError::NotFound)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == MEMORY_OF) {
        let lines = arguments.get(at + 1).and_then(|text| text.parse().ok());
        return memory_of(lines.unwrap_or(LARGE));
    }
    if let Some(at) = arguments.iter().position(|argument| argument == "--write") {
        return write(&arguments[at + 1..]);
    }
    let (small, small_lines) = ordinary::package(SMALL);
    let (large, large_lines) = ordinary::package(LARGE);
    let (small, large) = (Files(small), Files(large));

    println!("phases, package of {large_lines} lines");
    let (times, bytecode) = phases(&large);
    for (name, time) in &times {
        let time = *time;
        println!(
            "  {name:<10} {:>8.1} ms {:>12.0} lines/s",
            millis(time),
            rate(large_lines, time)
        );
    }
    let large_time = best(7, used, || whole(&large));
    let small_time = best(25, used, || whole(&small));
    let growth = large_time.as_secs_f64() / small_time.as_secs_f64()
        * (10.0 * small_lines as f64 / large_lines as f64);

    println!();
    println!("{:<44} {:>16} {:>16}  met", "figure", "target", "measured");
    let speed = rate(large_lines, large_time);
    figure(
        "source to verified bytecode, one core",
        ">= 300000 lines/s",
        format!("{speed:.0} lines/s"),
        Some(speed >= 300_000.0),
    );
    figure(
        "ten times the lines",
        "<= 11 x time",
        format!("{growth:.2} x"),
        Some(growth <= 11.0),
    );
    if let Some((_, verifying)) = times.last() {
        let speed = bytecode as f64 / verifying.as_secs_f64() / 1e6;
        figure(
            "verification",
            ">= 50 MB/s",
            format!("{speed:.0} MB/s"),
            Some(speed >= 50.0),
        );
    }
    match peak_memory(LARGE) {
        Some(bytes) => {
            let per_line = bytes as f64 / large_lines as f64;
            figure(
                "memory, whole process",
                "<= 1024 B/line",
                format!("{per_line:.0} B/line"),
                Some(per_line <= 1024.0),
            );
        }
        None => figure(
            "memory, whole process",
            "<= 1024 B/line",
            "unknown".into(),
            None,
        ),
    }
    processes();
    ExitCode::SUCCESS
}

fn figure(name: &str, target: &str, measured: String, met: Option<bool>) {
    let met = match met {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "?",
    };
    println!("{name:<44} {target:>16} {measured:>16}  {met}");
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn rate(lines: usize, time: Duration) -> f64 {
    lines as f64 / time.as_secs_f64()
}

/// The processor time that this process has used.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn best(runs: usize, now: impl Fn() -> Duration, mut run: impl FnMut()) -> Duration {
    let timed = (0..runs).map(|_| {
        let begun = now();
        run();
        now() - begun
    });
    timed.min().unwrap_or_default()
}

/// Source to verified bytecode, as `copc` does it.
fn whole(files: &Files) {
    let options = CompileOptions {
        tests: false,
        constants: Some(&VmConstants),
        last: None,
        debug: false,
    };
    let Compilation {
        diagnostics,
        compiled,
        ..
    } = compile("main.cop", files, options);
    let found: Vec<&str> = diagnostics.iter().map(|d| d.title.as_str()).collect();
    assert!(
        found.is_empty(),
        "the generated code is in order: {found:?}"
    );
    let Some(compiled) = compiled else {
        panic!("without messages there is a program");
    };
    cop_vm::verify::verify(&compiled.package).expect("what is compiled passes the verifier");
    std::hint::black_box(cop_bytecode::encode(&compiled.package).expect("it can be written"));
}

/// The best time of each phase, and the size of the bytecode. Checking reads and parses for itself, so parsing is taken
/// off.
fn phases(files: &Files) -> (Vec<(&'static str, Duration)>, usize) {
    const NAMES: [&str; 6] = ["lex", "parse", "check", "lower", "encode", "verify"];
    let mut found = [Duration::MAX; 6];
    let mut bytecode = 0;
    for _ in 0..3 {
        let mut phase = 0;
        let mut note = |time: Duration| {
            found[phase] = found[phase].min(time);
            phase += 1;
        };
        let mut texts = SourceMap::new();
        let ids: Vec<_> = files
            .0
            .iter()
            .map(|(path, text)| (texts.add(path, text), text))
            .collect();
        let begun = used();
        for (id, text) in &ids {
            std::hint::black_box(parser::count_tokens(*id, text));
        }
        let lexing = used() - begun;
        note(lexing);
        let begun = used();
        for (id, text) in &ids {
            std::hint::black_box(parser::parse(*id, text, &mut Diagnostics::new()));
        }
        let parsing = used() - begun;
        note(parsing.saturating_sub(lexing));
        let (mut map, mut diagnostics) = (SourceMap::new(), Diagnostics::new());
        let begun = used();
        let options = CheckOptions::default();
        let program = check("main.cop", files, &mut map, &options, &mut diagnostics);
        note((used() - begun).saturating_sub(parsing));
        let Some(program) = program else {
            panic!("the generated code is in order");
        };
        let begun = used();
        let lowered = lower::lower(&program, lower::Options::default(), &mut diagnostics);
        note(used() - begun);
        let Some(lowered) = lowered else {
            panic!("the generated code can be lowered");
        };
        let begun = used();
        let encoded = cop_bytecode::encode(&lowered.package).expect("it can be written");
        note(used() - begun);
        bytecode = encoded.interface.len() + encoded.code.len();
        let begun = used();
        cop_vm::verify::verify(&lowered.package).expect("what is compiled passes the verifier");
        note(used() - begun);
    }
    (NAMES.into_iter().zip(found).collect(), bytecode)
}

// ---- memory

fn memory_of(lines: usize) -> ExitCode {
    let files = Files(ordinary::package(lines).0);
    let before = resident("VmRSS:").unwrap_or(0);
    whole(&files);
    let Some(most) = resident("VmHWM:") else {
        return ExitCode::FAILURE;
    };
    println!("{}", most.saturating_sub(before));
    ExitCode::SUCCESS
}

/// What Linux says of this process's memory, in bytes.
fn resident(row: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(row))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// The memory that compiling takes at its peak, found in a process of its own.
fn peak_memory(lines: usize) -> Option<u64> {
    let here = std::env::current_exe().ok()?;
    let done = Command::new(here)
        .args([MEMORY_OF, &lines.to_string()])
        .output()
        .ok()?;
    String::from_utf8(done.stdout).ok()?.trim().parse().ok()
}

// ---- whole processes

/// How often each is run.
const RUNS: usize = 40;

/// The processor time that ended children have used, as Linux has it.
fn used_by_children() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the process, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 = fields
        .split_ascii_whitespace()
        .skip(13)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap_or(0))
        .sum();
    Some(Duration::from_secs(ticks) / clock_ticks_per_second() as u32)
}

/// Writes a package of so many lines into a folder: `--write LINES FOLDER`.
fn write(arguments: &[String]) -> ExitCode {
    let [lines, folder, ..] = arguments else {
        return ExitCode::FAILURE;
    };
    write_package(lines.parse().unwrap_or(PROJECT), Path::new(folder));
    ExitCode::SUCCESS
}

fn write_package(lines: usize, folder: &Path) {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    for (path, text) in ordinary::package(lines).0 {
        std::fs::write(folder.join(path), text).expect("the folder can be written");
    }
}

fn processes() {
    let folder = tempfile::tempdir().expect("there is a place for temporary files");
    let project = folder.path().join("project");
    write_package(PROJECT, &project);
    let hello = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/hello.cop");
    for (name, most, command, path) in [
        (
            "copc check, 5000 lines, whole process",
            50.0,
            "check",
            project,
        ),
        ("copc run hello.cop, whole process", 10.0, "run", hello),
    ] {
        let (start, before) = (Instant::now(), used_by_children());
        let time = best(
            RUNS,
            || start.elapsed(),
            || {
                let mut process = Command::new(env!("CARGO_BIN_EXE_copc"));
                process.arg(command).arg(&path);
                let ended = process.stdout(Stdio::null()).stderr(Stdio::null()).status();
                assert!(ended.is_ok_and(|status| status.success()), "{name}");
            },
        );
        figure(
            name,
            &format!("< {most} ms"),
            format!("{:.1} ms", millis(time)),
            Some(millis(time) < most),
        );
        if let (Some(before), Some(after)) = (before, used_by_children()) {
            let each = millis(after - before) / RUNS as f64;
            println!(
                "{:<44} {:>16} {each:>13.1} ms",
                "  of that, processor time (mean)", ""
            );
        }
    }
}
