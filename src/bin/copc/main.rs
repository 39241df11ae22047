//! `copc`: the tool for authors.
//!
//! | module | noun |
//! |---|---|
//! | `arguments` | the command line |
//! | `new` | a new program from a template |
//! | `add`, `remove` | one more dependency, one less |
//! | `check`, `build`, `disasm` | what the compiler says of a program and makes of it |
//! | `mend` | the edits that messages offer, written into the files |
//! | `explain` | what a code of the compiler means |
//! | `fmt` | source as it should look |
//! | `request` | the request that a web program is asked |
//! | `run`, `test` | a program run on this machine |
//! | `measure` | runs that are measured, and are the same each time |
//! | `cost` | what they cost |
//! | `profile` | where their fuel goes |
//! | `dev` | a web program served while it is being written |
//! | `watch` | the same again whenever a file changes |
//! | `differ` | two values side by side |
//! | `parallel` | work on all cores, taken in order |
//! | `tell` | how a run is told to people and tools |
//! | `key` | publishers' keys, and where their passwords come from |
//! | `publish`, `hand_on` | a release signed and handed to a node, and the packages that it is made of |
//! | `rehearse` | runs of a node done again with what would be published |
//! | `releases`, `rollback` | the releases of a program, and an older one published again |
//! | `node` | the node on this machine, as its owner asks it |
//! | `replay` | a recorded run done again |
//! | `step` | a debugger: runs line by line, forwards and backwards |
//! | `rebuild` | a published program compiled again from its sources |
//! | `verify` | receipts of nodes: what they prove, and proofs of fraud |
//! | `cache` | what the node remembers of a program |
//! | `state`, `states` | what programs keep on the node |
//! | `subject` | what a command works on: a project, or a bundle as it is |
//! | `ended`, `say` | how a command ends; text for the terminal |

mod add;
mod arguments;
mod build;
mod cache;
mod check;
mod copies;
mod cost;
mod dev;
mod differ;
mod disasm;
mod elsewhere;
mod ended;
mod explain;
mod fmt;
mod hand_on;
mod key;
mod measure;
mod mend;
mod new;
mod node;
mod parallel;
mod profile;
mod publish;
mod rebuild;
mod rehearse;
mod releases;
mod remove;
mod replay;
mod request;
mod rollback;
mod run;
mod say;
mod state;
mod states;
mod step;
mod subject;
mod tell;
mod test;
mod verify;
mod watch;

use std::panic::PanicHookInfo;
use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::{CommandFactory, Parser};
use coputer::shell;
use ended::{Complaint, Ended};

/// The compiler makes and drops millions of small tree nodes on a thread of its own; the system's allocator spends a third of
/// the time on that (see `docs/performance.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Native stack of each thread of `copc`, in bytes.
const STACK_BYTES: usize = 64 << 20;
/// Exit status of what is not wrong and not proven either.
const UNPROVEN: u8 = 3;
/// Exit status of a defect of `copc` itself.
const DEFECT: u8 = 101;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(tell_defect));
    let arguments = Arguments::parse();
    say::use_colours(arguments.color);
    let thread = std::thread::Builder::new()
        .name("copc".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || run(arguments.command));
    match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        Ok(Err(_)) => ExitCode::from(DEFECT),
        Err(error) => {
            say::error(&format!("cannot start a thread: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> ExitCode {
    let json = command.is_json();
    let ended = match command {
        Command::New(options) => new::new(&options),
        Command::Add(options) => add::add(&options),
        Command::Remove(options) => remove::remove(&options),
        Command::Check(options) => check::check(&options),
        Command::Build(options) => build::build(&options),
        Command::Run(options) => run::run(&options),
        Command::Test(options) => test::test(&options),
        Command::Dev(options) => dev::dev(&options),
        Command::Cost(options) => cost::cost(&options),
        Command::Profile(options) => profile::profile(&options),
        Command::Disasm(options) => disasm::disasm(&options),
        Command::Fmt(options) => fmt::fmt(&options),
        Command::Explain(options) => explain::explain(&options),
        Command::Key(command) => key::key(&command),
        Command::Publish(options) => publish::publish(&options),
        Command::Releases(options) => releases::releases(&options),
        Command::Rollback(options) => rollback::rollback(&options),
        Command::Replay(options) => replay::replay(&options),
        Command::Rebuild(options) => rebuild::rebuild(&options),
        Command::Verify(options) => verify::verify(&options),
        Command::ProveFraud(options) => verify::fraud::prove(&options),
        Command::Cache(options) => cache::cache(&options),
        Command::State(command) => state::state(&command),
        Command::Completions { shell } => {
            say::out_raw(&shell::completions(Arguments::command(), shell));
            Ok(Ended::Well)
        }
        Command::Man { to } => man(to.as_deref()),
    };
    match ended {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::Badly) => ExitCode::FAILURE,
        Ok(Ended::Unproven) => ExitCode::from(UNPROVEN),
        Err(Complaint::Usage(message)) => {
            say::error(&message);
            ExitCode::from(2)
        }
        Err(complaint) => {
            ended::tell(&complaint, json);
            ExitCode::FAILURE
        }
    }
}

fn man(to: Option<&std::path::Path>) -> Result<Ended, Complaint> {
    let written = match to {
        None => shell::man_page(Arguments::command()).map(|page| say::out_raw(&page)),
        Some(folder) => shell::man_pages(Arguments::command(), folder),
    };
    let at = to.map_or(String::new(), |folder| folder.display().to_string());
    written.map_err(|error| Complaint::Failed(format!("cannot write {at}: {error}")))?;
    Ok(Ended::Well)
}

/// Told instead of Rust's own message when `copc` itself is at fault.
fn tell_defect(panic: &PanicHookInfo<'_>) {
    let what = panic.payload_as_str().unwrap_or("no message");
    let place = panic
        .location()
        .map_or(String::new(), |place| format!(" at {place}"));
    say::error(&format!(
        "copc {} failed{place}: {what}\n\
         This is a defect of copc, not of your program. Please report these lines with the command and the source that led here.",
        env!("CARGO_PKG_VERSION")
    ));
}
