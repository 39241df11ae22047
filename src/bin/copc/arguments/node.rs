//! What is said to commands that ask the node on this machine, and of the keys that sign what it gets.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use cop_runtime::ProgramName;
use coputer::engine::EngineOption;

use super::PackageOptions;

const KEY_AFTER: &str = "\
A key file is encrypted with a password, which is asked for on the terminal. Scripts name it with --password-file FILE, or put it
into COP_KEY_PASSWORD. Who has the file and the password can publish under your address; without them nobody can, not even you: keep
a copy of both.";

#[derive(Debug, Subcommand)]
#[command(after_help = KEY_AFTER)]
pub enum KeyCommand {
    /// Make a new key.
    #[command(after_help = KEY_AFTER)]
    New {
        /// Its name on this machine
        #[arg(default_value = "default")]
        name: ProgramName,
        #[command(flatten)]
        place: KeyPlace,
        #[command(flatten)]
        password: PasswordOptions,
    },
    /// List the keys on this machine.
    List {
        #[command(flatten)]
        place: KeyPlace,
    },
    /// Show a key's address, public key and file.
    Show {
        /// Its name on this machine
        #[arg(default_value = "default")]
        name: ProgramName,
        #[command(flatten)]
        place: KeyPlace,
    },
}

/// Where keys are.
#[derive(Clone, Debug, Args)]
pub struct KeyPlace {
    /// Folder of the key files [default: ~/.coputer/keys]
    #[arg(long, value_name = "DIR", env = "COP_KEYS")]
    pub keys: Option<PathBuf>,
}

