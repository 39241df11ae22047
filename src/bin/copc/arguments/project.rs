//! What is said to commands that make, check and show a program's text.

use std::path::PathBuf;

use clap::Args;

use super::{NodeOption, PackageOptions};

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
