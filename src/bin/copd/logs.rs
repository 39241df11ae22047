//! `copd logs`, `copd events` and `copd log-level`: what happens on a node that runs.

use std::time::Duration;

use cop_gateway::journal::{Kind, Level};
use coputer::client::ClientError;
use serde_json::{Value, json};

use crate::arguments::{LogsOptions, LookOptions};
use crate::look::{client, told};
use crate::say::{say, warn};

/// How long is waited before the node is asked again, at first and at most.
const AGAIN_FIRST: Duration = Duration::from_millis(200);
const AGAIN_MAX: Duration = Duration::from_secs(5);

/// Shows what happened, and goes on with what happens if that is wanted. Events leave out what comes with each request.
///
/// # Errors
/// A message for the operator: the node does not run, or refuses.
pub async fn logs(options: &LogsOptions, with_traffic: bool) -> Result<(), String> {
    let query = query(options, with_traffic);
    let past = format!("{query}&count={}", options.count);
    let past = client(&options.look)?.events(&past).await.map_err(told)?;
    for event in &past.events {
        show(event, options.look.json);
    }
    match options.follow {
        true => follow(options, &query, past.cursor).await,
        false => Ok(()),
    }
}

fn query(options: &LogsOptions, with_traffic: bool) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let wanted = |kind: &&Kind| with_traffic || !kind.is_traffic();
    let kinds: Vec<_> = match options.kind.is_empty() {
        true => Kind::ALL.iter().filter(wanted).collect(),
        false => options.kind.iter().collect(),
    };
    let kinds: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
    query.append_pair("kind", &kinds.join(","));
    if let Some(level) = options.level {
        query.append_pair("level", level.as_str());
    }
    if let Some(program) = &options.program {
        query.append_pair("program", program);
    }
    query.finish()
}

/// Goes on until it is interrupted. A node that went away is asked again, also where it listens elsewhere now.
async fn follow(options: &LogsOptions, query: &str, mut cursor: String) -> Result<(), String> {
    let mut pause = AGAIN_FIRST;
    loop {
        let followed = match client(&options.look) {
            Ok(client) => client.follow(query, &cursor).await,
            Err(why) => Err(ClientError::NotRunning(why)),
        };
        match followed {
            Ok(mut events) => {
                while let Some(event) = events.next().await {
                    pause = AGAIN_FIRST;
                    cursor.clone_from(&event.id);
                    let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
                    match event.kind == "gap" {
                        true => warn(&format!(
                            "something is missing here: {}",
                            data["why"].as_str().unwrap_or("the node does not say why")
                        )),
                        false => show(&data, options.look.json),
                    }
                }
            }
            Err(ClientError::Refused(problem)) => {
                return Err(told(ClientError::Refused(problem)));
            }
            // It may come back.
            Err(_) => {}
        }
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(AGAIN_MAX);
    }
}

fn show(event: &Value, json: bool) {
    if json {
        return say!("{event}");
    }
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let color = match text("level") {
        "error" => "\x1b[1;31m",
        "warn" => "\x1b[1;33m",
        _ => "",
    };
    let end = if color.is_empty() { "" } else { "\x1b[0m" };
    let of = match text("program").split_once('/') {
        Some((_, name)) => format!("  {name}"),
        None => String::new(),
    };
    let figures = match (event["time_us"].as_u64(), event["cache"].as_str()) {
        (Some(us), Some(cache)) => format!("  {us} us, {cache}"),
        (Some(us), None) => format!("  {us} us"),
        _ => String::new(),
    };
    say!(
        "{}  {color}{:<5}{end}  {:<12}  {}{of}{figures}",
        text("time"),
        text("level"),
        text("kind"),
        plain(text("text"))
    );
}

/// Without what moves the cursor: some of it was written by strangers.
fn plain(text: &str) -> String {
    let each = |letter: char| match letter.is_control() {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    text.chars().map(each).collect()
}

/// Tells or changes what the node prints.
///
/// # Errors
/// As [`logs`].
pub async fn level(level: Option<Level>, options: &LookOptions) -> Result<(), String> {
    let level = level.map(Level::as_str);
    let now = client(options)?.log_level(level).await.map_err(told)?;
    match options.json {
        true => say!("{:#}", json!({ "level": now })),
        false => say!("{now}"),
    }
    Ok(())
}
