//! The list of failure codes, to which every failure links.

use cop_runtime::{AskPeers, FailureCode};

use super::layout;

/// The page with every code and what it means.
pub(crate) fn failures() -> String {
    let mut rows = String::new();
    for code in FailureCode::ALL {
        let elsewhere = match code.ask_peers() {
            AskPeers::No => "no",
            AskPeers::Yes => "yes",
            AskPeers::OtherHomes => "other homes of the program",
        };
        rows.push_str(&format!(
            "<tr id=\"{code}\"><td><code>{code}</code></td><td>{}</td><td>{}</td><td>{elsewhere}</td></tr>\n",
            code.http_status(),
            meaning(*code),
        ));
    }
    let main = format!(
        "<h1>Failures</h1>\n<p class=\"lead\">Every failure of a request has one of these codes. Programs get them as \
         <code>application/problem+json</code>, browsers as a page.</p>\n<table>\n\
         <tr><th>code</th><th>status</th><th>meaning</th><th>may another node answer?</th></tr>\n{rows}</table>\n"
    );
    layout("Failures", &main)
}

/// What a code means, for the reader of the page.
fn meaning(code: FailureCode) -> &'static str {
    match code {
        FailureCode::BadRequest => "The HTTP request is malformed.",
        FailureCode::BadAddress => {
            "The address of the publisher is not well formed; most often it was mistyped."
        }
        FailureCode::BadName => "The name of the program is not well formed.",
        FailureCode::Timeout => "The client sent too slowly.",
        FailureCode::UriTooLong => "The request line is over its limit.",
        FailureCode::HeadersTooLarge => "The headers are over their limit.",
        FailureCode::TooLarge => "The request body is over its limit.",
        FailureCode::NoSuchProgram => "Nothing is known under this name.",
        FailureCode::BadBundle => "A bundle was refused when it was published or loaded.",
        FailureCode::BadSignature => "A release's signature, or what it covers, was refused.",
        FailureCode::StaleRelease => "A newer release is known, or this one does not follow it.",
        FailureCode::LimitsTooHigh => {
            "The release asks for more fuel or memory than this node grants."
        }
        FailureCode::Quota => "The publisher's share of the store is used up, or the disk is full.",
        FailureCode::Trapped => {
            "The program stopped itself; this is its own outcome, and the same on every node."
        }
        FailureCode::Denied => {
            "The program may not use something that it asked for, or the client may not see this."
        }
        FailureCode::BudgetSpent => "The budget of the caller or publisher is used up.",
        FailureCode::TooMany => "Too many requests of one client, or waits of one run.",
        FailureCode::Conflict => "The program's state kept changing while it ran. Try again.",
        FailureCode::Overloaded => "The node has no room for this request. Try again.",
        FailureCode::Deadline => "The answer was not ready in time. Try again.",
        FailureCode::Unreachable => "No node that may answer could be reached.",
        FailureCode::WrongNetwork => "A node belongs to another network.",
        FailureCode::Internal => "A defect of the node itself; its log says more.",
    }
}
