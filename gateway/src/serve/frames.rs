//! What is watched on a connection of HTTP/2: the time that each thing takes, and what a client sends beside its requests.
//!
//! hyper and h2 speak the protocol and bound what is held of it: streams, header blocks, windows, streams that were reset before
//! anybody looked at them. Two things they leave out. There is no deadline for a client that stops in the middle of a header
//! block, or that opens no window for an answer. And frames that cost the client nine bytes and us some work may come for ever:
//! `SETTINGS` and `PING` that want an answer, `RST_STREAM` behind each request, `PRIORITY`, empty `DATA`. So the bytes are
//! followed here on their way to hyper, frame by frame:
//!
//! ```text
//!  length (24) type (8) flags (8) stream (32)  payload …
//! ```
//!
//! Such frames are paid for from a purse that begins full, is refilled with time, and by what a client that means well does:
//! requests that it lets be answered, and bytes that it takes (whoever reads much has to send `WINDOW_UPDATE`). With an empty
//! purse the connection ends with `ENHANCE_YOUR_CALM`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::watched::Observer;
use crate::limits::Limits;

/// What a purse holds at most.
const PURSE: f64 = 1000.0;
/// What comes into it in a second.
const REFILL: f64 = 20.0;
/// What a request that was answered brings.
const ANSWERED: f64 = 10.0;
/// Bytes in either direction that bring one unit.
const BYTES: f64 = 1024.0;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `GOAWAY` with `ENHANCE_YOUR_CALM`: nothing is said about which streams were looked at.
const CALM: [u8; 17] = [0, 0, 8, GOAWAY, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11];

/// What a frame costs.
fn price(kind: u8, flags: u8, length: usize) -> f64 {
    match kind {
        HEADERS => 0.0,
        DATA if length == 0 && flags & END_STREAM == 0 => 10.0,
        DATA => 0.0,
        PRIORITY | WINDOW_UPDATE | CONTINUATION => 1.0,
        RST_STREAM | SETTINGS => 10.0,
        // `PING`, and what nobody knows.
        _ => 5.0,
    }
}

/// One connection's watch, shared by its stream, its requests and its driver.
#[derive(Debug)]
pub(crate) struct Frames {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Bytes of the preface that are still to come.
    preface: usize,
    header: [u8; 9],
    header_length: usize,
    /// Bytes of the frame's payload that are still to come.
    payload: usize,
    /// The frame that is being read ends a header block.
    ends_block: bool,
    /// Since when a header block is on its way.
    block_since: Option<Instant>,
    purse: f64,
    refilled: Instant,
    /// Requests that are being answered.
    open: BTreeMap<u64, OpenRequest>,
    next: u64,
    /// Since when there is none; the connection's beginning counts as such.
    idle_since: Instant,
    /// A request came.
    begun: bool,
}

#[derive(Debug)]
struct OpenRequest {
    since: Instant,
    /// When something of its answer was taken last; from the beginning of the answer on.
    taken: Option<Instant>,
}

/// Why a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// Nothing was asked for too long.
    Idle,
    /// A header block, a request or the reading of an answer took too long.
    Slow,
}

