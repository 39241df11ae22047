//! Probes of HTTP/1.1: requests that are not, that hide others, or that reach for what is not theirs.
//!
//! Expected are the statuses of all answers, in order. `close`: the node closes the connection after them. Where it does not, one
//! more request is sent, and its answer must be the very next: nothing of what was sent may be taken for a request that it is not.

use std::io::{Read, Write};

use super::probe::{Probe, Probes, bytes};
use super::target::Target;

/// Sent after all else.
const LAST: &str = "/the-very-last";

/// Tries all probes of a file, each on a connection of its own.
fn attack(name: &str, at_least: usize) {
    let target = Target::new();
    let probes = Probes::read(name, &target);
    let watch = target.watch();
    let wrong: Vec<String> = probes
        .all
        .iter()
        .filter_map(|probe| tried(&target, probe).err())
        .map(|why| format!("{name}:{why}"))
        .collect();
    let what = format!("{name}, {} probes", probes.all.len());
    watch.print(&what, &probes.limit, false);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(probes.all.len() >= at_least, "{what}");
    assert_eq!(target.node.interrupt().0, Some(0));
}

#[test]
fn requests_that_hide_others() {
    attack("smuggling.txt", 45);
}

#[test]
fn requests_that_are_not() {
    attack("parsing.txt", 35);
}

#[test]
fn requests_that_are_too_large() {
    attack("sizes.txt", 15);
}

#[test]
fn paths_that_lead_elsewhere() {
    attack("paths.txt", 35);
}

#[test]
fn answers_that_hide_others() {
    attack("answers.txt", 20);
}

#[test]
fn hosts_that_are_someone_elses() {
    attack("hosts.txt", 15);
}

/// Tries one probe; what went otherwise than expected, with its line.
fn tried(target: &Target, probe: &Probe) -> Result<(), String> {
    let closes = probe.words.iter().any(|word| word == "close");
    let statuses: Vec<&String> = probe.words.iter().filter(|word| *word != "close").collect();
    let mut sent = bytes(&probe.text);
    if !closes {
        let last = format!(
            "GET {LAST} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            target.own
        );
        sent.extend_from_slice(last.as_bytes());
    }
    let mut stream = target.connect();
    // The node may have seen enough before it has read all.
    let _ = stream.write_all(&sent);
    let mut read = Vec::new();
    let ended = stream.read_to_end(&mut read);
    let told = |why: String| {
        Err(format!(
            "{}: {why}\n  expected {:?}\n  got {:?}",
            probe.line,
            probe.words,
            String::from_utf8_lossy(&read[..read.len().min(2000)])
        ))
    };
    if let Err(error) = ended {
        return told(format!("the connection stays open: {error}"));
    }
    let mut answers = match answers(&read, probe.text.starts_with("HEAD ")) {
        Ok(answers) => answers,
        Err(why) => return told(why),
    };
    if !closes {
        let last = answers.pop();
        if !last.is_some_and(|(status, text)| status == "200" && text.contains(LAST)) {
            return told("the request behind it is not answered".to_owned());
        }
    }
    if !answers
        .iter()
        .map(|(status, _)| status)
        .eq(statuses.iter().copied())
    {
        return told("other answers".to_owned());
    }
    let last = answers.last().map_or("", |(_, text)| text);
    if let Some(missing) = probe.says.iter().find(|part| !last.contains(part.as_str())) {
        return told(format!("`{missing}` is not in the answer"));
    }
    match probe
        .says_not
        .iter()
        .find(|part| last.contains(part.as_str()))
    {
        Some(found) => told(format!("`{found}` is in the answer")),
        None => Ok(()),
    }
}

/// The answers that these bytes are, each with its status; all of it, head and body.
fn answers(mut bytes: &[u8], first_is_head: bool) -> Result<Vec<(String, String)>, String> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.ok_or("an answer without the end of its head")? + 4;
        let head =
            String::from_utf8(bytes[..end].to_vec()).map_err(|_| "a head that is no text")?;
        let status = head.strip_prefix("HTTP/1.1 ").ok_or("no status line")?[..3].to_owned();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let is_bare = (first_is_head && answers.is_empty())
            || matches!(status.as_str(), "100" | "204" | "304");
        let length = match (is_bare, length) {
            (true, _) => 0,
            (false, Some(length)) => length.parse().map_err(|_| "a length that is none")?,
            (false, None) => return Err("an answer without a length".to_owned()),
        };
        let whole = bytes
            .get(..end + length)
            .ok_or("an answer that is cut off")?;
        answers.push((status, String::from_utf8_lossy(whole).into_owned()));
        bytes = &bytes[end + length..];
    }
    Ok(answers)
}
