//! The command line of `copd`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use cop_gateway::journal::{Format, Kind, Level};
use coputer::engine::EngineOption;
use coputer::listen::Listen;
use coputer::settings::{self, Settings};
use coputer::shell::Shell;

const AFTER: &str = "\
Try it:
  copd demo                         a throw-away node with the examples; open the URL that it prints
  copd start                        a lasting node in ~/.coputer
  copc publish ./hello              build and sign a program and store it on the running node
  copd ui                           the link to the node's page
  copd status                       whether it works, in the terminal
  copd backup node.copbackup        everything that must not be lost, in one file, while the node runs
  curl http://localhost:2517/       what the node serves

Ports: 2517 serves programs to everyone, 2508 is the management interface of this machine's owner.
Exit status: 0 stopped as asked, 1 could not start or failed, 2 wrong usage, 3 `fsck` found damage.";

const FSCK_AFTER: &str = "\
It reads the whole store: every file against its hash, every release against its signature and the release before it, every
value against the hash of its answer, the history of each program's state against the state. Stop the node first.

Exit status: 0 nothing is damaged, 1 it could not be checked, 2 wrong usage, 3 something is damaged; each finding says what to do.";

/// A Coputer node: runs small programs that are published under a name and a key.
#[derive(Debug, Parser)]
#[command(name = "copd", version, after_help = AFTER, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a throw-away node with the examples published; its folder goes away with it.
    Demo(Options),
    /// Run a lasting node: what is published stays.
    Start(Options),
    /// Make a data folder with commented settings and keys, and say what to do next.
    Init(InitOptions),
    /// Say whether the node that runs here works, and its figures.
    Status(LookOptions),
    /// List what is published on the node that runs here.
    Programs(LookOptions),
    /// List the last runs of the node that runs here.
    Runs(RunsOptions),
    /// Show what the node that runs here logs: what happens, its requests, and what programs log.
    Logs(LogsOptions),
    /// Show what happened on the node that runs here: publications, traps, limits hit.
    Events(LogsOptions),
    /// Tell what the node that runs here prints, or change it until it is started again.
    LogLevel {
        /// error, warn, info or debug; none tells what it is
        level: Option<Level>,
        #[command(flatten)]
        look: LookOptions,
    },
    /// Print the link to the page of the node that runs here: programs, requests, what each answer was told.
    Ui(LookOptions),
    /// Show, check and explain what the node is set to.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check everything that a stopped node has stored, and change nothing.
    Fsck(FsckOptions),
    /// Take away what a stopped node has stored and nothing names any more: bundles without a release, files without a bundle.
    Gc(GcOptions),
    /// Make a backup of a node, whether it runs or not.
    Backup(BackupOptions),
    /// Restore a backup into a data folder, all of it or nothing.
    Restore(RestoreOptions),
    /// Print the script that completes copd's command line in a shell.
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print copd's manual page, or write those of all its commands into a folder.
    Man {
        /// Folder to write them into
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
}

const BACKUP_AFTER: &str = "\
What is in it: programs, releases, state and its history as they are on disk at one moment; node.toml; the node's secret key, unless
--without-key. What is not: remembered answers and machine code (made again), records of runs, the management token (made anew),
publishers' keys (copc key), certificates. The file is readable by you only.

Exit status: 0 it is made and was read back whole, 1 it is not, 2 wrong usage.";

/// What is backed up, and where to.
#[derive(Clone, Debug, Args)]
#[command(after_help = BACKUP_AFTER)]
pub struct BackupOptions {
    /// The file to make; it must not be there yet
    pub file: PathBuf,
    /// Folder of the node [default: ~/.coputer]
    #[arg(long, value_name = "DIR", env = "COP_DATA")]
    pub data: Option<PathBuf>,
    /// Leave out the node's secret key, with which it signs receipts
    #[arg(long)]
    pub without_key: bool,
    /// Tell what was made as JSON
    #[arg(long)]
    pub json: bool,
}

const RESTORE_AFTER: &str = "\
The backup is read whole and its hash checked, a store is made of it and checked as `copd fsck` does, and only then it takes its
place, in one step. Whatever goes wrong before, the folder is as it was. Stop the node first.

