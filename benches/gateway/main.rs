//! What a request costs a node, beside a bare server of hyper: `cargo bench --bench gateway`. `docs/performance.md` says what the
//! figures mean.
//!
//! ```text
//! cargo bench --bench gateway -- [--rounds N] [--seconds S] [json|hit|rows|asset|overload …]
//! ```
//!
//! Server and client have a core each, over loopback, with connections that are kept. What is compared is the server's processor
//! time for one request, in turns with the reference; medians of the rounds. The reference for static files is nginx where it is
//! installed, else hyper with the file in memory.

mod client;
mod overload;
mod reference;
mod servers;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use client::Load;
use servers::{Copd, Server};

/// As in `copd`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Connections of the client.
const CONNECTIONS: usize = 32;
/// Bytes of the asset.
const ASSET_BYTES: usize = 100 * 1024;

/// What is measured, in this order if nothing is named.
const ALL: [&str; 5] = ["json", "hit", "rows", "asset", "overload"];

struct Wanted {
    rounds: usize,
    time: Duration,
    names: Vec<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|one| one != "--bench")
        .collect();
    if let [flag, page] = arguments.as_slice()
        && flag == "--serve"
    {
        return ended(reference::serve(page));
    }
    ended(wanted(&arguments).and_then(|wanted| measure(&wanted)))
}

fn ended(done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn wanted(arguments: &[String]) -> Result<Wanted, String> {
    let mut wanted = Wanted {
        rounds: 5,
        time: Duration::from_secs(1),
        names: Vec::new(),
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || {
            let text = rest.next().ok_or("a number is missing")?;
            text.parse::<usize>()
                .map_err(|_| format!("`{text}` is not a number"))
        };
        match argument.as_str() {
            "--rounds" => wanted.rounds = number()?.max(1),
            "--seconds" => wanted.time = Duration::from_secs(number()? as u64),
            name if ALL.contains(&name) => wanted.names.push(name.to_owned()),
            other => return Err(format!("`{other}` is none of {}", ALL.join(", "))),
        }
    }
    if wanted.names.is_empty() {
        wanted.names = ALL.map(str::to_owned).to_vec();
    }
    Ok(wanted)
}

fn measure(wanted: &Wanted) -> Result<(), String> {
    servers::stay_on(1)?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let asset = folder.path().join("asset.bin");
    std::fs::write(&asset, reference::asset()).map_err(|error| error.to_string())?;
    let off = Copd::start(
        &folder.path().join("off"),
        "cache_mib = 0\nself_check = 0\n",
    )?;
    let on = Copd::start(&folder.path().join("on"), "self_check = 0\n")?;
    println!(
        "processor time of the server for one request, in µs, {CONNECTIONS} connections, medians of {} rounds",
        wanted.rounds
    );
    for name in &wanted.names {
        match name.as_str() {
            "json" => compare(
                wanted,
                "small JSON page, run each time",
                1.6,
                &off,
                "json",
                "/",
                &hyper("json")?,
            )?,
            "hit" => compare(
                wanted,
                "the same from the cache",
                1.2,
                &on,
                "json",
                "/",
                &hyper("json")?,
            )?,
            "rows" => compare(
                wanted,
                "page of 200 rows, run each time",
                1.8,
                &off,
                "rows",
                "/",
                &hyper("rows")?,
            )?,
            "asset" => compare(
                wanted,
                "asset of 100 KB",
                1.3,
                &on,
                "json",
                "/assets/asset.bin",
                &file_server(&asset)?,
            )?,
            _ => overload::measure(&off)?,
        }
    }
    Ok(())
}

fn hyper(page: &str) -> Result<Server, String> {
    Server::reference(page)
}

fn file_server(asset: &Path) -> Result<Server, String> {
    match Server::nginx(asset)? {
        Some(nginx) => Ok(nginx),
        None => hyper("asset"),
    }
}

fn compare(
    wanted: &Wanted,
    what: &str,
    target: f64,
    copd: &Copd,
    program: &str,
    path: &str,
    reference: &Server,
) -> Result<(), String> {
    let ours = Load::new(copd.server.at, &copd.host(program), path)?;
    let theirs = Load::new(reference.at, "reference", "/")?;
    if ours.body()? != theirs.body()? {
        return Err(format!("{what}: the two answers differ"));
    }
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for round in 0..=wanted.rounds {
        let time = |server: &Server, load: &Load| {
            let before = server.processor_time()?;
            let done = load.run(CONNECTIONS, wanted.time)?;
            let spent = server.processor_time()? - before;
            Ok::<f64, String>(spent.as_secs_f64() * 1e6 / done as f64)
        };
        let (our, their) = (time(&copd.server, &ours)?, time(reference, &theirs)?);
        // The first round is for what is compiled, cached and allocated once.
        if round > 0 {
            our_times.push(our);
            their_times.push(their);
        }
    }
    let (our, their) = (median(our_times), median(their_times));
    println!(
        "{what:<34} copd {our:6.2}   {} {their:6.2}   {:.2} × (at most {target})",
        reference.name,
        our / their
    );
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
