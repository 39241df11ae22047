//! `copd config`: what a node is set to, where that comes from, and what each setting means.

use std::path::PathBuf;

use clap::CommandFactory;
use coputer::node_file::default_data_dir;
use coputer::settings::{FILE, KEYS, Key, Settings, unknown};
use coputer::tls;
use serde_json::{Value, json};

use crate::Arguments;
use crate::arguments::ConfigCommand;
use crate::say::say;

/// Shows, checks or explains settings.
///
/// # Errors
/// A message for the operator: what is wrong with them.
pub fn config(command: &ConfigCommand) -> Result<(), String> {
    match command {
        ConfigCommand::Show { data, origin, json } => show(data.clone(), *origin, *json),
        ConfigCommand::Check { data } => {
            let folder = folder(data.clone())?;
            let settings = of(&folder)?;
            if let Some((_, doubts)) = tls::load(&settings, &folder)?
                && !doubts.is_empty()
            {
                return Err(doubts.join("\n"));
            }
            match folder.join(FILE).exists() {
                true => say!("{} is in order", folder.join(FILE).display()),
                false => say!(
                    "{} is not there: all settings have their defaults",
                    folder.join(FILE).display()
                ),
            }
            Ok(())
        }
        ConfigCommand::Explain { key } => explain(key),
    }
}

/// The settings of the node on a folder, in this environment.
///
/// # Errors
/// What is wrong with them.
pub fn of(folder: &std::path::Path) -> Result<Settings, String> {
    Settings::of(folder, |name| std::env::var(name).ok())
}

fn folder(data: Option<PathBuf>) -> Result<PathBuf, String> {
    data.or_else(default_data_dir).ok_or_else(|| {
        "there is no home folder for the node's settings; name its data folder with --data DIR"
            .to_owned()
    })
}

fn show(data: Option<PathBuf>, origin: bool, json: bool) -> Result<(), String> {
    let settings = of(&folder(data)?)?;
    if json {
        let rows = KEYS.iter().map(|key| {
            let row = json!({ "value": (key.shown)(&settings), "origin": settings.origin(key).to_string() });
            (key.name.to_owned(), row)
        });
        say!("{:#}", Value::Object(rows.collect()));
        return Ok(());
    }
    for key in KEYS {
        let line = format!("{} = {}", key.name, (key.shown)(&settings));
        match origin {
            true => say!("{line:<34} # {}", settings.origin(key)),
            false => say!("{line}"),
        }
    }
    Ok(())
}

/// Whether `copd start` takes a flag of that name.
fn starts_with(flag: &str) -> bool {
    let command = Arguments::command();
    let start = command.find_subcommand("start");
    start.is_some_and(|start| {
        start
            .get_arguments()
            .any(|one| one.get_long() == Some(flag))
    })
}

fn explain(name: &str) -> Result<(), String> {
    let key = Key::find(name).ok_or_else(|| unknown(name))?;
    say!("{}: {}", key.name, key.about);
    say!("default   {}", (key.shown)(&Settings::default()));
    say!("file      {FILE} in the node's folder: {} = …", key.name);
    if let Some(variable) = key.variable {
        say!("variable  {variable}");
    }
    let flag = key.name.replace('_', "-");
    if starts_with(&flag) {
        say!("flag      --{flag}");
    }
    Ok(())
}
