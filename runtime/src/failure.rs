//! Everything that can keep a request from its answer, in one table.
//!
//! [`FailureCode`] is the stable word that clients, peers and tests rely on; [`Failure`] adds what happened this time and what
//! to do about it. A failure carries no internals: the causes that only an operator can act on go to the node's log.

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::answer::{RunId, RunInfo};

/// Whether another node may be asked after this failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskPeers {
    /// No: every node would say the same, or must not be asked.
    No,
    /// Yes.
    Yes,
    /// Only other homes of the program.
    OtherHomes,
}

/// Whether the failure may be remembered instead of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cached {
    /// Never.
    No,
    /// For a short time, as "nothing here".
    ShortNegative,
    /// Like any outcome of a program.
    Yes,
}

macro_rules! failure_codes {
    ($( $(#[$meta:meta])* $variant:ident, $code:literal, $status:literal, $ask:ident, $cached:ident; )*) => {
        /// The kinds of failure. Names, HTTP status, who may try again: one row each, the table of the specification.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FailureCode { $( $(#[$meta])* $variant, )* }

        impl FailureCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [FailureCode] = &[ $( FailureCode::$variant, )* ];

            /// The stable name in answers and logs, in snake case.
            pub fn code(self) -> &'static str {
                match self { $( FailureCode::$variant => $code, )* }
            }

            /// The HTTP status of an answer that reports it.
            pub fn http_status(self) -> u16 {
                match self { $( FailureCode::$variant => $status, )* }
            }

            /// Whether another node may be asked.
            pub fn ask_peers(self) -> AskPeers {
                match self { $( FailureCode::$variant => AskPeers::$ask, )* }
            }

            /// Whether it may be remembered.
            pub fn cached(self) -> Cached {
                match self { $( FailureCode::$variant => Cached::$cached, )* }
            }
        }
    };
}

failure_codes! {
    /// The HTTP request is malformed.
    BadRequest, "bad_request", 400, No, No;
    /// Not a well-formed address.
    BadAddress, "bad_address", 400, No, No;
    /// Not a well-formed program name.
    BadName, "bad_name", 400, No, No;
    /// The client sent too slowly.
    Timeout, "timeout", 408, No, No;
    /// The request line is over its limit.
    UriTooLong, "uri_too_long", 414, No, No;
    /// The headers are over their limit.
    HeadersTooLarge, "headers_too_large", 431, No, No;
    /// The request body is over its limit.
    TooLarge, "too_large", 413, No, No;
    /// Unknown here (and at peers).
    NoSuchProgram, "no_such_program", 404, Yes, ShortNegative;
    /// The bundle was refused at publishing or loading.
    BadBundle, "bad_bundle", 400, No, No;
    /// The signature, or what it covers, was refused.
    BadSignature, "bad_signature", 403, No, No;
    /// A newer release is known, or this one does not follow it.
    StaleRelease, "stale_release", 409, No, No;
    /// The release asks for more than this node grants.
    LimitsTooHigh, "limits_too_high", 403, Yes, No;
    /// A publisher or peer is beyond its share of the store, or the disk is full.
    Quota, "quota", 507, No, No;
    /// The program's own outcome: a trap.
    Trapped, "trapped", 500, No, Yes;
    /// A capability was not granted.
    Denied, "denied", 403, No, No;
    /// A caller's or publisher's budget is used up.
    BudgetSpent, "budget_spent", 429, No, No;
    /// Too many requests of one client, or waits of one run.
    TooMany, "too_many", 429, No, No;
    /// The state kept changing under the run.
    Conflict, "conflict", 503, No, No;
    /// Refused for lack of room; try later.
    Overloaded, "overloaded", 503, Yes, No;
    /// The time of the request was used up before an answer was ready.
    Deadline, "deadline", 504, Yes, No;
    /// No node that may answer could be reached.
    Unreachable, "unreachable", 502, OtherHomes, No;
    /// The peer belongs to another network.
    WrongNetwork, "wrong_network", 502, Yes, No;
    /// The node's own defect.
    Internal, "internal", 500, No, No;
}

impl fmt::Display for FailureCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code())
    }
}

/// Where and how a program trapped, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrapReport {
    /// The trap's name, such as `IndexOutOfBounds` or `OutOfFuel`.
    pub name: String,
    /// The rendered message with its operands.
    pub message: String,
    /// The source file, if the bundle's source map knows it.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column, from 1.
    pub column: Option<u32>,
    /// The calls that led there, innermost first, one line each. Not part of the outcome.
    pub backtrace: Vec<String>,
}

/// One failure. Its fields are those of [`FailureReport`]; the box keeps every `Result` with it small.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure(Box<FailureReport>);

/// What is known of a failure: its code, what happened, and what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct FailureReport {
    /// The stable kind.
    pub code: FailureCode,
    /// What happened, in a few words: lower case, no full stop.
    pub title: String,
    /// What exactly, on what.
    pub detail: String,
    /// What the reader can do.
    pub hint: Option<String>,
    /// The trap, when `code` is [`FailureCode::Trapped`].
    pub trap: Option<TrapReport>,
    /// The run, if one was begun.
    pub run: Option<RunId>,
    /// What is known of that run.
    pub info: Option<RunInfo>,
    /// When trying again makes sense, in seconds.
    pub retry_after_s: Option<u32>,
    /// What was tried before giving up, in order.
    pub tried: Vec<String>,
}

impl Failure {
    /// A failure with its code, title and detail; the rest is empty.
    pub fn new(code: FailureCode, title: impl Into<String>, detail: impl Into<String>) -> Failure {
        let retry_after_s = match code {
            FailureCode::Conflict | FailureCode::Overloaded | FailureCode::Deadline => Some(1),
            _ => None,
        };
        Failure(Box::new(FailureReport {
            code,
            title: title.into(),
            detail: detail.into(),
            hint: None,
            trap: None,
            run: None,
            info: None,
            retry_after_s,
            tried: Vec::new(),
        }))
    }

    /// The same failure with advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// The same failure with one more thing that was tried.
    pub fn tried(mut self, what: impl Into<String>) -> Failure {
        self.tried.push(what.into());
        self
    }
}

impl Deref for Failure {
    type Target = FailureReport;

    fn deref(&self) -> &FailureReport {
        &self.0
    }
}

impl DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut FailureReport {
        &mut self.0
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.title, self.detail)?;
        if let Some(hint) = &self.hint {
            write!(out, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_snake_case() {
        let mut seen = std::collections::BTreeSet::new();
        for code in FailureCode::ALL {
            assert!(seen.insert(code.code()), "{code} stands twice");
            assert!(
                code.code()
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            );
            assert!((400..600).contains(&code.http_status()));
        }
    }
}
