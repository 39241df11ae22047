//! What phase a connection is in, and until when it may stay there.
//!
//! hyper has one timer for "waiting for a head", and it runs from the end of the previous answer: it cannot tell an idle
//! connection (which may wait 75 s) from a client that sends its headers byte by byte (which may not). So the stream below hyper
//! and the service above it both report here what they see:
//!
//! ```text
//!             first byte read             service called
//!   Idle ───────────────────► Head ───────────────────────► Busy
//!    ▲                                                        │
//!    └────────────── body of the answer handed over ◄─────────┘
//! ```
//!
//! A new connection starts in `Head`. The same reports show two things that hyper keeps to itself: that the request line alone
//! outgrew the buffer (414, not 431), and that whoever stands before us may have read a head otherwise ([`Doubt`]): it carries both
//! `content-length` and `transfer-encoding`, or a line of it ends with a line feed alone.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Doubt;
use super::watched::Observer;
use crate::limits::Limits;

/// The phase a connection is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Reading a request head; `started` once a byte of it came.
    Head { started: bool },
    /// A request is being answered.
    Busy,
    /// Between two requests.
    Idle,
}

/// One connection's phase, shared by its stream, its service and its driver. All three run in one task; the lock only makes the
/// sharing `Send`.
#[derive(Debug)]
pub(crate) struct Watch(Mutex<State>);

#[derive(Debug)]
struct State {
    phase: Phase,
    deadline: Instant,
    header_time: Duration,
    request_time: Duration,
    keep_alive: Duration,
    head: HeadScan,
    answer_stall: Duration,
    /// Since when writes find no room: the client takes nothing.
    blocked: Option<Instant>,
}

