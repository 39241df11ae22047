//! Probes of HTTP/2: frames that are none, that come in the wrong order, or that come for ever.
//!
//! What is sent is a list of frames, behind the preface and an empty `settings` frame:
//!
//! ```text
//! KIND STREAM FLAGS PAYLOAD ; KIND …        N*( … ; … )
//! ```
//!
//! `+` is a new stream, `=` the latest. Flags are `es` (ends the stream), `eh` (ends the header block), `ack`, joined by `,`, or `-`. A payload is text, as in the
//! other probes, or a header block: `[get x-a=b]` has the headers of a `GET` and one more; `[]` has none. `raw TEXT` is sent as it is.
//!
//! Expected are, in any order: `STREAM=STATUS`, `rst:STREAM=CODE`, `goaway=CODE`, `closed` (without more words), and `alive`: a request on another stream is
//! answered afterwards. `?WORD` may come or not.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;

use super::frames::{PREFACE, Read, frame, header, kind};
use super::probe::{Probe, Probes, bytes};
use super::target::Target;

/// The stream of the request that shows that a connection lives.
const ALIVE: u32 = 1_000_001;

#[test]
fn frames_that_are_not() {
    let target = Target::new();
    let probes = Probes::read("http2.txt", &target);
    let watch = target.watch();
    let wrong: Vec<String> = probes
        .all
        .iter()
        .filter_map(|probe| tried(&target, probe).err())
        .collect();
    let what = format!("http2.txt, {} probes", probes.all.len());
    watch.print(&what, &probes.limit, false);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(probes.all.len() >= 40, "{what}");
    assert_eq!(target.node.interrupt().0, Some(0));
}

/// Tries one probe; what went otherwise than expected, with its line.
fn tried(target: &Target, probe: &Probe) -> Result<(), String> {
    let lives = probe.words.iter().any(|word| word == "alive");
    let mut stream = target.connect();
    // A client that keeps no table for headers.
    let mut sent = [PREFACE, &frame(kind("settings"), 0, 0, &[0, 1, 0, 0, 0, 0])].concat();
    sent.extend(
        Frames {
            target,
            latest: u32::MAX,
        }
        .all(&probe.text),
    );
    if lives {
        let get = Frames { target, latest: 0 }.block("get");
        sent.extend(frame(kind("headers"), 5, ALIVE, &get));
    }
    // The node may have seen enough before it has read all.
    let _ = stream.write_all(&sent);
    if !lives {
        // What is not ended by the node must end with this, or the probe waits for ever.
        let _ = stream.shutdown(Shutdown::Write);
    }
    let alive = format!("{ALIVE}=200");
    let must = probe
        .words
        .iter()
        .filter(|word| !word.starts_with('?') && !matches!(word.as_str(), "alive" | "closed"));
    let expected: Vec<String> = must.cloned().chain(lives.then(|| alive.clone())).collect();
    let mut read = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => read.extend_from_slice(&piece[..count]),
            _ => break,
        }
        if lives
            && read_words(&read)
                .iter()
                .filter(|word| expected.contains(word))
                .count()
                == expected.len()
        {
            break;
        }
    }
    let words = read_words(&read);
    let told = |why: String| {
        Err(format!(
            "http2.txt:{}: {why}\n  expected {:?}\n  got {words:?}",
            probe.line, probe.words
        ))
    };
    if let Some(missing) = expected.iter().find(|word| !words.contains(word)) {
        return told(format!("no {missing}"));
    }
    let may = |word: &String| {
        probe.words.contains(word)
            || probe.words.contains(&format!("?{word}"))
            || *word == format!("{ALIVE}=200")
    };
    match words.iter().find(|word| !may(word)) {
        Some(word) => told(format!("{word} is not expected")),
        None => Ok(()),
    }
}

/// What these bytes say, each once; that the node ends a connection because we do is no answer.
fn read_words(read: &[u8]) -> Vec<String> {
    let mut words: Vec<String> = Read::all(read).iter().filter_map(Read::word).collect();
    words.sort();
    words.dedup();
    words.retain(|word| word != "goaway=0");
    words
}

/// Frames from their texts.
struct Frames<'a> {
    target: &'a Target,
    latest: u32,
}

impl Frames<'_> {
    fn all(&mut self, text: &str) -> Vec<u8> {
        let mut all = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let repeated = rest
                .split_once("*(")
                .filter(|(count, _)| count.trim().parse::<usize>().is_ok());
            if let Some((count, after)) = repeated {
                let (inner, after) = after.split_once(')').expect("a bracket that ends");
                for _ in 0..count.trim().parse::<usize>().expect("a number") {
                    all.extend(self.all(inner));
                }
                rest = after.trim_start().trim_start_matches(';').trim_start();
                continue;
            }
            let (one, after) = rest.split_once(';').unwrap_or((rest, ""));
            all.extend(self.one(one.trim()));
            rest = after.trim_start();
        }
        all
    }

    fn one(&mut self, text: &str) -> Vec<u8> {
        if let Some(raw) = text.strip_prefix("raw ") {
            return bytes(raw);
        }
        let mut words = text.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (name, stream, flags, payload) = (word(), word(), word(), word());
        let stream = match stream {
            "+" => {
                self.latest = self.latest.wrapping_add(2);
                self.latest
            }
            "=" => self.latest,
            number => number
                .parse()
                .unwrap_or_else(|_| panic!("`{text}` has no stream")),
        };
        let flags = flags.split(',').map(|flag| match flag {
            "es" | "ack" => 1,
            "eh" => 4,
            "padded" => 8,
            "priority" => 32,
            "-" | "" => 0,
            other => panic!("`{other}` is no flag"),
        });
        let payload = match payload.strip_prefix('[') {
            Some(block) => self.block(block.strip_suffix(']').expect("a block that ends")),
            None => bytes(payload),
        };
        frame(kind(name), flags.sum(), stream, &payload)
    }

    fn block(&self, text: &str) -> Vec<u8> {
        let mut block = Vec::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match word {
                "get" | "post" => {
                    let method = word.to_ascii_uppercase();
                    block.extend(header(":method", method.as_bytes()));
                    block.extend(header(":scheme", b"http"));
                    block.extend(header(":authority", self.target.own.as_bytes()));
                    block.extend(header(":path", b"/"));
                }
                other => {
                    let text = bytes(other);
                    let equals = text
                        .iter()
                        .skip(1)
                        .position(|byte| *byte == b'=')
                        .expect("name=value")
                        + 1;
                    let name = String::from_utf8_lossy(&text[..equals]).into_owned();
                    block.extend(header(&name, &text[equals + 1..]));
                }
            }
        }
        block
    }
}
