//! `copd`: the node.
//!
//! | module | noun |
//! |---|---|
//! | `arguments` | the command line |
//! | `start` | `copd start`, a lasting node |
//! | `demo` | `copd demo`, a throw-away node with the examples |
//! | `config` | `copd config`, what a node is set to |
//! | `look` | `copd status`, `programs` and `ui`: a node that runs, looked at |
//! | `fsck`, `gc` | `copd fsck`, a check of what is stored; `copd gc`, which takes away what nothing names |
//! | `say` | lines for the terminal |

mod arguments;
mod config;
mod demo;
mod fsck;
mod gc;
mod look;
mod say;
mod start;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Demo(options) => serve(demo::demo(&options)),
        Command::Start(options) => serve(start::start(&options)),
        Command::Status(options) => look(look::status(&options)),
        Command::Programs(options) => look(look::programs(&options)),
        Command::Ui(options) => look(look::ui(&options)),
        Command::Config(command) => match config::config(&command) {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => fail(&message),
        },
        Command::Fsck(options) => fsck::fsck(&options).unwrap_or_else(|message| fail(&message)),
        Command::Gc(options) => match gc::gc(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => fail(&message),
        },
    }
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
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

/// Asks a node that runs.
fn look(asking: impl Future<Output = Result<(), String>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(asking))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

fn fail(message: &str) -> ExitCode {
    use std::io::Write;
    // Without a terminal to tell, the status still does.
    let _ = writeln!(anstream::stderr(), "error: {message}");
    ExitCode::FAILURE
}
