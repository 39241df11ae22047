//! `copd`: the node.
//!
//! | module | noun |
//! |---|---|
//! | `arguments` | the command line |
//! | `start` | `copd start`, a lasting node |
//! | `demo` | `copd demo`, a throw-away node with the examples |
//! | `say` | lines for the terminal |

mod arguments;
mod demo;
mod say;
mod start;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start the node's threads: {error}")),
    };
    let ended = runtime.block_on(async {
        match arguments.command {
            Command::Demo(options) => demo::demo(&options).await,
            Command::Start(options) => start::start(&options).await,
        }
    });
    // Runs that are still under way are abandoned: the store keeps only what was committed.
    runtime.shutdown_background();
    match ended {
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
