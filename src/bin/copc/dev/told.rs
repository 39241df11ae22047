//! What `copc dev` tells of the node and of each request.

use std::sync::Arc;

use cop_gateway::{Answered, Live};
use cop_runtime::{Address, Cache, Execution, ProgramName, TrapReport};
use coputer::node::Node;

use super::done;
use super::folder::Folder;
use crate::arguments::DevOptions;
use crate::say;

/// Paths that are the node's own.
const RESERVED: &str = "/.well-known/coputer/";
/// Bytes of a path that are shown.
const PATH_SHOWN: usize = 120;

/// The terminal of an author.
pub struct Told {
    execution: Execution,
    live: Arc<Live>,
    is_quiet: bool,
}

impl Told {
    pub fn new(execution: Execution, live: Arc<Live>, options: &DevOptions) -> Told {
        Told {
            execution,
            live,
            is_quiet: options.quiet,
        }
    }

    /// What runs where.
    pub fn introduce(&self, node: &Node, folder: &Folder, program: &(Address, ProgramName)) {
        let (address, name) = program;
        say::out(&format!(
            "{}  {}\n",
            say::bold(name.as_str()),
            say::bold(&node.url())
        ));
        let blank = " ".repeat(name.as_str().len());
        say::out(&format!(
            "{blank}  http://{name}-{address}.{}/\n",
            node.public
        ));
        match folder {
            Folder::Own(_) => say::out("What it stores is gone at the end; --keep keeps it.\n"),
            Folder::Kept(path) => {
                say::out(&format!("What it stores is kept in {}.\n", path.display()));
            }
        }
        say::out(&format!(
            "COP_DATA={} lets `copc state` and `copc replay` look into it. Ctrl-C stops it.\n\n",
            folder.path().display()
        ));
    }

    /// One line for each request: status, what was asked, how long it took, what it cost; and below it the log of the run, and
    /// the trap that ended it.
    pub fn answered(&self, answered: &Answered<'_>) {
        if answered.path.starts_with(RESERVED) {
            return;
        }
        let is_well = answered.status < 500;
        if self.is_quiet && is_well {
            return;
        }
        let query = answered.query.map(|query| format!("?{query}"));
        let asked = format!("{}{}", answered.path, query.unwrap_or_default());
        let shown: String = asked
            .chars()
            .filter(|letter| !letter.is_control())
            .take(PATH_SHOWN)
            .collect();
        let cost = match answered.run {
            Some(run) if run.cache == Cache::Hit => "cached".to_owned(),
            Some(run) => format!("{} fuel", say::count(run.fuel_used)),
            None => answered.failure.unwrap_or_default().to_owned(),
        };
        let mut text = format!(
            "{}  {} {shown}  {:.1} ms  {cost}\n",
            match answered.status {
                ..400 => done(true, &answered.status.to_string()),
                400..500 => say::bold(&answered.status.to_string()),
                _ => done(false, &answered.status.to_string()),
            },
            answered.method,
            answered.time.as_secs_f64() * 1000.0,
        );
        if let Some(run) = answered.run.filter(|run| run.cache == Cache::Miss)
            && let Some(kept) = self.execution.kept_run(&run.run)
        {
            for line in kept.record.log.lines() {
                text.push_str(&format!("     {line}\n"));
            }
        }
        if let Some(trap) = answered.trap {
            text.push_str(&self.trap(trap));
        }
        if let (Some(run), false) = (answered.run, is_well) {
            text.push_str(&format!("     `copc replay {}` does it again\n", run.run));
        }
        say::out(&text);
    }

    fn trap(&self, trap: &TrapReport) -> String {
        let mut text = format!("     {}: {}\n", say::red(&trap.name), trap.message);
        if let (Some(file), Some(line), Some(column)) = (&trap.file, trap.line, trap.column) {
            text.push_str(&format!("     at {file}:{line}:{column}\n"));
            text.push_str(&self.live.excerpt(file, line, column).unwrap_or_default());
        }
        text
    }
}
