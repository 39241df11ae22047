//! What is worth writing down: a closed table.

use std::fmt;
use std::str::FromStr;

/// How much something matters; a lower one is told wherever a higher one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// The node cannot do what it is there for.
    Error,
    /// Somebody should look at it.
    Warn,
    /// Something changed.
    Info,
    /// Each request, and what programs log.
    Debug,
}

impl Level {
    /// All, the gravest first.
    pub const ALL: [Level; 4] = [Level::Error, Level::Warn, Level::Info, Level::Debug];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Level, String> {
        let found = Level::ALL.iter().find(|level| level.as_str() == text);
        found
            .copied()
            .ok_or_else(|| format!("`{text}` is no level: error, warn, info or debug is meant"))
    }
}

macro_rules! kinds {
    ($($name:ident $text:literal $level:ident $meaning:literal;)*) => {
        /// What kind of thing happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $(#[doc = $meaning] $name,)* }

        impl Kind {
            /// All kinds, in the order of the table.
            pub const ALL: &[Kind] = &[$(Kind::$name),*];

            /// Its name.
            pub fn as_str(self) -> &'static str {
                match self { $(Kind::$name => $text),* }
            }

            /// How much it matters.
            pub fn level(self) -> Level {
                match self { $(Kind::$name => Level::$level),* }
            }

            /// What it means, for people.
            pub fn meaning(self) -> &'static str {
                match self { $(Kind::$name => $meaning),* }
            }
        }
    };
}

kinds! {
    Started "started" Info "the node takes requests";
    Stopping "stopping" Info "the node was told to stop";
    Published "published" Info "a release was stored";
    RolledBack "rolled_back" Info "a release was stored whose bundle an earlier one had";
    PublishRefused "publish_refused" Warn "a release was not stored";
    Undone "undone" Info "a commit of a program's state was undone";
    Imported "imported" Info "a program's state was replaced by one on file";
    BackedUp "backed_up" Info "a backup was made";
    LogLevel "log_level" Info "the level of the log was changed";
    Trapped "trapped" Warn "a run ended with a trap";
    Limit "limit" Warn "a request was refused or cut off by a limit";
    Failed "failed" Error "a request failed by a defect of the node or its disk";
    StoreFailed "store_failed" Error "the store takes no writes any more";
    Differed "differed" Error "runs that were told the same did not do the same";
    Request "request" Debug "an answer of the gateway";
    Log "log" Debug "a line that a program logged";
}

impl Kind {
    /// Whether it comes with each request: such records are made only while somebody wants them, and kept apart.
    pub fn is_traffic(self) -> bool {
        matches!(self, Kind::Request | Kind::Log)
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Kind, String> {
        let found = Kind::ALL.iter().find(|kind| kind.as_str() == text);
        found.copied().ok_or_else(|| {
            let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
            format!("`{text}` is no kind of event: {}", names.join(", "))
        })
    }
}