impl Frames {
    pub(crate) fn new(limits: &Limits) -> Frames {
        let now = Instant::now();
        Frames {
            limits: limits.clone(),
            state: Mutex::new(State {
                preface: 24,
                header: [0; 9],
                header_length: 0,
                payload: 0,
                ends_block: false,
                block_since: None,
                purse: PURSE,
                refilled: now,
                open: BTreeMap::new(),
                next: 0,
                idle_since: now,
                begun: false,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when something must have happened, and what it means if it has not.
    pub(crate) fn deadline(&self) -> (Instant, Late) {
        let state = self.state();
        let block = state
            .block_since
            .map(|since| (since + self.limits.header_time, Late::Slow));
        let requests = state.open.values().map(|request| {
            let whole = request.since + self.limits.request_time;
            let taken = request.taken.map(|taken| taken + self.limits.answer_stall);
            (taken.map_or(whole, |taken| taken.min(whole)), Late::Slow)
        });
        let idle = state.open.is_empty().then(|| {
            let time = match state.begun {
                true => self.limits.keep_alive,
                false => self.limits.header_time,
            };
            (state.idle_since + time, Late::Idle)
        });
        let all = requests.chain(block).chain(idle);
        all.min_by_key(|(deadline, _)| *deadline)
            .unwrap_or((state.idle_since + self.limits.request_time, Late::Slow))
    }

    /// Whether nothing is asked any more.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.state();
        state.begun && state.open.is_empty()
    }

    /// A request is about to be answered; it is until [`Frames::answered`].
    pub(crate) fn called(&self) -> u64 {
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.begun = true;
        let since = Instant::now();
        let taken = None;
        state.open.insert(id, OpenRequest { since, taken });
        id
    }

    /// Its answer began, or something of it was taken.
    pub(crate) fn took(&self, id: u64) {
        if let Some(request) = self.state().open.get_mut(&id) {
            request.taken = Some(Instant::now());
        }
    }

    /// The answer of a request was taken to its end, or was given up.
    pub(crate) fn answered(&self, id: u64, whole: bool) {
        let mut state = self.state();
        state.open.remove(&id);
        state.idle_since = Instant::now();
        if whole {
            state.earn(ANSWERED);
        }
    }
}

impl State {
    fn earn(&mut self, units: f64) {
        self.purse = (self.purse + units).min(PURSE);
    }

    fn pay(&mut self, units: f64) -> bool {
        if units > 0.0 {
            let now = Instant::now();
            self.earn(now.duration_since(self.refilled).as_secs_f64() * REFILL);
            self.refilled = now;
            self.purse -= units;
        }
        self.purse >= 0.0
    }

    /// Follows these bytes; false once the purse is empty.
    fn follow(&mut self, mut bytes: &[u8]) -> bool {
        let preface = self.preface.min(bytes.len());
        self.preface -= preface;
        bytes = &bytes[preface..];
        while !bytes.is_empty() {
            if self.payload > 0 {
                let taken = self.payload.min(bytes.len());
                self.payload -= taken;
                bytes = &bytes[taken..];
            } else {
                let taken = (9 - self.header_length).min(bytes.len());
                let place = self.header_length..self.header_length + taken;
                self.header[place].copy_from_slice(&bytes[..taken]);
                self.header_length += taken;
                bytes = &bytes[taken..];
                if self.header_length < 9 {
                    break;
                }
                self.header_length = 0;
                if !self.begin_frame() {
                    return false;
                }
            }
            if self.payload == 0 && self.ends_block {
                self.ends_block = false;
                self.block_since = None;
            }
        }
        true
    }

    fn begin_frame(&mut self) -> bool {
        let [a, b, c, kind, flags, ..] = self.header;
        self.payload = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        if kind == HEADERS {
            self.block_since = Some(Instant::now());
        }
        self.ends_block = matches!(kind, HEADERS | CONTINUATION) && flags & END_HEADERS != 0;
        self.pay(price(kind, flags, self.payload))
    }
}

impl Observer for Frames {
    fn read(&self, bytes: &[u8]) -> Result<(), Vec<u8>> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut state = self.state();
        state.earn(bytes.len() as f64 / BYTES);
        match state.follow(bytes) {
            true => Ok(()),
            false => Err(CALM.to_vec()),
        }
    }

    fn wrote(&self, count: Option<usize>) {
        if let Some(count) = count {
            self.state().earn(count as f64 / BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![
            0,
            (length >> 8) as u8,
            length as u8,
            kind,
            flags,
            0,
            0,
            0,
            1,
        ];
        frame.resize(9 + length, 0);
        frame
    }

    fn begun() -> Frames {
        let frames = Frames::new(&Limits::default());
        assert!(frames.read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").is_ok());
        frames
    }

    #[test]
    fn floods_of_each_kind_are_told_to_calm_down() {
        const PING: u8 = 6;
        for (kind, length, at_least) in [
            (SETTINGS, 0, 90),
            (RST_STREAM, 4, 90),
            (PING, 8, 190),
            (PRIORITY, 5, 900),
            (CONTINUATION, 0, 900),
            (DATA, 0, 90),
            (99, 0, 190),
        ] {
            let frames = begun();
            let frame = frame(kind, 0, length);
            let sent = (0..3000).find(|_| frames.read(&frame).is_err());
            assert!(
                sent.is_some_and(|sent| sent >= at_least && sent < 2 * at_least),
                "{kind}: {sent:?}"
            );
            assert_eq!(frames.read(&frame), Err(CALM.to_vec()));
        }
    }

    #[test]
    fn who_means_well_is_not_stopped() {
        // Each request is answered, and one in two given up afterwards.
        let frames = begun();
        for _ in 0..3000 {
            for _ in 0..2 {
                assert!(frames.read(&frame(HEADERS, END_HEADERS, 30)).is_ok());
                let id = frames.called();
                frames.answered(id, true);
            }
            assert!(frames.read(&frame(RST_STREAM, 0, 4)).is_ok());
        }
        // A large answer is read with a window of 8 KiB.
        for _ in 0..3000 {
            frames.wrote(Some(8192));
            for _ in 0..2 {
                assert!(frames.read(&frame(WINDOW_UPDATE, 0, 4)).is_ok());
            }
        }
    }

    #[test]
    fn a_header_block_has_a_deadline_however_its_bytes_arrive() {
        let begun_block = frame(HEADERS, 0, 20);
        let ended = frame(CONTINUATION, END_HEADERS, 20);
        for size in [1, 8, 9, 10, 100] {
            let frames = begun();
            let feed = |bytes: &[u8]| {
                for piece in bytes.chunks(size) {
                    assert!(frames.read(piece).is_ok());
                }
            };
            feed(&begun_block);
            assert!(frames.state().block_since.is_some());
            feed(&ended[..28]);
            assert!(frames.state().block_since.is_some());
            feed(&ended[28..]);
            assert!(frames.state().block_since.is_none());
        }
    }

    #[test]
    fn the_oldest_deadline_counts() {
        let frames = begun();
        assert_eq!(frames.deadline().1, Late::Idle);
        let first = frames.called();
        let (whole, late) = frames.deadline();
        assert_eq!(late, Late::Slow);
        frames.took(first);
        let (taken, _) = frames.deadline();
        assert!(taken < whole, "an answer is taken in its own time");
        frames.took(first);
        assert!(frames.deadline().0 >= taken);
        frames.answered(first, true);
        assert_eq!(frames.deadline().1, Late::Idle);
    }
}
