//! What a node is set to: `node.toml` in its folder, over that the environment, over that the command line.
//!
//! Whatever is wrong with a setting keeps the node from starting: a limit that was mistyped should not be a limit that is not
//! there.

mod keys;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use cop_gateway::Domains;
use cop_gateway::journal::{Format, Level};
use cop_gateway::tls::CertificateFiles;
use cop_runtime::ExecutionConfig;
use toml::de::{DeTable, DeValue};

use crate::engine::EngineOption;
use crate::listen::Listen;

pub use keys::{KEYS, Key, log_format};

/// The file in a node's folder.
pub const FILE: &str = "node.toml";
/// Most bytes of that file.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// What a node is set to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where programs are served; the usual port on all addresses if it is not said.
    pub http: Option<Listen>,
    /// Where they are served over TLS; port 443 of all addresses if it is not said.
    pub https: Option<Listen>,
    /// The certificates of that, as the settings name their files.
    pub tls: Vec<CertificateFiles>,
    /// Requests without TLS for a host that a certificate is for are sent there.
    pub redirect_to_https: bool,
    /// Where the owner's tools reach the node; the usual port on loopback if it is not said.
    pub management: Option<Listen>,
    /// Private addresses that programs may ask by `host/http`.
    pub reach: Vec<SocketAddr>,
    /// Hosts that show one program each as their own.
    pub domains: Domains,
    /// What runs the programs.
    pub engine: EngineOption,
    /// What is printed of what happens.
    pub log: LogSettings,
    /// What the execution system grants and keeps. Its engine is [`Settings::engine`].
    pub execution: ExecutionConfig,
    origins: BTreeMap<&'static str, Origin>,
}

/// What a node prints of what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// What matters at least so much is printed.
    pub level: Level,
    /// How; by whether somebody reads it on a terminal if it is not said.
    pub format: Option<Format>,
    /// Each answer is printed.
    pub access: bool,
}

impl Default for LogSettings {
    fn default() -> LogSettings {
        LogSettings {
            level: Level::Info,
            format: None,
            access: false,
        }
    }
}

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of the file, from 1.
    File(PathBuf, usize),
    /// A variable of the environment.
    Variable(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => out.write_str("default"),
            Origin::File(path, line) => write!(out, "{}:{line}", path.display()),
            Origin::Variable(name) => write!(out, "{name}"),
        }
    }
}

/// A value before it is known whether it is one of its key.
#[derive(Clone, Copy, Debug)]
pub enum Given<'a> {
    /// From the file.
    Toml(&'a DeValue<'a>),
    /// From the environment; several are joined by `,`.
    Text(&'a str),
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            http: None,
            https: None,
            tls: Vec::new(),
            redirect_to_https: false,
            management: None,
            reach: Vec::new(),
            domains: Domains::new(),
            engine: EngineOption::Auto,
            log: LogSettings::default(),
            execution: ExecutionConfig::default(),
            origins: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// What a node on this folder is set to; `variable` gives the environment. A folder without the file has the defaults.
    ///
    /// # Errors
    /// All that is wrong, one line each, with file, line and column or the variable.
    pub fn of(
        folder: &Path,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Settings, String> {
        let path = folder.join(FILE);
        let mut settings = Settings::default();
        let mut wrong = Vec::new();
        match read(&path) {
            Ok(None) => {}
            Ok(Some(text)) => settings.take_file(&path, &text, &mut wrong),
            Err(cause) => wrong.push(format!("cannot read {}: {cause}", path.display())),
        }
        for key in KEYS {
            let Some(name) = key.variable else { continue };
            let Some(text) = variable(name).filter(|text| !text.is_empty()) else {
                continue;
            };
            match (key.set)(&mut settings, Given::Text(&text)) {
                Ok(()) => {
                    settings.origins.insert(key.name, Origin::Variable(name));
                }
                Err(why) => wrong.push(format!("{name}={text}: {why}")),
            }
        }
        match wrong.is_empty() {
            true => Ok(settings),
            false => Err(wrong.join("\n")),
        }
    }

    /// Where a setting comes from.
    pub fn origin(&self, key: &Key) -> Origin {
        self.origins
            .get(key.name)
            .cloned()
            .unwrap_or(Origin::Default)
    }

    fn take_file(&mut self, path: &Path, text: &str, wrong: &mut Vec<String>) {
        let at = |start: usize| {
            let before = &text[..text.floor_char_boundary(start)];
            let line = before.matches('\n').count() + 1;
            let column = before
                .chars()
                .rev()
                .take_while(|letter| *letter != '\n')
                .count()
                + 1;
            (line, format!("{}:{line}:{column}", path.display()))
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let start = error.span().map_or(0, |span| span.start);
            wrong.push(format!(
                "{}: this is not TOML: {}",
                at(start).1,
                error.message()
            ));
        }
        for (name, value) in table.into_inner() {
            let Some(key) = Key::find(name.get_ref()) else {
                wrong.push(format!(
                    "{}: {}",
                    at(name.span().start).1,
                    unknown(name.get_ref())
                ));
                continue;
            };
            let (line, place) = at(value.span().start);
            match (key.set)(self, Given::Toml(value.get_ref())) {
                Ok(()) => {
                    let origin = Origin::File(path.to_owned(), line);
                    self.origins.insert(key.name, origin);
                }
                Err(why) => wrong.push(format!("{place}: `{}`: {why}", key.name)),
            }
        }
    }
}

/// What is said of a name that is no key.
pub fn unknown(name: &str) -> String {
    let names = KEYS.iter().map(|key| key.name);
    let near = names
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len() / 3);
    match near {
        Some((_, near)) => format!("there is no setting `{name}`; did you mean `{near}`?"),
        None => format!("there is no setting `{name}`; `copd config show` lists all"),
    }
}