impl Watch {
    /// A watch of a connection on which a request could have come since then.
    pub(crate) fn new(limits: &Limits, since: Instant) -> Watch {
        Watch(Mutex::new(State {
            phase: Phase::Head { started: false },
            deadline: since + limits.header_time,
            header_time: limits.header_time,
            request_time: limits.request_time,
            keep_alive: limits.keep_alive,
            head: HeadScan::default(),
            answer_stall: limits.answer_stall,
            blocked: None,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.state().phase
    }

    pub(crate) fn deadline(&self) -> Instant {
        let state = self.state();
        match state.blocked {
            Some(since) => state.deadline.min(since + state.answer_stall),
            None => state.deadline,
        }
    }

    /// The stream read these bytes.
    fn saw(&self, bytes: &[u8]) {
        let mut state = self.state();
        match state.phase {
            _ if bytes.is_empty() => return,
            Phase::Busy => return,
            Phase::Idle => {
                state.deadline = Instant::now() + state.header_time;
                state.head = HeadScan::default();
            }
            Phase::Head { .. } => {}
        }
        state.phase = Phase::Head { started: true };
        state.head.scan(bytes);
    }

    /// A whole head was parsed and its request goes to the service. Answers why someone else might have read it otherwise.
    pub(crate) fn called(&self) -> Option<Doubt> {
        let mut state = self.state();
        state.phase = Phase::Busy;
        state.deadline = Instant::now() + state.request_time;
        let doubt = state.head.doubt();
        state.head = HeadScan::default();
        doubt
    }

    /// The whole answer was handed to hyper.
    pub(crate) fn answered(&self) {
        let mut state = self.state();
        state.phase = Phase::Idle;
        state.deadline = Instant::now() + state.keep_alive;
    }

    /// True if what was read of the current head is one unfinished line.
    pub(crate) fn in_request_line(&self) -> bool {
        self.state().head.in_request_line()
    }
}

impl Observer for Watch {
    fn read(&self, bytes: &[u8]) -> Result<(), Vec<u8>> {
        self.saw(bytes);
        Ok(())
    }

    /// hyper answers an unreadable head by itself, with a bare status line and no body. Such an answer is swallowed, and the
    /// driver of the connection, which is told the reason, sends a proper one.
    fn swallows(&self, bytes: &[u8]) -> bool {
        is_bare_error(bytes) && self.phase() != Phase::Busy
    }

    fn wrote(&self, count: Option<usize>) {
        let blocked = &mut self.state().blocked;
        match count {
            Some(_) => *blocked = None,
            None => {
                blocked.get_or_insert_with(Instant::now);
            }
        }
    }
}

/// True for the answer that hyper makes to an unreadable head: a whole head of a few lines without the header that all of our
/// own answers carry.
fn is_bare_error(bytes: &[u8]) -> bool {
    const OURS: &[u8] = b"x-content-type-options";
    bytes.len() < 256
        && bytes.starts_with(b"HTTP/1.1 4")
        && bytes.ends_with(b"\r\n\r\n")
        && !bytes.windows(OURS.len()).any(|window| window == OURS)
}

/// Follows the lines of one head as its bytes arrive. It judges nothing but the names of two headers: hyper is the parser.
#[derive(Debug, Default)]
struct HeadScan {
    lines: usize,
    line: [u8; LINE],
    line_length: usize,
    done: bool,
    /// The latest byte was a carriage return.
    returned: bool,
    /// A line ended without one.
    bare: bool,
    content_length: bool,
    transfer_encoding: bool,
}

/// Bytes kept of a line: enough for the longer of the two names and its colon.
const LINE: usize = "transfer-encoding:".len();

impl HeadScan {
    fn scan(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.done {
                return;
            }
            if byte == b'\n' {
                self.bare |= !self.returned;
                self.end_line();
            } else if byte != b'\r' {
                if self.line_length < LINE {
                    self.line[self.line_length] = byte.to_ascii_lowercase();
                }
                self.line_length += 1;
            }
            self.returned = byte == b'\r';
        }
    }

    fn end_line(&mut self) {
        let line = &self.line[..self.line_length.min(LINE)];
        if line.is_empty() && self.lines > 0 {
            self.done = true;
        } else if !line.is_empty() {
            self.content_length |= line.starts_with(b"content-length:");
            self.transfer_encoding |= line.starts_with(b"transfer-encoding:");
            self.lines += 1;
        }
        self.line_length = 0;
    }

    fn doubt(&self) -> Option<Doubt> {
        if self.content_length && self.transfer_encoding {
            Some(Doubt::TwoLengths)
        } else {
            self.bare.then_some(Doubt::BareLine)
        }
    }

    fn in_request_line(&self) -> bool {
        self.lines == 0 && self.line_length > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_body_lengths_are_seen_however_the_bytes_arrive() {
        let head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nhost: a\r\ncontent-LENGTH: 5\r\n\r\ncontent-length: 1\r\n";
        for size in [1, 2, 7, head.len()] {
            let watch = Watch::new(&Limits::default(), Instant::now());
            for chunk in head.chunks(size) {
                watch.saw(chunk);
            }
            assert_eq!(
                watch.called(),
                Some(Doubt::TwoLengths),
                "in chunks of {size}"
            );
            assert_eq!(watch.phase(), Phase::Busy);
        }
        let watch = Watch::new(&Limits::default(), Instant::now());
        watch.saw(b"POST / HTTP/1.1\r\ncontent-length: 30\r\n\r\n");
        watch.saw(b"transfer-encoding: chunked\r\n\r\n");
        assert_eq!(watch.called(), None, "a body is not part of the head");
    }

    #[test]
    fn a_line_that_ends_alone_is_seen() {
        for (head, expected) in [
            ("GET / HTTP/1.1\nhost: a\n\n", Some(Doubt::BareLine)),
            (
                "GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n",
                Some(Doubt::BareLine),
            ),
            ("GET / HTTP/1.1\r\nhost: a\r\n\n", Some(Doubt::BareLine)),
            ("\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", None),
        ] {
            for size in [1, 3, head.len()] {
                let watch = Watch::new(&Limits::default(), Instant::now());
                for chunk in head.as_bytes().chunks(size) {
                    watch.saw(chunk);
                }
                assert_eq!(watch.called(), expected, "{head:?} in chunks of {size}");
            }
        }
    }

    #[test]
    fn a_request_line_without_end_is_known() {
        let watch = Watch::new(&Limits::default(), Instant::now());
        watch.saw(b"GET /aaaaaaaa");
        assert!(watch.in_request_line());
        watch.saw(b" HTTP/1.1\r\nhost");
        assert!(!watch.in_request_line());
    }
}