Exit status: 0 restored, 1 not restored and nothing changed, 2 wrong usage.";

/// What is restored, and where to.
#[derive(Clone, Debug, Args)]
#[command(after_help = RESTORE_AFTER)]
pub struct RestoreOptions {
    /// The backup
    pub file: PathBuf,
    /// Folder of the node [default: ~/.coputer]
    #[arg(long, value_name = "DIR", env = "COP_DATA")]
    pub data: Option<PathBuf>,
    /// A node that is there already is kept aside, in replaced-1
    #[arg(long)]
    pub replace: bool,
    /// Only read the backup, and say whether it is whole
    #[arg(long)]
    pub check: bool,
    /// Tell what was restored as JSON
    #[arg(long)]
    pub json: bool,
}

/// Where a node is made.
#[derive(Clone, Debug, Args)]
pub struct InitOptions {
    /// Folder of the node [default: ~/.coputer]
    #[arg(long, value_name = "DIR", env = "COP_DATA")]
    pub data: Option<PathBuf>,
    /// Only print a unit by which systemd starts the node; no root is needed
    #[arg(long)]
    pub systemd: bool,
}

const LOGS_AFTER: &str = "\
Examples:
  copd logs --follow                       what happens from now on, requests and lines of programs included
  copd logs --follow --program guestbook   of one program
  copd events --level warn                 what somebody should look at
  copd events --json --count 1000          for scripts, one object a line

Requests and lines that programs log are written down only while somebody follows, or the log has them (access_log, or level debug).
A node keeps the last 2,048 of them, and the last 2,048 others. Who follows goes on where he was when the connection or the node
goes away and comes back.";

/// Which records are shown, and how.
#[derive(Clone, Debug, Args)]
#[command(after_help = LOGS_AFTER)]
pub struct LogsOptions {
    #[command(flatten)]
    pub look: LookOptions,
    /// Go on with what happens
    #[arg(long, short)]
    pub follow: bool,
    /// Only of programs of this name, or of ADDRESS/NAME
    #[arg(long, value_name = "PROGRAM")]
    pub program: Option<String>,
    /// Only what matters at least so much: error, warn, info or debug
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<Level>,
    /// Only of these kinds, such as published,trapped
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    pub kind: Vec<Kind>,
    /// How many of the past
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=4096))]
    pub count: u32,
}

/// Which runs are listed, and how.
#[derive(Clone, Debug, Args)]
pub struct RunsOptions {
    #[command(flatten)]
    pub look: LookOptions,
    /// Only those of programs of this name
    #[arg(long, value_name = "NAME")]
    pub program: Option<String>,
    /// Only those that trapped or were answered with a status from 500 on
    #[arg(long)]
    pub failed: bool,
    /// At most so many, the newest
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub count: u32,
}

/// Where it is taken away.
#[derive(Clone, Debug, Args)]
pub struct GcOptions {
    /// Folder of the node [default: ~/.coputer]
    #[arg(long, value_name = "DIR", env = "COP_DATA")]
    pub data: Option<PathBuf>,
    /// Tell what was taken away as JSON
    #[arg(long)]
    pub json: bool,
}

const CONFIG_AFTER: &str = "\
Examples:
  copd config show --origin        every setting, and where it comes from
  copd config explain cache_mib    what it means, its default, and how to set it
  copd config check                whether node.toml is in order, without starting the node

Settings stand in the file node.toml of the node's folder; variables of the environment (COP_…) win over it, and flags of `copd start` over both.";

