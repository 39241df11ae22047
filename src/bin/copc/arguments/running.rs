//! What is said to commands that run a program on this machine.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use cop_bytecode::limits;
use coputer::engine::EngineOption;
use coputer::listen::Listen;

use super::{NodeOption, PackageOptions};
use crate::request::RequestParts;

/// What a run may use.
#[derive(Clone, Copy, Debug, Args)]
pub struct LimitOptions {
    /// Fuel that a run may use [default: what cop.toml says, else the highest there is; of a test ten billion]
    #[arg(long, value_name = "N", value_parser = fuel)]
    pub fuel: Option<u64>,
    /// Memory that a run may use, in MiB [default: what cop.toml says, else the highest there is]
    #[arg(long, value_name = "MIB", value_parser = memory_mib)]
    pub memory: Option<u64>,
}

const DEV_AFTER: &str = "\
Examples:
  copc dev                      the program in this folder, at http://localhost:2517/
  copc dev shop --http 8080     the program in shop, at another port
  copc dev shop --keep          what it stores is kept until the next time, in shop/build/dev

A whole node runs in this process, for this machine only, with the engine and the limits of any other. Each change of a file is built
and published there, and pages that are open load themselves again. What cannot be built is told here and over the page, and the
version before goes on being served. Where a run traps, the page shows the line. A page with a Content-Security-Policy of its own
loads itself again only if that allows scripts from 'self'.";

#[derive(Clone, Debug, Args)]
#[command(after_help = DEV_AFTER)]
pub struct DevOptions {
    /// Folder with a main.cop, or a .cop file
    #[arg(default_value = ".")]
    pub path: PathBuf,
    #[command(flatten)]
    pub outside: OutsideOptions,
    #[command(flatten)]
    pub packages: PackageOptions,
    #[command(flatten)]
    pub node: NodeOption,
    /// Where it is served: PORT or ADDRESS:PORT [default: 2517, or a free port if that is taken]
    #[arg(long, value_name = "ADDR", env = "COP_HTTP")]
    pub http: Option<Listen>,
    /// Keep what the program stores, in the folder build/dev beside it, until the next time
    #[arg(long)]
    pub keep: bool,
    /// Tell of requests only if they fail
    #[arg(long, short)]
    pub quiet: bool,
}

/// What the program may reach outside.
#[derive(Clone, Debug, Args)]
pub struct OutsideOptions {
    /// A private address with its port that the program may ask by `host/http`, such as 127.0.0.1:8080; may stand several times
    #[arg(
        long,
        value_name = "ADDR:PORT",
        env = "COP_REACH",
        value_delimiter = ','
    )]
    pub reach: Vec<SocketAddr>,
}

const RUN_AFTER: &str = "\
Examples:
  copc run words.cop -- to be or not                  a command with four arguments
  copc run --stats --fuel 1_000_000 words.cop -- a    say what the run used, and end it at a million fuel
  copc run --watch words.cop -- to be                 run it again whenever the source changes
  copc run --step words.cop -- to be                  go through it line by line, forwards and backwards
  copc run guestbook                                  a web program: one request, GET /
  copc run guestbook --request 'POST /' --header 'content-type: application/x-www-form-urlencoded' \\
      --body 'name=Ada&text=hi'

What a command prints goes to standard output; an error that it ends with, or a trap, to standard error. A program's store is empty
at the start of each run, and what it writes is dropped at the end; a node keeps it.";

#[derive(Debug, Args)]
#[command(after_help = RUN_AFTER)]
pub struct RunOptions {
    /// Folder with a main.cop, a .cop file, or a bundle
    #[arg(default_value = ".")]
    pub path: PathBuf,
    #[command(flatten)]
    pub limits: LimitOptions,
    #[command(flatten)]
    pub packages: PackageOptions,
    #[command(flatten)]
    pub node: NodeOption,
    /// What runs the bytecode; outcome, fuel and memory are the same
    #[arg(long, value_enum, default_value = "auto")]
    pub engine: EngineOption,
    /// Say on standard error what the run used: fuel, memory, time, engine
    #[arg(long)]
    pub stats: bool,
    /// Say on standard error in which lines the run copied values that were shared when it changed them
    #[arg(long)]
    pub copies: bool,
    /// Go through the run line by line, forwards and backwards; commands are read from standard input
    #[arg(long, conflicts_with_all = ["json", "watch", "copies", "stats"])]
    pub step: bool,
    /// Run again whenever a file of the program changes, until Ctrl-C; a run that is not over by then is ended
    #[arg(long, conflicts_with = "json")]
    pub watch: bool,
    /// The request for a web program, such as 'POST /entries?page=2' [default: 'GET /']
    #[arg(long, value_name = "METHOD PATH")]
    pub request: Option<String>,
    #[command(flatten)]
    pub parts: RequestParts,
    #[command(flatten)]
    pub outside: OutsideOptions,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
    /// Arguments for a command, behind --
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub arguments: Vec<String>,
}

