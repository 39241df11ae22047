//! `copd status`, `copd programs`, `copd runs` and `copd ui`: a node that runs, looked at from this machine.

use std::path::PathBuf;

use cop_gateway::calendar;
use coputer::client::{ClientError, ListedRun, NodeClient};
use coputer::node_file::{NodeFile, TOKEN_FILE, default_data_dir};
use serde_json::{Value, json};

use crate::arguments::{LookOptions, RunsOptions};
use crate::say::say;

fn folder(options: &LookOptions) -> Result<PathBuf, String> {
    let folder = options.data.clone().or_else(default_data_dir);
    folder.ok_or_else(|| {
        "there is no home folder to find the node in; name its data folder with --data DIR"
            .to_owned()
    })
}

/// The node that is looked at.
pub fn client(options: &LookOptions) -> Result<NodeClient, String> {
    NodeClient::of_folder(&folder(options)?, None).map_err(told)
}

/// Why it could not be.
pub fn told(error: ClientError) -> String {
    match error {
        ClientError::NotRunning(why) => {
            format!("{why}; --data DIR names the folder of another node")
        }
        error => error.to_string(),
    }
}

/// Whether the node works, and its figures.
///
/// # Errors
/// A message for the operator: the node does not run, or does not answer.
pub async fn status(options: &LookOptions) -> Result<(), String> {
    let health = client(options)?.health().await.map_err(told)?;
    if options.json {
        say!("{health:#}");
        return Ok(());
    }
    let number = |name: &str| health[name].as_u64().unwrap_or_default();
    let text = |name: &str| health[name].as_str().unwrap_or("?").to_owned();
    let answers = number("cache_hits") + number("cache_misses");
    let hits = match answers {
        0 => "none yet".to_owned(),
        _ => format!(
            "{answers}, {} % of them from the cache",
            number("cache_hits") * 100 / answers
        ),
    };
    let writes = match health["writable"] {
        Value::Bool(true) => "takes writes",
        _ => "takes no writes: look at what it printed, make the disk right, start it again",
    };
    say!(
        "{}, serves http://{}/, {writes}",
        text("node"),
        text("public")
    );
    say!(
        "programs   {} of {} publishers, {} KiB in the store",
        number("programs"),
        number("publishers"),
        number("store_bytes") / 1024
    );
    say!("answers    {hits}");
    say!(
        "runs       {}, {} trapped, {} running, {} queued, {} refused",
        number("runs"),
        number("traps"),
        number("running"),
        number("queued"),
        number("refused")
    );
    say!(
        "engine     {}, {} functions compiled",
        text("engine"),
        number("compiled_functions")
    );
    if number("disagreements") > 0 {
        say!(
            "warning    two runs that were told the same came out differently, {} times: please report it",
            number("disagreements")
        );
    }
    Ok(())
}

/// What is published.
///
/// # Errors
/// As [`status`].
pub async fn programs(options: &LookOptions) -> Result<(), String> {
    let programs = client(options)?.programs().await.map_err(told)?;
    if options.json {
        say!("{:#}", json!({ "programs": programs }));
        return Ok(());
    }
    if programs.is_empty() {
        say!("nothing is published here yet; copc publish does");
    }
    for program in programs {
        say!(
            "{:<20}  release {:<4}  {:<8}  {:>8} bytes stored  {}",
            program.name,
            program.release,
            program.kind,
            program.state_bytes,
            program.address
        );
    }
    Ok(())
}

/// The last runs, newest first.
///
/// # Errors
/// As [`status`].
pub async fn runs(options: &RunsOptions) -> Result<(), String> {
    // The node is asked for as many as it lists at most: what is filtered out must not count.
    let all = match (&options.program, options.failed) {
        (None, false) => options.count,
        _ => 1024,
    };
    let runs = client(&options.look)?.last_runs(all).await.map_err(told)?;
    let is_meant = |run: &&ListedRun| {
        let is_failed = run.trap.is_some() || run.status.is_some_and(|status| status >= 500);
        (options.program.is_none() || options.program == run.name) && (!options.failed || is_failed)
    };
    let runs: Vec<_> = runs
        .iter()
        .filter(is_meant)
        .take(options.count as usize)
        .collect();
    if options.look.json {
        say!("{:#}", json!({ "runs": runs }));
        return Ok(());
    }
    if runs.is_empty() {
        say!("no run of this kind is remembered");
    }
    for run in runs {
        let came_out = match (&run.trap, run.status) {
            (Some(trap), _) => trap.clone(),
            (None, Some(status)) => status.to_string(),
            (None, None) => "-".to_owned(),
        };
        let program = match (&run.name, run.release) {
            (Some(name), Some(release)) => format!("{name}@{release}"),
            _ => format!("b3/{}", run.bundle),
        };
        say!(
            "{}  {}  {came_out:<5} {:<4} {:>12} fuel  {program}  {}",
            calendar::second(u64::try_from(run.at_ms).unwrap_or_default()),
            run.run,
            run.cache,
            run.fuel_used,
            run.request
        );
    }
    Ok(())
}

/// The link to the node's page, with the owner's token: whoever has it can do what the owner can.
///
/// # Errors
/// As [`status`].
pub async fn ui(options: &LookOptions) -> Result<(), String> {
    let folder = folder(options)?;
    // A node that was killed left its file; this one answers.
    client(options)?.health().await.map_err(told)?;
    let path = folder.join(TOKEN_FILE);
    let node = NodeFile::read(&folder)
        .map_err(|error| format!("cannot read where the node listens: {error}"))?;
    let token = std::fs::read_to_string(&path)
        .map_err(|error| format!("cannot read the node's token {}: {error}", path.display()))?;
    let link = format!("{}/ui/#token={}", node.management, token.trim());
    match options.json {
        true => say!("{:#}", json!({ "url": link })),
        false => say!("{link}"),
    }
    Ok(())
}