/// Where a key's password comes from.
#[derive(Clone, Debug, Args)]
pub struct PasswordOptions {
    /// File whose first line is the key's password, instead of asking for it (or set COP_KEY_PASSWORD)
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

const PUBLISH_AFTER: &str = "\
Examples:
  copc publish                                the program in this folder, to the node on this machine
  copc publish hello.cop --name greeter       under another name
  copc publish guestbook --key work           signed with the key called work
  copc publish guestbook --rehearse 500       publish nothing, and say how the last 500 runs would have gone with it

The node is found by the file that it keeps in its data folder; --data names the folder of another one.";

#[derive(Debug, Args)]
#[command(after_help = PUBLISH_AFTER)]
pub struct PublishOptions {
    /// Folder with a main.cop, a .cop file, or a bundle
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Name to publish under [default: the program's own]
    #[arg(long)]
    pub name: Option<ProgramName>,
    #[command(flatten)]
    pub signing: SigningOptions,
    #[command(flatten)]
    pub packages: PackageOptions,
    #[command(flatten)]
    pub node: OwnNode,
    /// Publish nothing; do the last N runs on the node again with this program, and say what would come out differently
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub rehearse: Option<u32>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// The key that signs a release.
#[derive(Clone, Debug, Args)]
pub struct SigningOptions {
    /// Key to sign with [default: `default`, or the only one there is]
    #[arg(long, value_name = "NAME")]
    pub key: Option<ProgramName>,
    #[command(flatten)]
    pub place: KeyPlace,
    #[command(flatten)]
    pub password: PasswordOptions,
}

const RELEASES_AFTER: &str = "\
Examples:
  copc releases guestbook          every release of guestbook on the node on this machine, newest first
  copc rollback guestbook          publish the one before the newest again

PROGRAM is a name, or ADDRESS/NAME where several publishers have one of that name.";

#[derive(Debug, Args)]
#[command(after_help = RELEASES_AFTER)]
pub struct ReleasesOptions {
    /// Name, or ADDRESS/NAME
    pub program: String,
    #[command(flatten)]
    pub node: OwnNode,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

const ROLLBACK_AFTER: &str = "\
Examples:
  copc rollback guestbook              what release N-1 was becomes release N+1
  copc rollback guestbook --to 3       what release 3 was
  copc releases guestbook              which releases there are

A release is never taken back: the older bundle is signed as a new release, so whoever has seen the newest follows. What the program keeps
stays as it is; values that the newer release wrote are read by the older one as far as their types allow (`copc state undo`
takes changes back).";

#[derive(Debug, Args)]
#[command(after_help = ROLLBACK_AFTER)]
pub struct RollbackOptions {
    /// Name, or ADDRESS/NAME
    pub program: String,
    /// The release whose bundle is published again [default: the newest with another bundle than the newest of all]
    #[arg(long, value_name = "RELEASE")]
    pub to: Option<u64>,
    #[command(flatten)]
    pub signing: SigningOptions,
    #[command(flatten)]
    pub node: OwnNode,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

const CACHE_AFTER: &str = "\
A node gives a remembered answer where the program would ask the same questions and be told the same. A question whose answers
never repeat, such as the exact time or a cookie that is new for everyone, ends that: such questions are named. Ask them late, or
ask a coarser one (`clock.minute`, `clock.today`).

Example:
  copc cache guestbook";

#[derive(Debug, Args)]
#[command(after_help = CACHE_AFTER)]
pub struct CacheOptions {
    /// Name, or ADDRESS/NAME
    pub program: String,
    #[command(flatten)]
    pub place: StatePlace,
}

const STATE_AFTER: &str = "\
Examples:
  copc state list guestbook              every key with its value
  copc state list guestbook user/        those that begin with user/
  copc state history guestbook           the last commits: which run changed what
  copc state undo guestbook 17           give the keys that commit 17 changed back what they held
  copc state at guestbook 16             what was there behind commit 16
  copc state diff guestbook 16..20       what differs between two commits; or a run's id: what it changed
  copc state root guestbook              a hash of all keys and values, to compare
  copc state export guestbook g.copstate
  copc state import staging g.copstate   under another name, or the same with --replace

PROGRAM is a name, or ADDRESS/NAME where several publishers have one of that name.";

#[derive(Debug, Subcommand)]
#[command(after_help = STATE_AFTER)]
pub enum StateCommand {
    /// List keys with their values.
    List {
        /// Name, or ADDRESS/NAME
        program: String,
        /// What the keys begin with
        #[arg(default_value = "")]
        prefix: String,
        #[command(flatten)]
        place: StatePlace,
    },
    /// List the last commits, newest first.
    History {
        /// Name, or ADDRESS/NAME
        program: String,
        /// All that are kept, not just the last fifty
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        place: StatePlace,
    },
    /// Undo a commit, unless something that it changed was changed again since.
    Undo {
        /// Name, or ADDRESS/NAME
        program: String,
        /// The number of the commit
        commit: u64,
        #[command(flatten)]
        place: StatePlace,
    },
    /// List keys with their values as they were behind an earlier commit.
    At {
        /// Name, or ADDRESS/NAME
        program: String,
        /// The number of the commit; 0 for before the first
        commit: u64,
        /// What the keys begin with
        #[arg(default_value = "")]
        prefix: String,
        #[command(flatten)]
        place: StatePlace,
    },
    /// Show what a run changed, or what differs between two commits.
    Diff {
        /// Name, or ADDRESS/NAME
        program: String,
        /// A run's id, or A..B: behind commit A and behind commit B
        #[arg(value_name = "RUN|A..B")]
        span: String,
        #[command(flatten)]
        place: StatePlace,
    },
    /// Tell the root of the state: the same keys with the same values have the same root, on any node.
    Root {
        /// Name, or ADDRESS/NAME
        program: String,
        /// Behind this commit [default: the last]
        #[arg(long, value_name = "COMMIT")]
        at: Option<u64>,
        #[command(flatten)]
        place: StatePlace,
    },
    /// Write the state into a file.
    Export {
        /// Name, or ADDRESS/NAME
        program: String,
        /// The file to write, such as guestbook.copstate; a file that is there is not replaced
        file: PathBuf,
        /// Behind this commit [default: the last]
        #[arg(long, value_name = "COMMIT")]
        at: Option<u64>,
        #[command(flatten)]
        place: StatePlace,
    },
    /// Make the state what a file holds. It becomes one commit, with which a new line begins, and which can be undone.
    Import {
        /// Name, or ADDRESS/NAME; it need not be the one that was exported
        program: String,
        /// The file, as export writes it
        file: PathBuf,
        /// Replace what is there
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        place: StatePlace,
    },
}

impl StateCommand {
    /// Where, and how it is told.
    pub fn place(&self) -> &StatePlace {
        match self {
            StateCommand::List { place, .. }
            | StateCommand::History { place, .. }
            | StateCommand::Undo { place, .. }
            | StateCommand::At { place, .. }
            | StateCommand::Diff { place, .. }
            | StateCommand::Root { place, .. }
            | StateCommand::Export { place, .. }
            | StateCommand::Import { place, .. } => place,
        }
    }
}

/// The node on this machine, as its owner reaches it.
#[derive(Clone, Debug, Args)]
pub struct OwnNode {
    /// Management URL of the node, such as http://127.0.0.1:2508 [default: as the node's own file says]
    #[arg(long = "node", value_name = "URL")]
    pub url: Option<String>,
    /// Data folder of the node, where its management token lies [default: ~/.coputer]
    #[arg(long, value_name = "DIR", env = "COP_DATA")]
    pub data: Option<PathBuf>,
}

/// The node whose programs are looked at.
#[derive(Clone, Debug, Args)]
pub struct StatePlace {
    #[command(flatten)]
    pub node: OwnNode,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

const REPLAY_AFTER: &str = "\
Examples:
  copc replay                                  the newest runs that the node on this machine remembers
  copc replay 4f1c0d…                          do this one again, and see whether it comes out the same
  copc replay 4f1c0d… --with .                 run the program in this folder on the answers of that run
  copc replay 4f1c0d… --step                   go through it line by line, forwards and backwards
  copc replay 4f1c0d… --save slow.coprun       keep it in a file, for another machine or another day

A run depends on nothing but its program and what it was told, so it comes out the same to the bit, or something is wrong.
Each error page names its run, and so does the header `cop-run` of each answer. Exit status: 0 the same, 1 not the same.";

#[derive(Debug, Args)]
#[command(after_help = REPLAY_AFTER)]
pub struct ReplayOptions {
    /// A run's id, or a .coprun file; without it the newest runs are listed
    pub run: Option<String>,
    /// Run this program instead: a folder with a main.cop, a .cop file, or a bundle
    #[arg(long, value_name = "PATH")]
    pub with: Option<PathBuf>,
    /// The bundle that was run, if no node has it any more
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<PathBuf>,
    /// Write the run to a file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Show and save cookies, the authorization header and the body, too; of a run that is on disk the publisher's key opens them
    #[arg(long)]
    pub with_private: bool,
    /// Key that the program was published with [default: `default`, or the only one there is]
    #[arg(long, value_name = "NAME")]
    pub key: Option<ProgramName>,
    #[command(flatten)]
    pub place: KeyPlace,
    #[command(flatten)]
    pub password: PasswordOptions,
    /// Show what the run asked and was told
    #[arg(long)]
    pub answers: bool,
    /// Go through the run line by line, forwards and backwards; commands are read from standard input
    #[arg(long, conflicts_with = "json")]
    pub step: bool,
    #[command(flatten)]
    pub packages: PackageOptions,
    /// What runs the bytecode; outcome, fuel and memory are the same
    #[arg(long, value_enum, default_value = "auto")]
    pub engine: EngineOption,
    #[command(flatten)]
    pub node: OwnNode,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}
