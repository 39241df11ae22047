//! `copd`: the node.
//!
//! | module | noun |
//! |---|---|
//! | `arguments` | the command line |
//! | `node` | one running node: execution, gateway, management |
//! | `start` | `copd start`, a lasting node |
//! | `demo` | `copd demo`, a throw-away node with the examples |
//! | `stop`, `say` | the signals that end a node; lines for the terminal |

mod arguments;
mod demo;
mod node;
mod say;
mod start;
mod stop;

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
