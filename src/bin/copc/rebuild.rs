//! `copc rebuild`: a published program compiled again from the sources that were published with it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use cop_bytecode::print::{Options as PrintOptions, print as printed};
use cop_bytecode::{SourceMap, decode};
use cop_runtime::{Address, Bundle, Hash, ProgramName};
use coputer::packages;
use coputer::packages::fetch::{FetchError, Fetcher};
use coputer::project::Project;
use coputer::publish::build;
use serde_json::json;

use crate::arguments::{NodeOption, OwnNode, PackageOptions};
use crate::ended::{Complaint, Ended, print};
use crate::node;
use crate::say;
use crate::subject::{is_bundle, read};

/// Most functions that are named as different.
const FUNCTIONS_SHOWN: usize = 20;

const AFTER: &str = "\
Examples:
  copc rebuild guestbook --check             the newest release of that name on the node on this machine
  copc rebuild cop1.../html@3 --check        release 3 of html, by the publisher with that address
  copc rebuild HASH --check                  the bundle with this hash
  copc rebuild words.copb -o mine.copb       a bundle in a file; what its sources give is written to mine.copb

What runs on a node is bytecode. Its sources stand beside it in the bundle: here they are compiled again, with the packages that the
lock file in the bundle names, and what comes out must be the same package to the byte. So reading the sources is reading what runs.

Exit status: 0 the same package; 1 another one, or something could not be done; 2 wrong usage.";

#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct RebuildOptions {
    /// Hash of a bundle, NAME, ADDRESS/NAME, ADDRESS/NAME@RELEASE, or a bundle in a file (.copb)
    #[arg(value_name = "PROGRAM")]
    pub program: String,
    /// Compare only, and write nothing
    #[arg(long)]
    pub check: bool,
    /// Where to write the bundle that the sources give [default: NAME.copb]
    #[arg(long, short, value_name = "FILE", conflicts_with = "check")]
    pub output: Option<PathBuf>,
    /// Data folder of the node on this machine [default: ~/.coputer]
    #[arg(long, value_name = "DIR", env = "COP_DATA")]
    pub data: Option<PathBuf>,
    #[command(flatten)]
    pub packages: PackageOptions,
    #[command(flatten)]
    pub node: NodeOption,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// Compiles a published program again.
pub fn rebuild(options: &RebuildOptions) -> Result<Ended, Complaint> {
    let node = options.node.url.as_deref();
    let from = options.packages.with(node, options.data.as_deref());
    let bundle = published(options, &from)?;
    let rebuilt = Rebuilt::of(&bundle, from)?;
    if !options.check {
        let file = options.output.clone();
        let file = file.unwrap_or_else(|| format!("{}.copb", bundle.manifest().name).into());
        std::fs::write(&file, rebuilt.again.encode()).map_err(|cause| {
            Complaint::Failed(format!("cannot write {}: {cause}", file.display()))
        })?;
    }
    if options.json {
        print(&rebuilt.json());
    } else {
        say::out(&rebuilt.text());
    }
    Ok(match rebuilt.is_same_package() {
        true => Ended::Well,
        false => Ended::Badly,
    })
}