/// What is done with settings.
#[derive(Debug, Subcommand)]
#[command(after_help = CONFIG_AFTER)]
pub enum ConfigCommand {
    /// Show every setting.
    Show {
        /// Folder of the node [default: ~/.coputer]
        #[arg(long, value_name = "DIR", env = "COP_DATA")]
        data: Option<PathBuf>,
        /// Say where each comes from
        #[arg(long)]
        origin: bool,
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Say whether they are in order.
    Check {
        /// Folder of the node [default: ~/.coputer]
        #[arg(long, value_name = "DIR", env = "COP_DATA")]
        data: Option<PathBuf>,
    },
    /// Say what a setting means.
    Explain {
        /// Its name, such as `http`
        key: String,
    },
}

/// The node that is looked at, and how it is told.
#[derive(Clone, Debug, Args)]
pub struct LookOptions {
    /// Folder of the node [default: ~/.coputer]
    #[arg(long, value_name = "DIR", env = "COP_DATA")]
    pub data: Option<PathBuf>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// What is checked, and how it is told.
#[derive(Clone, Debug, Args)]
#[command(after_help = FSCK_AFTER)]
pub struct FsckOptions {
    /// Folder of the node [default: ~/.coputer]
    #[arg(long, value_name = "DIR", env = "COP_DATA")]
    pub data: Option<PathBuf>,
    /// Tell what was found as JSON
    #[arg(long)]
    pub json: bool,
}

/// Where a node keeps its things and listens.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Folder of the node: store, management token, where it listens [default: ~/.coputer; demo: a throw-away folder]
    #[arg(long, value_name = "DIR", env = "COP_DATA")]
    pub data: Option<PathBuf>,
    /// Where programs are served: PORT, ADDRESS:PORT, or port 0 for a free one [default: 2517; demo: this machine only]
    #[arg(long, value_name = "ADDR", env = "COP_HTTP")]
    pub http: Option<Listen>,
    /// Where programs are served over TLS, with the certificates in node.toml: PORT or ADDRESS:PORT [default: 443, if there are
    /// certificates]
    #[arg(long, value_name = "ADDR", env = "COP_HTTPS")]
    pub https: Option<Listen>,
    /// Where the owner's tools reach the node; beyond this machine only with a certificate in node.toml [default: 127.0.0.1:2508]
    #[arg(long, value_name = "ADDR", env = "COP_MANAGEMENT")]
    pub management: Option<Listen>,
    /// A private address with its port that programs may ask by `host/http`, such as 10.0.0.7:8080; may stand several times. What
    /// is on the internet they may ask anyhow, as far as their manifests list it
    #[arg(
        long,
        value_name = "ADDR:PORT",
        env = "COP_REACH",
        value_delimiter = ','
    )]
    pub reach: Vec<SocketAddr>,
    /// What runs the programs [default: auto]: auto compiles what is used much to machine code beside the runs, interpreter never does, jit does
    /// before the first run; answers, fuel and receipts are the same with each
    #[arg(
        long,
        value_name = "ENGINE",
        env = "COP_ENGINE",
        value_enum,
        hide_possible_values = true
    )]
    pub engine: Option<EngineOption>,
    /// Print what matters so much: error, warn, info or debug [default: info]
    #[arg(long, value_name = "LEVEL", env = "COP_LOG_LEVEL")]
    pub log_level: Option<Level>,
    /// How it is printed: text, json, or auto: text on a terminal, JSON otherwise [default: auto]
    #[arg(long, value_name = "FORMAT", env = "COP_LOG_FORMAT", value_parser = log_format)]
    pub log_format: Option<LogFormat>,
    /// Do one run in N again in the other engine, once its answer has left and nothing else is to do, to see that both agree; 0 for
    /// none [default: 1024]
    #[arg(long, value_name = "N", env = "COP_SELF_CHECK")]
    pub self_check: Option<u64>,
}

/// How the log is printed; by who reads it if it is not said.
#[derive(Clone, Copy, Debug)]
pub struct LogFormat(Option<Format>);

fn log_format(text: &str) -> Result<LogFormat, String> {
    settings::log_format(text).map(LogFormat)
}

impl Options {
    /// What the command line says goes over what the settings say.
    pub fn over(&self, mut settings: Settings) -> Settings {
        settings.http = self.http.or(settings.http);
        settings.https = self.https.or(settings.https);
        settings.management = self.management.or(settings.management);
        if !self.reach.is_empty() {
            settings.reach.clone_from(&self.reach);
        }
        settings.engine = self.engine.unwrap_or(settings.engine);
        settings.execution.engine = settings.engine.engine();
        settings.log.level = self.log_level.unwrap_or(settings.log.level);
        if let Some(LogFormat(format)) = self.log_format {
            settings.log.format = format;
        }
        if let Some(self_check) = self.self_check {
            settings.execution.self_check = self_check;
        }
        settings
    }
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
