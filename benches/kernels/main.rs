//! How fast programs run: `cargo bench --bench kernels`. `docs/performance.md` says what the figures mean.
//!
//! Ten kernels, each as a `.cop` program in its usual form and as a native one (`rust/`, compiled here by `rustc` with all its
//! optimisations), run in turns. Both print the same checksum. What is compared is processor time: of the native one that of
//! the kernel, of ours that of the run and of making its machine code.
//!
//! ```text
//! cargo bench --bench kernels -- [--assert] [--interpreter] [--rounds N] [KERNEL…]
//! ```

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use cop_compiler::compile::{CompileOptions, compile};
use cop_compiler::source::{SourceError, Sources};
use cop_vm::{Answer, End, Engine, Host, Limits, Program, run_on};
use coputer::constants::VmConstants;
use rustix::time::{ClockId, clock_gettime};

/// As in `copc`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const KERNELS: [&str; 10] = [
    "fib",
    "sieve",
    "nbody",
    "matmul",
    "bintrees",
    "wordcount",
    "sort",
    "levenshtein",
    "json",
    "template",
];
/// What `--assert` wants: the geometric mean of the ratios, each of them, and that of the interpreter.
const MEAN: f64 = 1.6;
const MOST: f64 = 3.0;
const MEAN_INTERPRETED: f64 = 25.0;
/// Milliseconds for making the machine code of a KB of bytecode.
const COMPILE: f64 = 1.0;

struct Options {
    assert: bool,
    interpreter: bool,
    rounds: usize,
    kernels: Vec<&'static str>,
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        assert: false,
        interpreter: false,
        rounds: 5,
        kernels: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // Cargo says this to every bench.
            "--bench" => {}
            "--assert" => options.assert = true,
            "--interpreter" => options.interpreter = true,
            "--rounds" => {
                let count = arguments.next().and_then(|count| count.parse().ok());
                options.rounds = count.ok_or("--rounds wants a number")?;
            }
            name => match KERNELS.iter().find(|kernel| **kernel == name) {
                Some(kernel) => options.kernels.push(kernel),
                None => return Err(format!("there is no kernel `{name}`")),
            },
        }
    }
    if options.kernels.is_empty() {
        options.kernels = KERNELS.to_vec();
    }
    Ok(options)
}

