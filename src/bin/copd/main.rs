//! `copd`: the node.
//!
//! | module | noun |
//! |---|---|
//! | `arguments` | the command line |
//! | `start` | `copd start`, a lasting node |
//! | `demo` | `copd demo`, a throw-away node with the examples |
//! | `config` | `copd config`, what a node is set to |
//! | `init` | `copd init`, a folder with settings and keys |
//! | `look` | `copd status`, `programs`, `runs` and `ui`: a node that runs, looked at |
//! | `logs` | `copd logs`, `events` and `log-level` |
//! | `backup` | `copd backup` and `copd restore` |
//! | `fsck`, `gc` | `copd fsck`, a check of what is stored; `copd gc`, which takes away what nothing names |
//! | `say` | lines for the terminal |

mod arguments;
mod backup;
mod config;
mod demo;
mod fsck;
mod gc;
mod init;
mod logs;
mod look;
mod say;
mod start;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::{CommandFactory, Parser};
use coputer::shell;

/// A request makes and drops some hundred small pieces, on several threads (see `docs/performance.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Demo(options) => serve(demo::demo(&options)),
        Command::Start(options) => serve(start::start(&options)),
        Command::Status(options) => look(look::status(&options)),
        Command::Programs(options) => look(look::programs(&options)),
        Command::Ui(options) => look(look::ui(&options)),
        Command::Config(command) => ended(config::config(&command)),
        Command::Fsck(options) => fsck::fsck(&options).unwrap_or_else(|message| fail(&message)),
        Command::Gc(options) => ended(gc::gc(&options)),
        Command::Init(options) => ended(init::init(&options)),
        Command::Runs(options) => look(look::runs(&options)),
        Command::Logs(options) => look(logs::logs(&options, true)),
        Command::Events(options) => look(logs::logs(&options, false)),
        Command::LogLevel {
            level,
            look: options,
        } => look(logs::level(level, &options)),
        Command::Backup(options) => look(backup::backup(&options)),
        Command::Restore(options) => ended(backup::restore(&options)),
        Command::Completions { shell } => {
            print(&shell::completions(Arguments::command(), shell));
            ExitCode::SUCCESS
        }
        Command::Man { to } => ended(man(to.as_deref())),
    }
}

fn ended(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

/// Prints a whole file.
fn print(content: &[u8]) {
    use std::io::Write;
    // A reader that went away has seen enough.
    let _ = std::io::stdout().write_all(content);
}

fn man(to: Option<&std::path::Path>) -> Result<(), String> {
    let Some(folder) = to else {
        print(&shell::man_page(Arguments::command()).map_err(|error| error.to_string())?);
        return Ok(());
    };
    shell::man_pages(Arguments::command(), folder)
        .map_err(|error| format!("cannot write {}: {error}", folder.display()))
}

/// Runs a node until it is asked to stop.
fn serve(node: impl Future<Output = Result<(), String>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start the node's threads: {error}")),
    };
    let ended = runtime.block_on(node);
    // Runs that are still under way are abandoned: the store keeps only what was committed.
    runtime.shutdown_background();
    self::ended(ended)
}

/// Asks a node that runs.
fn look(asking: impl Future<Output = Result<(), String>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| error.to_string());
    ended(runtime.and_then(|runtime| runtime.block_on(asking)))
}

fn fail(message: &str) -> ExitCode {
    use std::io::Write;
    // Without a terminal to tell, the status still does.
    let _ = writeln!(anstream::stderr(), "error: {message}");
    ExitCode::FAILURE
}