fn read(path: &Path) -> io::Result<Option<String>> {
    let size = match std::fs::metadata(path) {
        Ok(file) => file.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if size > FILE_BYTES_MAX {
        return Err(io::Error::other(format!(
            "it has {size} bytes, at most {FILE_BYTES_MAX} are allowed"
        )));
    }
    std::fs::read_to_string(path).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, variables: &[(&str, &str)]) -> Result<Settings, String> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(FILE), text).expect("written");
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        };
        let path = folder.path().display().to_string();
        Settings::of(folder.path(), variable)
            .map_err(|wrong| wrong.replace(&format!("{path}/"), ""))
    }

    #[test]
    fn the_environment_wins_over_the_file_and_that_over_the_defaults() {
        let address = cop_runtime::Address::from_bytes([7; 20]);
        let text = format!(
            "# a node\nhttp = 8080\nengine = \"interpreter\"\ncache_mib = 8\nreach = [\"10.0.0.7:80\"]\n\n\
             [domains]\n\"shop.example.org\" = \"{address}/shop\"\n"
        );
        let settings =
            of(&text, &[("COP_ENGINE", "jit"), ("COP_SELF_CHECK", "0")]).expect("settings");
        assert_eq!(settings.http.map(|listen| listen.port), Some(8080));
        assert_eq!(settings.engine, EngineOption::Jit);
        assert_eq!(
            (
                settings.execution.cache_bytes,
                settings.execution.self_check
            ),
            (8 << 20, 0)
        );
        assert_eq!(settings.domains["shop.example.org"].1.as_str(), "shop");
        let origin = |name| settings.origin(Key::find(name).expect("a key")).to_string();
        assert!(
            origin("http").ends_with("node.toml:2"),
            "{}",
            origin("http")
        );
        assert_eq!(
            [origin("engine"), origin("workers")],
            ["COP_ENGINE", "default"]
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, expected) in [
            (
                "htpp = 80",
                "node.toml:1:1: there is no setting `htpp`; did you mean `http`?",
            ),
            (
                "a = 1\n",
                "node.toml:1:1: there is no setting `a`; `copd config show` lists all",
            ),
            (
                "http = 70000",
                "node.toml:1:8: `http`: `70000` is not a port (0 to 65535, 0 for a free one)",
            ),
            (
                "\nworkers = -1",
                "node.toml:2:11: `workers`: a whole number from 0 to 4096 is meant",
            ),
            (
                "engine = \"fast\"",
                "node.toml:1:10: `engine`: `auto`, `interpreter` or `jit` is meant",
            ),
            (
                "cache_mib = \"8\"",
                "node.toml:1:13: `cache_mib`: a whole number from 0 to 1048576 is meant",
            ),
            (
                "reach = \"x\"",
                "node.toml:1:9: `reach`: `x` is not an address with a port, such as 10.0.0.7:8080",
            ),
            (
                "[domains]\n\"Shop.example.org:80\" = \"a\"",
                "`domains`: `Shop.example.org:80` is not a host",
            ),
            (
                "[domains]\n\"shop.example.org\" = \"a\"",
                "`domains`: `shop.example.org` shows `ADDRESS/NAME`",
            ),
            ("http = ", "node.toml:1:8: this is not TOML"),
            (
                "redirect_to_https = 1",
                "node.toml:1:21: `redirect_to_https`: `true` or `false` is meant",
            ),
            (
                "tls = \"cert.pem\"",
                "node.toml:1:7: `tls`: tables [[tls]] with `certificate` and `key` are meant",
            ),
            (
                "[[tls]]\ncertificate = \"a\"",
                "`tls`: the certificate a has no `key`",
            ),
            (
                "[[tls]]\nkey = 1",
                "`tls`: `key`: a text in quotes is meant",
            ),
            (
                "[[tls]]\ncert = \"a\"",
                "`tls`: there is no `cert` there, only `certificate` and `key`",
            ),
        ] {
            let wrong = of(text, &[]).expect_err(text);
            assert!(wrong.contains(expected), "{text}: {wrong}");
        }
        let wrong = of("a = 1\nb = 2", &[("COP_SELF_CHECK", "x")]).expect_err("all of it");
        assert_eq!(wrong.lines().count(), 3, "{wrong}");
    }

    #[test]
    fn what_is_shown_is_what_is_read() {
        let settings =
            of("http = \"127.0.0.1:80\"\ncache_mib = 8\ntls = [{ certificate = \"a b\", key = \"c\" }]\n[domains]\n", &[]).expect("settings");
        let shown: String = KEYS
            .iter()
            .map(|key| format!("{} = {}\n", key.name, (key.shown)(&settings)))
            .collect();
        let again = of(&shown, &[]).unwrap_or_else(|wrong| panic!("{wrong}\n{shown}"));
        for key in KEYS {
            assert_eq!((key.shown)(&settings), (key.shown)(&again), "{}", key.name);
        }
    }
}
