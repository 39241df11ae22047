//! `copc cache`: what the node on this machine remembers of a program, and what keeps it from remembering more.

use coputer::client::{ClosedQuestion, Remembered};
use serde_json::json;

use crate::arguments::CacheOptions;
use crate::ended::{Complaint, Ended, print};
use crate::node;
use crate::say;
use crate::state::find;

/// Tells what is remembered.
pub fn cache(options: &CacheOptions) -> Result<Ended, Complaint> {
    let place = &options.place;
    let remembered = node::block_on(async {
        let (node, program) = find(&options.program, &place.node).await?;
        Ok::<_, Complaint>(node.remembered(&program).await?)
    })?;
    if place.json {
        print(&json!({ "ok": true, "cache": remembered }));
    } else {
        say::out(&as_text(&remembered));
    }
    Ok(Ended::Well)
}

fn as_text(remembered: &Remembered) -> String {
    let asked = remembered.hits + remembered.misses;
    let percent = (remembered.hits * 100).checked_div(asked).unwrap_or(0);
    let mut text = format!(
        "release {}: {} of {asked} requests were answered from memory ({percent} %) since the node was started\n",
        remembered.release, remembered.hits
    );
    text.push_str(&format!(
        "{} outcomes behind {} questions and answers, {}; on disk {}, {}\n",
        remembered.outcomes,
        remembered.places,
        say::size(remembered.bytes),
        remembered.stored_outcomes,
        say::size(remembered.stored_bytes)
    ));
    for closed in &remembered.closed {
        text.push_str(&format!("  {}\n", told(closed)));
    }
    text
}

fn told(closed: &ClosedQuestion) -> String {
    let why = match closed.repeats.as_str() {
        "never" => "never has the same answer twice",
        _ => "hardly ever has the same answer twice",
    };
    format!(
        "{} {why}: nothing is remembered below it ({} came by)",
        say::bold(&closed.question),
        closed.visits
    )
}
