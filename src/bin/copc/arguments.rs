//! The command line of `copc`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use cop_bytecode::limits;
use cop_runtime::ProgramName;
use coputer::engine::EngineOption;
use coputer::listen::Listen;
use coputer::packages::{self, FetchOptions};

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
            | Command::Key(_) => false,
        }
    }
}

const NEW_AFTER: &str = "\
Examples:
  copc new words                a command: fn main
  copc new guestbook --web      a web program: fn handle
  copc new shapes --lib         a library, which other packages import";

#[derive(Debug, Args)]
#[command(after_help = NEW_AFTER)]
pub struct NewOptions {
    /// Folder to make; its last part is the program's name: 1 to 20 of a-z, 0-9 and single hyphens
    #[arg(value_name = "NAME")]
    pub path: PathBuf,
    /// A web program instead of a command
    #[arg(long)]
    pub web: bool,
    /// A library, for other packages to import
    #[arg(long, conflicts_with = "web")]
    pub lib: bool,
}

const ADD_AFTER: &str = "\
Examples:
  copc add cop1.../html@3          release 3 of html, by the publisher with that address
  copc add cop1.../html            its newest release
  copc add ../shapes               a package beside this one
  copc add cop1.../html@3 --name h under another name

The line goes into cop.toml, the package into the cache of this machine, and what it is exactly into cop.lock.";

#[derive(Debug, Args)]
#[command(after_help = ADD_AFTER)]
pub struct AddOptions {
    /// What to add: ADDRESS/NAME@RELEASE, ADDRESS/NAME#HASH, ADDRESS/NAME, or a folder
    pub package: String,
    /// Folder of the program that it is for
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub to: PathBuf,
    /// What to call it [default: its own name]
    #[arg(long)]
    pub name: Option<String>,
    /// Ask no node: what this machine has seen must do
    #[arg(long)]
    pub offline: bool,
    #[command(flatten)]
    pub node: NodeOption,
}

const REMOVE_AFTER: &str = "\
Examples:
  copc remove html                 what cop.toml calls html

The line goes out of cop.toml, and what nothing uses any more out of cop.lock. Imports of it stay in the source; copc check lists them.";

#[derive(Debug, Args)]
#[command(after_help = REMOVE_AFTER)]
pub struct RemoveOptions {
    /// What cop.toml calls it
    pub name: String,
    /// Folder of the program that it is taken from
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub from: PathBuf,
    /// Ask no node: what this machine has seen must do
    #[arg(long)]
    pub offline: bool,
    #[command(flatten)]
    pub node: NodeOption,
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

const CHECK_AFTER: &str = "\
Of a bundle (.copb) it says whether its sources, with those of the packages that it names, give this very bundle.";

#[derive(Debug, Args)]
#[command(after_help = CHECK_AFTER)]
pub struct CheckOptions {
    /// Folder with a main.cop, a .cop file, or a bundle
    #[arg(default_value = ".")]
    pub path: PathBuf,
    #[command(flatten)]
    pub packages: PackageOptions,
    #[command(flatten)]
    pub node: NodeOption,
    /// Check again whenever a file of the program changes, until Ctrl-C
    #[arg(long, conflicts_with = "json")]
    pub watch: bool,
    /// First apply the edits that messages offer
    #[arg(long, conflicts_with = "watch")]
    pub fix: bool,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

const BUILD_AFTER: &str = "\
The bundle is what is published: bytecode, source map, sources and manifest. The same sources give the same hash on every machine.
For a single .cop file the folder `build` is made here, for a folder in that folder.";

#[derive(Debug, Args)]
#[command(after_help = BUILD_AFTER)]
pub struct BuildOptions {
    /// Folder with a main.cop, or a .cop file
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Where to write the bundle [default: build/NAME.copb]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub packages: PackageOptions,
    #[command(flatten)]
    pub node: NodeOption,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

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
    /// A private address with its port that the program may ask by `host/http`, such as 127.0.0.1:8080; may stand several times
    #[arg(
        long,
        value_name = "ADDR:PORT",
        env = "COP_REACH",
        value_delimiter = ','
    )]
    pub reach: Vec<SocketAddr>,
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
    /// A header of the request, such as 'accept: text/html'; may stand several times
    #[arg(long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// The body of the request, or @FILE to read it from a file
    #[arg(long, value_name = "TEXT")]
    pub body: Option<String>,
    /// A private address with its port that the program may ask by `host/http`, such as 127.0.0.1:8080; may stand several times
    #[arg(
        long,
        value_name = "ADDR:PORT",
        env = "COP_REACH",
        value_delimiter = ','
    )]
    pub reach: Vec<SocketAddr>,
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
    /// A header of the requests, such as 'accept: text/html'; may stand several times
    #[arg(long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// The body of the requests, or @FILE to read it from a file
    #[arg(long, value_name = "TEXT")]
    pub body: Option<String>,
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

const FMT_AFTER: &str = "\
Examples:
  copc fmt                  all .cop files of this folder and those below it
  copc fmt words.cop        one file
  copc fmt --check          change nothing; show what would be changed, with status 1 if there is anything
  copc fmt - < in > out     from standard input to standard output, for editors

Blanks, indentation and blank lines are set; line breaks stay where you put them, and comments stay where they are. What a program
means never changes. There is nothing to choose.";

#[derive(Debug, Args)]
#[command(after_help = FMT_AFTER)]
pub struct FmtOptions {
    /// Files, and folders with all below them but hidden ones and `build`; - is standard input
    #[arg(default_value = ".", value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Change nothing, and show what would be changed
    #[arg(long)]
    pub check: bool,
}

const EXPLAIN_AFTER: &str = "\
Examples:
  copc explain E0401    what error E0401 means, with an example that is wrong and one that is right
  copc explain          all codes with their titles";

#[derive(Debug, Args)]
#[command(after_help = EXPLAIN_AFTER)]
pub struct ExplainOptions {
    /// The code [default: list all of them]
    pub code: Option<String>,
}

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
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

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