fn main() -> ExitCode {
    match options().and_then(|options| bench(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// One kernel, with what was measured so far.
struct Kernel {
    name: &'static str,
    native: PathBuf,
    program: Program,
    /// Of its bytecode.
    bytes: usize,
    compiling: f64,
    natively: Vec<f64>,
    ours: Vec<f64>,
    interpreted: Option<f64>,
}

fn bench(options: &Options) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut kernels = Vec::new();
    for name in &options.kernels {
        kernels.push(prepare(name, folder.path())?);
    }
    for round in 0..options.rounds {
        for kernel in &mut kernels {
            let (check, time) = natively(&kernel.native)?;
            kernel.natively.push(time);
            let (ours, time) = run(&kernel.program, Engine::Jit)?;
            kernel.ours.push(time);
            let mut all = vec![ours];
            if options.interpreter && round == 0 {
                let (interpreted, time) = run(&kernel.program, Engine::Interpreter)?;
                kernel.interpreted = Some(time);
                all.push(interpreted);
            }
            if all.iter().any(|other| *other != check) {
                return Err(format!(
                    "{}: {all:?} where the native one says {check}",
                    kernel.name
                ));
            }
        }
    }
    Ok(table(&kernels) || !options.assert)
}

/// Prints what was found; whether that is as good as it should be.
fn table(kernels: &[Kernel]) -> bool {
    println!(
        "{:<12} {:>9} {:>9} {:>6} {:>9} {:>8} {:>8} {:>12}",
        "kernel", "native", "ours", "ratio", "compiling", "bytes", "ms/KB", "interpreter"
    );
    let (mut ratios, mut interpreted) = (Vec::new(), Vec::new());
    let (mut compiling, mut bytes) = (0.0, 0);
    for kernel in kernels {
        let native = median(&kernel.natively);
        let ours = median(&kernel.ours) + kernel.compiling;
        ratios.push(ours / native);
        compiling += kernel.compiling;
        bytes += kernel.bytes;
        let slow = match kernel.interpreted {
            Some(time) => {
                interpreted.push(time / native);
                format!("{:.1}", time / native)
            }
            None => String::new(),
        };
        println!(
            "{:<12} {:>6.1} ms {:>6.1} ms {:>6.2} {:>6.2} ms {:>8} {:>8.2} {slow:>12}",
            kernel.name,
            native * 1e3,
            ours * 1e3,
            ours / native,
            kernel.compiling * 1e3,
            kernel.bytes,
            per_kb(kernel.compiling, kernel.bytes),
        );
    }
    let (mean, most) = (mean(&ratios), ratios.iter().copied().fold(0.0, f64::max));
    let each = per_kb(compiling, bytes);
    println!(
        "geometric mean of the ratios: {mean:.2} (at most {MEAN}), the worst {most:.2} (at most {MOST})"
    );
    println!("machine code: {each:.2} ms per KB of bytecode (at most {COMPILE})");
    let mut well = mean <= MEAN && most <= MOST && each <= COMPILE;
    if !interpreted.is_empty() {
        let mean = crate::mean(&interpreted);
        println!("interpreter: {mean:.1} (at most {MEAN_INTERPRETED})");
        well &= mean <= MEAN_INTERPRETED;
    }
    well
}

fn per_kb(seconds: f64, bytes: usize) -> f64 {
    seconds * 1e3 / (bytes as f64 / 1024.0)
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[expect(
    clippy::disallowed_methods,
    reason = "a figure for people, of which the last bits do not matter"
)]
fn mean(ratios: &[f64]) -> f64 {
    let sum: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (sum / ratios.len() as f64).exp()
}

/// One file in memory.
struct Source(String);

impl Sources for Source {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        match path {
            "main.cop" => Ok(self.0.clone()),
            _ => Err(SourceError::NotFound),
        }
    }
}

/// Compiles a kernel: the native one, ours to bytecode, and that to machine code.
fn prepare(name: &'static str, folder: &Path) -> Result<Kernel, String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/kernels");
    let native = folder.join(name);
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let compiled = Command::new(rustc)
        .args([
            "--edition",
            "2024",
            "-C",
            "opt-level=3",
            "-C",
            "codegen-units=1",
            "-o",
        ])
        .arg(&native)
        .arg(here.join("rust").join(format!("{name}.rs")))
        .status();
    if !compiled.is_ok_and(|status| status.success()) {
        return Err(format!("{name}: rustc did not compile the native kernel"));
    }
    let path = here.join(format!("{name}.cop"));
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let options = CompileOptions {
        tests: false,
        constants: Some(&VmConstants),
        last: None,
        debug: false,
    };
    let compiled = compile("main.cop", &Source(text), options).compiled;
    let package = compiled
        .ok_or_else(|| format!("{name}: has mistakes"))?
        .package;
    let encoded = cop_bytecode::encode(&package).map_err(|error| error.to_string())?;
    let program = Program::load(&package).map_err(|refusal| refusal.reason)?;
    let begun = used();
    program.compile("main")?;
    Ok(Kernel {
        name,
        native,
        program,
        bytes: encoded.code.len(),
        compiling: (used() - begun).as_secs_f64(),
        natively: Vec::new(),
        ours: Vec::new(),
        interpreted: None,
    })
}

/// The processor time that this process has used.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The checksum of a native kernel, and the processor time that it took.
fn natively(path: &Path) -> Result<(String, f64), String> {
    let output = Command::new(path)
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
    let time = line("CPU ").and_then(|time| time.parse().ok());
    match (line("CHECK "), time) {
        (Some(check), Some(time)) => Ok((check.to_owned(), time)),
        _ => Err(format!("{} printed {text}", path.display())),
    }
}

/// Keeps what a program prints.
#[derive(Default)]
struct Printed(Vec<u8>);

impl Host for Printed {
    fn call(&mut self, interface: &str, function: &str, argument: &[u8]) -> Answer {
        match (interface, function) {
            ("log", "append") => {
                self.0.extend_from_slice(argument);
                Answer::Bytes(Vec::new())
            }
            _ => Answer::Refuse(format!("no `{interface}.{function}` here")),
        }
    }
}

/// The checksum of our kernel, and the processor time that the run took.
fn run(program: &Program, engine: Engine) -> Result<(String, f64), String> {
    let limits = Limits {
        fuel: cop_bytecode::limits::FUEL_MAX,
        memory_bytes: cop_bytecode::limits::MEMORY_MAX,
    };
    let mut printed = Printed::default();
    let begun = used();
    let outcome = run_on(program, "main", limits, &mut printed, engine);
    let time = (used() - begun).as_secs_f64();
    if let End::Trapped(_) | End::Stopped | End::Refused(_) = outcome.end {
        return Err(format!("ended as {:?}", outcome.end));
    }
    // Before the text stands its length.
    let text = String::from_utf8_lossy(&printed.0).into_owned();
    match text.split_once("CHECK ") {
        Some((_, check)) => Ok((check.to_owned(), time)),
        None => Err(format!("printed {text}")),
    }
}
