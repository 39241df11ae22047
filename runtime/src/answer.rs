//! What goes in and comes out of a run, in the words of the layers above: a web request, its answer, and what is known of the
//! run that made it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::address::{Address, ProgramName};
use crate::receipt::asked::{GivenReceipt, ReceiptWanted};
use cop_bytecode::Hash;

/// One run, named by 16 random bytes, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub [u8; 16]);

impl fmt::Display for RunId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every answer carries it, so the digits are not formatted one by one.
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        out.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for RunId {
    type Err = String;

    fn from_str(text: &str) -> Result<RunId, String> {
        let wrong =
            || format!("a run id has 32 hexadecimal digits in lower case, this is {text:?}");
        if text.len() != 32 || !text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(wrong());
        }
        let mut bytes = [0; 16];
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).map_err(|_| wrong())?;
        }
        Ok(RunId(bytes))
    }
}

/// Which program is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramRef {
    /// What a publisher published under a name: the newest release, or exactly this one.
    Named {
        /// The publisher.
        address: Address,
        /// The name.
        name: ProgramName,
        /// A release number, if the URL pins one.
        release: Option<u64>,
    },
    /// Exactly this bundle. It runs without state: capabilities are refused with `denied`.
    Pinned(Hash),
}

/// A request as the gateway read it: bytes only, nothing decided yet.
///
/// Everything a program may see of it is made canonical here in `runtime`, so that two gateways answer the same HTTP bytes
/// alike.
#[derive(Clone, Debug)]
pub struct WebRequest {
    /// The method as sent.
    pub method: Vec<u8>,
    /// Path and query after the program's prefix, as sent, such as `/notes?page=2`.
    pub target: Vec<u8>,
    /// Header names and values as sent, in order.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body after transfer and content decoding.
    pub body: Bytes,
    /// Whether the program may see cookies. False where it shares an origin with others.
    pub cookies_visible: bool,
    /// When the answer is of no more use. It can only refuse, never change an outcome.
    pub deadline: Option<Instant>,
    /// A receipt is wanted.
    pub receipt: Option<ReceiptWanted>,
}

impl WebRequest {
    /// A `GET` of this target without headers or body, with cookies visible and no deadline.
    pub fn get(target: &str) -> WebRequest {
        WebRequest {
            method: b"GET".to_vec(),
            target: target.as_bytes().to_vec(),
            headers: Vec::new(),
            body: Bytes::new(),
            cookies_visible: true,
            deadline: None,
            receipt: None,
        }
    }
}

/// What a web program answered. Names of headers are lower case and unique; everything is valid for HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct WebAnswer {
    /// 200 to 599.
    pub status: u16,
    /// Headers in the order in which the program gave them.
    pub headers: Vec<(String, String)>,
    /// Values for `Set-Cookie`, one header line each.
    pub cookies: Vec<String>,
    /// The body. Empty for 204 and 304; never empty from 400 up.
    pub body: Bytes,
    /// The run that made it.
    pub info: RunInfo,
}

/// Whether an answer came from the record of an earlier run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// No run was needed.
    Hit,
    /// The program ran.
    Miss,
}

impl Cache {
    /// `hit` or `miss`.
    pub fn as_str(self) -> &'static str {
        match self {
            Cache::Hit => "hit",
            Cache::Miss => "miss",
        }
    }
}

/// What an answer depended on, apart from program, method, path and query: the basis of the headers for HTTP caches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependence {
    /// Request headers that were read, in lower case, sorted. `cookie` is in `cookies` instead.
    pub headers: Vec<String>,
    /// A cookie was read.
    pub cookies: bool,
    /// The body was read.
    pub body: bool,
    /// The program's store was read.
    pub state: bool,
    /// The minute or the day was read.
    pub coarse_time: bool,
    /// The exact time or random bytes were read: no two runs need agree.
    pub unrepeatable: bool,
}

/// What is known of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunInfo {
    /// The run. A cached answer has an id of its own, under which the run that made it is found.
    pub run: RunId,
    /// The publisher; `None` when a bundle was run by its hash alone.
    pub address: Option<Address>,
    /// The name under which it was published, likewise.
    pub name: Option<ProgramName>,
    /// The release number, likewise.
    pub release: Option<u64>,
    /// The bundle.
    pub bundle: Hash,
    /// The program: its package hash.
    pub program: Hash,
    /// Fuel that the run used.
    pub fuel_used: u64,
    /// Fuel that the release allows.
    pub fuel_limit: u64,
    /// Greatest memory of the run, in bytes.
    pub peak_memory_bytes: u64,
    /// Memory that the release allows, in bytes.
    pub memory_limit_bytes: u64,
    /// Whether the program ran for this answer.
    pub cache: Cache,
    /// What the answer depended on.
    pub depends: Dependence,
    /// Whether the run changed the program's store.
    pub wrote: bool,
    /// Time from the request's arrival in the execution system to its answer, in microseconds. Not part of the outcome.
    pub time_us: u64,
    /// Which engine ran the program.
    pub engine: &'static str,
    /// The receipt, if one was asked for.
    pub receipt: Option<Arc<GivenReceipt>>,
}
