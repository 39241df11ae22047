//! The command line of `copc`.

mod node;
mod project;
mod running;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use coputer::packages::{self, FetchOptions};
use coputer::shell::Shell;

pub use node::*;
pub use project::*;
pub use running::*;

const AFTER: &str = "\
Try it:
  copc new guestbook --web              a new web program in the folder guestbook
  copc test guestbook                   run its tests
  copc run guestbook                    ask it for / once, and see the answer
  copc dev guestbook                    serve it here, and show each change in the browser as soon as it is saved
  copc run words.cop -- to be or not    run a command; what follows -- are its arguments
  copc key new                          make the key that your programs are published under
  copc publish guestbook                build, sign, and hand it to the node on this machine (copd start)

A PATH is a folder with a main.cop, or a single .cop file; this folder if none is named. Some commands take a bundle (.copb) too.
Exit status: 0 all is well; 1 the source has errors, the program ended with an error or a trap, or something could not be done;
2 wrong usage.";

/// The tool for authors of cop programs: make, check, run, test and publish them.
#[derive(Debug, Parser)]
#[command(name = "copc", version, after_help = AFTER, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    /// When to use colours; NO_COLOR in the environment turns them off too
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN", hide_possible_values = true)]
    pub color: Colour,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Begin a new program.
    New(NewOptions),
    /// Add a package to those that a program is made of.
    Add(AddOptions),
    /// Remove a package from those that a program is made of.
    Remove(RemoveOptions),
    /// Say what is wrong with a program, without running it.
    Check(CheckOptions),
    /// Make a program's bundle, and print its hash.
    Build(BuildOptions),
    /// Run a program on this machine.
    Run(RunOptions),
    /// Serve a web program while it is being written: each change is built and shown at once.
    Dev(DevOptions),
    /// Run the tests of a program.
    Test(TestOptions),
    /// Say exactly what runs of a program cost: fuel, memory, stack, copies, questions.
    Cost(CostOptions),
    /// Say which functions and lines of a program the fuel of a run goes to.
    Profile(ProfileOptions),
    /// Show the bytecode of a program.
    Disasm(DisasmOptions),
    /// Bring source into the form that all cop source has.
    Fmt(FmtOptions),
    /// Explain a code that stands before a message of the compiler, such as E0401.
    Explain(ExplainOptions),
    /// Make, list and show the keys that programs are published under.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Build, sign and store a program on a node, and print where it is served.
    Publish(PublishOptions),
    /// List the releases of a program on a node.
    Releases(ReleasesOptions),
    /// Publish an older release of a program again.
    Rollback(RollbackOptions),
    /// Do a run of a node again, with the answers that it was given then.
    Replay(ReplayOptions),
    /// Ask a node to sign its answer, or read what one has signed, and say what is proven by it.
    Verify(crate::verify::VerifyOptions),
    /// Compile a published program again from its sources, and say whether it is the same.
    Rebuild(crate::rebuild::RebuildOptions),
    /// Make a file that proves to anyone that a node signed something untrue.
    ProveFraud(crate::verify::fraud::FraudOptions),
    /// Look at what a program keeps on a node, at what changed it, and undo a change.
    #[command(subcommand)]
    State(StateCommand),
    /// Tell what the node on this machine remembers of a program, and what keeps it from remembering more.
    Cache(CacheOptions),
    /// Print the script that completes copc's command line in a shell.
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print copc's manual page, or write those of all its commands into a folder.
    Man {
        /// Folder to write them into
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
}

impl Command {
    /// Whether the result is for a tool.
    pub fn is_json(&self) -> bool {
        match self {
            Command::Check(options) => options.json,
            Command::Build(options) => options.json,
            Command::Run(options) => options.json,
            Command::Test(options) => options.json,
            Command::Cost(options) => options.json,
            Command::Profile(options) => options.json,
            Command::Publish(options) => options.json,
            Command::Releases(options) => options.json,
            Command::Rollback(options) => options.json,
            Command::Replay(options) => options.json,
            Command::Verify(options) => options.json,
            Command::Rebuild(options) => options.json,
            Command::ProveFraud(options) => options.json,
            Command::State(command) => command.place().json,
            Command::Cache(options) => options.place.json,
            Command::New(_)
            | Command::Add(_)
            | Command::Dev(_)
            | Command::Remove(_)
            | Command::Disasm(_)
            | Command::Fmt(_)
            | Command::Explain(_)
            | Command::Key(_)
            | Command::Completions { .. }
            | Command::Man { .. } => false,
        }
    }
}

/// Where the packages of others come from.
#[derive(Clone, Debug, Default, Args)]
pub struct PackageOptions {
    /// Refuse to change cop.lock, for builds that must not differ
    #[arg(long)]
    pub locked: bool,
    /// Ask no node for packages: those that this machine has seen must do
    #[arg(long)]
    pub offline: bool,
}

/// The node that is asked for the packages of others.
#[derive(Clone, Debug, Default, Args)]
pub struct NodeOption {
    /// URL of the node to ask for packages, such as http://HOST:2517 [default: the node on this machine]
    #[arg(long = "node", value_name = "URL", env = "COP_NODE")]
    pub url: Option<String>,
}

impl PackageOptions {
    /// The same, for the library.
    pub fn with(&self, node: Option<&str>, data: Option<&Path>) -> packages::Options {
        packages::Options {
            fetch: FetchOptions {
                node: node.map(str::to_owned),
                offline: self.offline,
                data_dir: data.map(Path::to_owned).or_else(|| folder_of("COP_DATA")),
                cache_dir: folder_of("COP_PACKAGES"),
            },
            locked: self.locked,
        }
    }
}

/// The folder that a variable of the environment names.
fn folder_of(variable: &str) -> Option<PathBuf> {
    let value = std::env::var_os(variable).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