/// The bundle that is meant.
fn published(options: &RebuildOptions, from: &packages::Options) -> Result<Bundle, Complaint> {
    let which = options.program.as_str();
    if is_bundle(which.as_ref()) {
        return read(which.as_ref());
    }
    let failed = |error: FetchError| Complaint::Failed(format!("{which}: {error}"));
    let fetcher = Fetcher::new(&from.fetch);
    if let Ok(hash) = which.parse::<Hash>() {
        return fetcher.bundle(&hash).map_err(failed);
    }
    let unknown = |why: String| {
        Complaint::Usage(format!(
            "{which:?} is no program: {why}; write HASH, NAME, ADDRESS/NAME or ADDRESS/NAME@RELEASE"
        ))
    };
    let (rest, number) = match which.split_once('@') {
        Some((rest, number)) => {
            let number = number.parse::<u64>().ok().filter(|number| *number > 0);
            let number =
                number.ok_or_else(|| unknown("release numbers begin with 1".to_owned()))?;
            (rest, Some(number))
        }
        None => (which, None),
    };
    let (address, name) = match rest.split_once('/') {
        Some((address, name)) => {
            let address = address.parse::<Address>();
            (address.map_err(|error| unknown(error.to_string()))?, name)
        }
        None => (publisher(options, rest)?, rest),
    };
    let name = name.parse::<ProgramName>();
    let name = name.map_err(|error| unknown(error.to_string()))?;
    let release = match number {
        Some(number) => fetcher.release(&address, &name, number),
        None => fetcher.newest_release(&address, &name),
    };
    let release = release.map_err(failed)?;
    let bundle = fetcher.bundle(&release.release().bundle).map_err(failed)?;
    match bundle.manifest().package == release.release().package {
        true => Ok(bundle),
        false => Err(Complaint::Failed(format!(
            "the release names the package {}, its bundle has {}",
            release.release().package,
            bundle.manifest().package
        ))),
    }
}

/// The only publisher of a name on the node on this machine.
fn publisher(options: &RebuildOptions, name: &str) -> Result<Address, Complaint> {
    let own = OwnNode {
        url: None,
        data: options.data.clone(),
    };
    let programs = node::block_on(async { Ok(node::of(&own)?.programs().await?) })?;
    let found = programs.iter().filter(|program| program.name == name);
    let addresses: Vec<&str> = found.map(|program| program.address.as_str()).collect();
    match addresses[..] {
        [one] => one
            .parse()
            .map_err(|_| Complaint::Failed(format!("the node tells of no publisher: {one:?}"))),
        [] => Err(Complaint::Failed(format!(
            "nobody has published anything named {name:?} on this node; ADDRESS/NAME asks for another publisher's"
        ))),
        _ => Err(Complaint::Failed(format!(
            "several publishers have a {name:?} here; write one of their addresses before it: {}",
            addresses.join(", ")
        ))),
    }
}

/// A bundle, and what its sources give.
pub struct Rebuilt<'a> {
    bundle: &'a Bundle,
    again: Bundle,
}

