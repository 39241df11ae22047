//! `copd fsck`: a check of everything that a stopped node has stored.

use std::process::ExitCode;

use cop_runtime::store::fsck::{self, Report, Severity};
use coputer::node_file::default_data_dir;
use serde_json::json;

use crate::arguments::FsckOptions;
use crate::say::say;

/// Exit status when something is damaged.
const DAMAGED: u8 = 3;

/// Checks the folder and tells what was found.
///
/// # Errors
/// A message for the operator: the folder could not be checked.
pub fn fsck(options: &FsckOptions) -> Result<ExitCode, String> {
    let data_dir = options
        .data
        .clone()
        .or_else(default_data_dir)
        .ok_or("there is no home folder for the node's data; name one with --data DIR")?;
    // Damaged pages may stop redb by a panic. That is caught and told as a finding, not as a defect of this program.
    std::panic::set_hook(Box::new(|_| {}));
    let report = fsck::fsck(&data_dir).map_err(|error| error.to_string())?;
    match options.json {
        true => say!("{}", as_json(&report)),
        false => tell(&report),
    }
    Ok(match report.is_damaged {
        true => ExitCode::from(DAMAGED),
        false => ExitCode::SUCCESS,
    })
}

fn as_json(report: &Report) -> serde_json::Value {
    let findings = report.findings.iter().map(|finding| {
        json!({
            "severity": finding.severity.as_str(),
            "place": finding.place,
            "problem": finding.problem,
            "advice": finding.advice,
        })
    });
    json!({
        "ok": !report.is_damaged,
        "findings": findings.collect::<Vec<_>>(),
        "left_out": report.findings_left_out,
        "rows": report.rows,
        "bytes": report.file_bytes,
    })
}

fn tell(report: &Report) {
    for finding in &report.findings {
        // Bold red and bold yellow; where there is no terminal they are left out.
        let color = match finding.severity {
            Severity::Damage => "\x1b[1;31m",
            Severity::Note => "\x1b[1;33m",
        };
        let word = finding.severity.as_str();
        say!(
            "{color}{word}:\x1b[0m {}: {}",
            finding.place,
            finding.problem
        );
        say!("  = {}", finding.advice);
    }
    if report.findings_left_out > 0 {
        say!("... and {} findings more", report.findings_left_out);
    }
    let rows: Vec<String> = report
        .rows
        .iter()
        .map(|(table, rows)| format!("{rows} {table}"))
        .collect();
    let rows = match rows.is_empty() {
        true => "nothing is stored".to_owned(),
        false => rows.join(", "),
    };
    let verdict = match report.is_damaged {
        true => "damaged",
        false => "sound",
    };
    say!("{verdict}: {} bytes read; {rows}", report.file_bytes);
}