const TEST_AFTER: &str = "\
Examples:
  copc test                       the tests of the program in this folder
  copc test escaped               only tests whose names hold this text
  copc test guestbook blank sign  of another program, those whose names hold one of two texts
  copc test words.cop --watch     again whenever the source changes
  copc test --accept              what assert_snapshot compares becomes the snapshots; look at what changed, and commit it
  copc test --stats               with the fuel and memory that each test used

A test is a block beside the code, and fails if it traps:

  test \"leap years\" {
      assert_eq(is_leap(2000), true)
  }

std/test has more assertions, snapshots, properties that are tried with many values, and clocks and stores to be set. Tests run on all
cores and are told in the order of the source. Each starts with an empty store, and may use ten billion fuel. What a test prints is
shown if it fails. Exit status: 0 all passed; 1 one failed, or the source has errors; 2 wrong usage.";

#[derive(Debug, Args)]
#[command(after_help = TEST_AFTER)]
pub struct TestOptions {
    /// Folder with a main.cop or a .cop file [default: this folder]; then texts, of which the names of the tests to run hold one
    #[arg(value_name = "PATH OR FILTER")]
    pub words: Vec<String>,
    /// Only tests whose names hold this text; may stand several times
    #[arg(long, value_name = "TEXT")]
    pub filter: Vec<String>,
    /// Name the tests instead of running them
    #[arg(long)]
    pub list: bool,
    /// Stop at the first test that fails
    #[arg(long)]
    pub fail_fast: bool,
    /// Make what tests compare with snapshots the new snapshots, and remove those that no test uses
    #[arg(long, conflicts_with_all = ["watch", "list"])]
    pub accept: bool,
    /// Run the tests again whenever a file of the program changes, until Ctrl-C
    #[arg(long, conflicts_with_all = ["json", "list"])]
    pub watch: bool,
    #[command(flatten)]
    pub limits: LimitOptions,
    #[command(flatten)]
    pub packages: PackageOptions,
    #[command(flatten)]
    pub node: NodeOption,
    /// What runs the bytecode; outcome, fuel and memory are the same
    #[arg(long, value_enum, default_value = "interpreter")]
    pub engine: EngineOption,
    /// Say below each test what it used: fuel, memory
    #[arg(long)]
    pub stats: bool,
    /// Say how long each test took, which differs from run to run
    #[arg(long)]
    pub time: bool,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// Which runs of a program are measured.
#[derive(Debug, Args)]
pub struct MeasureOptions {
    /// Folder with a main.cop, a .cop file, or a bundle
    #[arg(default_value = ".")]
    pub path: PathBuf,
    #[command(flatten)]
    pub limits: LimitOptions,
    #[command(flatten)]
    pub packages: PackageOptions,
    #[command(flatten)]
    pub node: NodeOption,
    /// A request for a web program, such as 'POST /entries?page=2' [default: 'GET /']; may stand several times
    #[arg(long, value_name = "METHOD PATH")]
    pub request: Vec<String>,
    #[command(flatten)]
    pub parts: RequestParts,
    /// All tests, instead of what the program is run for; also of a library
    #[arg(long)]
    pub tests: bool,
    /// Only tests whose names hold this text; may stand several times
    #[arg(long, value_name = "TEXT")]
    pub test: Vec<String>,
    /// Arguments for a command, behind --
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub arguments: Vec<String>,
}

const COST_AFTER: &str = "\
Examples:
  copc cost words.cop -- to be or not                  one run of a command
  copc cost guestbook --request 'GET /' --request 'GET /old'
                                                       two requests, each to an empty store
  copc cost --tests                                    each test of the program in this folder
  copc cost --max 2_000_000,16 words.cop -- to be      status 1 if a run takes more than that fuel, or 16 MiB
  copc cost --tests --baseline cost.txt                status 1 if one costs more than cost.txt says
  copc cost --tests --baseline cost.txt --accept       write cost.txt; commit it, and look at what changes in it

The numbers are exact: they are the same for everyone, on every machine and in every engine, and are what a node charges. To make
them so, runs are given an empty store, the time 0 and the same random numbers each time. `copc profile` says where the fuel goes.";

#[derive(Debug, Args)]
#[command(after_help = COST_AFTER)]
pub struct CostOptions {
    #[command(flatten)]
    pub measure: MeasureOptions,
    /// The most that a run may take: fuel, then memory in MiB if that has a bound too; status 1 if one takes more
    #[arg(long, value_name = "FUEL[,MIB]", value_parser = bounds)]
    pub max: Option<Bounds>,
    /// A file that says what each run costs; status 1 if one costs more, or is not in it
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write the file anew, as it is now
    #[arg(long, requires = "baseline")]
    pub accept: bool,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// The most that a run may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Fuel.
    pub fuel: u64,
    /// Memory in MiB, if that is bounded.
    pub memory_mib: Option<u64>,
}

const PROFILE_AFTER: &str = "\
Examples:
  copc profile words.cop -- to be or not         functions and lines by the fuel that they take
  copc profile --lines main.cop                  the source of main.cop, with what each line takes
  copc profile --svg flame.svg guestbook         a flame graph for a browser, beside the tables
  copc profile --test escaped                    of the tests whose names hold this text, all in one

Nothing is sampled: each unit of fuel is put down to the instruction that it was charged for, and the profile is the same each
time. `self` is what a function takes itself, `total` with all that it calls; a function that calls itself counts once. Bytes are
copied when a value is changed that something else still holds. Runs are given what `copc cost` gives them.";

#[derive(Debug, Args)]
#[command(after_help = PROFILE_AFTER)]
pub struct ProfileOptions {
    #[command(flatten)]
    pub measure: MeasureOptions,
    /// Show the source of this file instead, with what each line takes
    #[arg(long, value_name = "FILE")]
    pub lines: Option<String>,
    /// Write a flame graph
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// How many functions and lines to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub top: usize,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

const DISASM_AFTER: &str = "\
Examples:
  copc disasm words.cop                     the bytecode that a node gets
  copc disasm --fuel words.cop              with what each instruction is charged
  copc disasm --asm --function fib words.cop
                                            the machine code of functions whose names hold this text
  copc disasm --pass inline words.cop       what a pass of the compiler leaves";

#[derive(Debug, Args)]
#[command(after_help = DISASM_AFTER)]
pub struct DisasmOptions {
    /// Folder with a main.cop, a .cop file, or a bundle
    #[arg(default_value = ".")]
    pub path: PathBuf,
    #[command(flatten)]
    pub packages: PackageOptions,
    #[command(flatten)]
    pub node: NodeOption,
    /// A column with the fuel that is charged for each instruction, and what it comes to by block, function and line
    #[arg(long)]
    pub fuel: bool,
    /// Only functions whose names hold this text; may stand several times
    #[arg(long, value_name = "TEXT")]
    pub function: Vec<String>,
    /// The code generator's intermediate form (CLIF) of each function, with lines of the source, instead of bytecode
    #[arg(long, conflicts_with_all = ["fuel", "pass"])]
    pub clif: bool,
    /// The machine code of each function, for this machine, instead of bytecode
    #[arg(long, conflicts_with_all = ["fuel", "pass", "clif"])]
    pub asm: bool,
    /// What a pass of the compiler leaves, instead of the end; `help` lists the passes
    #[arg(long, value_name = "NAME")]
    pub pass: Option<String>,
}

/// A whole number from 1 to `most`; `_` may stand between digits, as in cop.
fn number(text: &str, most: u64) -> Result<u64, String> {
    match text.replace('_', "").parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(format!("it can be a whole number from 1 to {most}")),
    }
}

fn fuel(text: &str) -> Result<u64, String> {
    number(text, limits::FUEL_MAX)
}

/// `FUEL` or `FUEL,MIB`.
fn bounds(text: &str) -> Result<Bounds, String> {
    let (fuel_text, memory_text) = match text.split_once(',') {
        None => (text, None),
        Some((fuel, memory)) => (fuel, Some(memory)),
    };
    let named = |what: &str| {
        let what = what.to_owned();
        move |why: String| format!("{what}: {why}")
    };
    Ok(Bounds {
        fuel: fuel(fuel_text.trim()).map_err(named("fuel"))?,
        memory_mib: memory_text
            .map(|text| memory_mib(text.trim()).map_err(named("memory in MiB")))
            .transpose()?,
    })
}

fn memory_mib(text: &str) -> Result<u64, String> {
    number(text, limits::MEMORY_MAX >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_edition() {
        assert_eq!(fuel("1_000_000"), Ok(1_000_000));
        assert_eq!(fuel("1000000000000"), Ok(limits::FUEL_MAX));
        assert_eq!(memory_mib("128"), Ok(128));
        for text in ["0", "1000000000001", "-1", "x", "", "1.5"] {
            assert!(fuel(text).is_err(), "{text}");
        }
        for text in ["0", "129", "1e9"] {
            assert!(memory_mib(text).is_err(), "{text}");
        }
        let both = Bounds {
            fuel: 2_000_000,
            memory_mib: Some(16),
        };
        assert_eq!(bounds("2_000_000,16"), Ok(both));
        for text in ["", ",", "5,", ",5", "0,5", "5,0", "1,2,3", "2e6"] {
            assert!(bounds(text).is_err(), "{text}");
        }
    }
}