impl<'a> Rebuilt<'a> {
    /// Builds a bundle again from the sources in it, and from the bundles that its lock file names.
    pub fn of(bundle: &'a Bundle, mut from: packages::Options) -> Result<Rebuilt<'a>, Complaint> {
        // What it was made of stands in it.
        from.locked = true;
        let again = build(&Project::of_bundle(bundle)?, &from)?.bundle;
        Ok(Rebuilt { bundle, again })
    }

    /// Whether all of it is the same.
    pub fn is_same(&self) -> bool {
        self.again.hash() == self.bundle.hash()
    }

    /// Whether what runs is the same.
    fn is_same_package(&self) -> bool {
        self.again.manifest().package == self.bundle.manifest().package
    }

    /// Paths of the files that differ.
    fn files(&self) -> Vec<&str> {
        let others: BTreeMap<&str, Hash> = self.again.files().map(|(p, h, _)| (p, h)).collect();
        let files = self.bundle.files();
        let differing = files.filter(|(path, hash, _)| others.get(path) != Some(hash));
        differing.map(|(path, ..)| path).collect()
    }

    /// Who compiled it, where that was not this compiler.
    fn compiler(&self) -> Option<(&str, &str)> {
        let then = self.bundle.manifest().compiler.as_str();
        let now = self.again.manifest().compiler.as_str();
        (then != now).then_some((then, now))
    }

    /// What differs, in one sentence.
    pub fn differing(&self) -> String {
        let compiler = self.compiler().map_or(String::new(), |(then, now)| {
            format!("; it was made by {then}, this is {now}")
        });
        format!(
            "its sources give another bundle, {}: {} differ{compiler}",
            self.again.hash(),
            self.files().join(", ")
        )
    }

    /// Functions whose code differs, or that only one of the two has, by their names.
    fn functions(&self) -> Vec<String> {
        let (then, now) = (functions(self.bundle), functions(&self.again));
        let names: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
        let told = names.into_iter().filter_map(|name| {
            let what = match (then.get(name), now.get(name)) {
                (Some(then), Some(now)) if then == now => return None,
                (Some(_), Some(_)) => "differs",
                (Some(_), None) => "is published, and the sources do not give it",
                (None, _) => "comes from the sources, and is not published",
            };
            Some(format!("{name} {what}"))
        });
        told.collect()
    }

    fn text(&self) -> String {
        let manifest = self.bundle.manifest();
        if self.is_same() {
            return format!(
                "{} the sources of {} give this very bundle, {}\n",
                say::green("the same:"),
                manifest.name,
                self.bundle.hash()
            );
        }
        let mut text = match self.is_same_package() {
            true => format!(
                "{} the sources of {} give this very package, {}; the bundle differs in what does not run\n",
                say::green("the same:"),
                manifest.name,
                manifest.package
            ),
            false => format!(
                "{} the sources of {} give another package\n  published  {}\n  from here  {}\n",
                say::bold_red("not the same:"),
                manifest.name,
                manifest.package,
                self.again.manifest().package
            ),
        };
        text.push_str(&format!("  files      {}\n", self.files().join(", ")));
        if let Some((then, now)) = self.compiler() {
            text.push_str(&format!("  compiler   {then} then, {now} now\n"));
        }
        if !self.is_same_package() {
            let functions = self.functions();
            for function in functions.iter().take(FUNCTIONS_SHOWN) {
                text.push_str(&format!("  {function}\n"));
            }
            if functions.len() > FUNCTIONS_SHOWN {
                let more = functions.len() - FUNCTIONS_SHOWN;
                text.push_str(&format!("  … and {more} more functions\n"));
            }
        }
        text
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "ok": self.is_same_package(),
            "name": self.bundle.manifest().name.as_str(),
            "same_bundle": self.is_same(),
            "bundle": self.bundle.hash().to_string(),
            "package": self.bundle.manifest().package.to_string(),
            "bundle_again": self.again.hash().to_string(),
            "package_again": self.again.manifest().package.to_string(),
            "files": self.files(),
            "functions": if self.is_same_package() { Vec::new() } else { self.functions() },
            "compiler": self.bundle.manifest().compiler,
            "compiler_again": self.again.manifest().compiler,
        })
    }
}

/// The code of each function as text, by its name. Functions of one name are told apart by their order.
fn functions(bundle: &Bundle) -> BTreeMap<String, String> {
    let package = decode(bundle.interface(), bundle.code());
    let map = SourceMap::decode(bundle.source_map());
    let (Ok(package), Ok(map)) = (package, map) else {
        return BTreeMap::new();
    };
    let mut found = BTreeMap::new();
    for index in 0..package.functions.len() as u32 {
        let name = map.name(index).unwrap_or("?");
        let shown = PrintOptions {
            functions: Some(&[index]),
            ..PrintOptions::default()
        };
        let text = without_numbers(&printed(&package, shown), name);
        let mut key = format!("`{name}`");
        for copy in 2.. {
            if !found.contains_key(&key) {
                break;
            }
            key = format!("`{name}` ({copy})");
        }
        found.insert(key, text);
    }
    found
}

/// The code of a function without the numbers of functions, of which one more would make all that come after look different.
fn without_numbers(printed: &str, name: &str) -> String {
    let mut text = name.to_owned();
    for (place, part) in printed.split("fn ").enumerate() {
        let part = match place {
            0 => part,
            _ => part.trim_start_matches(|c: char| c.is_ascii_digit()),
        };
        text.push_str(part);
    }
    text
}
