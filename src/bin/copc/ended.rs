//! How a command ends: its exit status, and what is said when it could not do what it was asked to.

use coputer::client::ClientError;
use coputer::project::ProjectError;
use coputer::publish::BuildError;
use serde_json::json;

use crate::say;

/// A command that did what it was asked to, and has told everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Status 0.
    Well,
    /// Status 1: the source has errors, or the program ended with an error or a trap.
    Badly,
    /// Status 3: nothing is wrong, and not all of it could be proven.
    Unproven,
}

/// Why a command could not do what it was asked to.
#[derive(Debug)]
pub enum Complaint {
    /// Status 2: what was asked for makes no sense.
    Usage(String),
    /// Status 1: what, where, what to do.
    Failed(String),
    /// Status 1: there is no such project, or its settings have mistakes.
    Project(ProjectError),
    /// Status 1: the project is not built.
    Build(BuildError),
}

impl From<ProjectError> for Complaint {
    fn from(error: ProjectError) -> Complaint {
        Complaint::Project(error)
    }
}

impl From<BuildError> for Complaint {
    fn from(error: BuildError) -> Complaint {
        Complaint::Build(error)
    }
}

impl From<ClientError> for Complaint {
    fn from(error: ClientError) -> Complaint {
        let hint = match &error {
            ClientError::Refused(problem) => problem.hint.clone(),
            _ => None,
        };
        let hint = hint.map_or(String::new(), |hint| format!("; {hint}"));
        Complaint::Failed(format!("{error}{hint}"))
    }
}

/// Tells a complaint: to people on standard error, to tools as an object on standard output.
pub fn tell(complaint: &Complaint, json: bool) {
    let report = match complaint {
        Complaint::Project(ProjectError::Settings(report))
        | Complaint::Build(BuildError::Source(report)) => Some(report),
        _ => None,
    };
    let message = match complaint {
        Complaint::Usage(message) | Complaint::Failed(message) => message.clone(),
        Complaint::Project(error) => error.to_string(),
        Complaint::Build(error) => error.to_string(),
    };
    match (report, json) {
        (Some(report), false) => say::err(&report.text(say::look())),
        (Some(report), true) => print(&json!({
            "ok": false,
            "error": "the source has errors",
            "diagnostics": diagnostics(report),
        })),
        (None, false) => say::error(&message),
        (None, true) => print(&json!({ "ok": false, "error": message, "diagnostics": [] })),
    }
}

/// The diagnostics of a report for a tool.
pub fn diagnostics(report: &coputer::report::Report) -> serde_json::Value {
    serde_json::from_str(&report.json()).unwrap_or_default()
}

/// Prints the one object that `--json` promises.
pub fn print(object: &serde_json::Value) {
    say::out_raw(format!("{object:#}\n").as_bytes());
}
