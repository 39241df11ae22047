//! `copc cost`: exactly what runs cost, and whether that is more than it may be.
//!
//! | module | noun |
//! |---|---|
//! | `baseline` | the file that says what runs cost before |

mod baseline;

use std::fmt::Write;

use serde_json::{Value, json};

use crate::arguments::{Bounds, CostOptions};
use crate::ended::{Complaint, Ended, diagnostics, print};
use crate::measure::{Measured, Measuring};
use crate::say;
use crate::tell;
use baseline::{Baseline, Cost};

/// Measures runs, and compares them with what they may cost.
pub fn cost(options: &CostOptions) -> Result<Ended, Complaint> {
    let before = match (&options.baseline, options.accept) {
        (Some(path), false) => Some(Baseline::read(path)?),
        _ => None,
    };
    let measuring = Measuring::of(&options.measure)?;
    if !options.json {
        tell::warnings(&measuring.report);
    }
    let measured = measuring.run()?;
    let costs: Vec<(String, Cost)> = measured
        .iter()
        .map(|run| (run.name.clone(), cost_of(run)))
        .collect();
    let ended_badly: Vec<(&str, String)> = measured
        .iter()
        .filter_map(|run| Some((run.name.as_str(), measuring.complaint(run)?)))
        .collect();
    let mut too_much: Vec<String> = Vec::new();
    let mut remarks: Vec<String> = Vec::new();
    if let Some(bounds) = options.max {
        for (name, cost) in &costs {
            too_much.extend(above(name, *cost, bounds));
        }
    }
    if let Some(before) = &before {
        let found = before.compare(&costs);
        too_much.extend(found.grown);
        remarks.extend(found.remarks);
    }
    // A run that did not come to its end says nothing of what it costs.
    let is_kept = options.accept && ended_badly.is_empty();
    if let (Some(path), true) = (&options.baseline, is_kept) {
        Baseline::write(path, &costs)?;
    }
    let is_well = too_much.is_empty() && ended_badly.is_empty();
    if options.json {
        let runs: Vec<Value> = measured.iter().map(run_json).collect();
        let mut object = json!({
            "ok": is_well,
            "name": measuring.project.name.as_str(),
            "kind": measuring.kind(),
            "runs": runs,
            "too_much": too_much,
            "remarks": remarks,
            "diagnostics": diagnostics(&measuring.report),
        });
        if let Some((name, why)) = ended_badly.first() {
            object["error"] = json!(format!("{name} ended badly: {}", first_line(why)));
        }
        print(&object);
    } else {
        say::out(&table(&measured));
        for (name, why) in &ended_badly {
            say::err(&format!("{} ended badly:\n{why}", say::bold(name)));
        }
        for line in &remarks {
            say::note(line);
        }
        for line in &too_much {
            say::error(line);
        }
        if let (Some(path), true) = (&options.baseline, is_kept) {
            say::note(&format!("wrote {}", path.display()));
        }
    }
    Ok(if is_well { Ended::Well } else { Ended::Badly })
}

fn cost_of(run: &Measured) -> Cost {
    Cost {
        fuel: run.record.fuel_used,
        memory_bytes: run.record.peak_memory_bytes,
    }
}

/// What a run takes beyond the bounds.
fn above(name: &str, cost: Cost, bounds: Bounds) -> Vec<String> {
    let mut lines = Vec::new();
    if cost.fuel > bounds.fuel {
        lines.push(format!(
            "{name} takes {} fuel, {} more than --max allows",
            say::count(cost.fuel),
            say::count(cost.fuel - bounds.fuel)
        ));
    }
    if let Some(mib) = bounds.memory_mib
        && cost.memory_bytes > mib << 20
    {
        lines.push(format!(
            "{name} takes {} bytes of memory, {} more than --max allows",
            say::count(cost.memory_bytes),
            say::count(cost.memory_bytes - (mib << 20))
        ));
    }
    lines
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// One line for each run.
fn table(measured: &[Measured]) -> String {
    let heads = ["fuel", "memory", "stack", "copied", "questions"];
    let rows: Vec<[String; 5]> = measured
        .iter()
        .map(|run| {
            [
                run.record.fuel_used,
                run.record.peak_memory_bytes,
                run.profile.stack_bytes,
                run.profile.copied_bytes(),
                run.questions() as u64,
            ]
            .map(say::count)
        })
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].len());
        cells.chain([heads[column].len()]).max().unwrap_or(0)
    };
    let widths = [0, 1, 2, 3, 4].map(width);
    let mut text = String::new();
    let mut line = |cells: [&str; 5], name: &str| {
        for (cell, width) in cells.iter().zip(widths) {
            let _ = write!(text, "{cell:>width$}  ");
        }
        let _ = writeln!(text, "{name}");
    };
    line(heads, "run");
    for (row, run) in rows.iter().zip(measured) {
        line(
            [0, 1, 2, 3, 4].map(|column| row[column].as_str()),
            &run.name,
        );
    }
    text
}

fn run_json(run: &Measured) -> Value {
    json!({
        "name": run.name,
        "end": run.end(),
        "fuel": run.record.fuel_used,
        "peak_memory_bytes": run.record.peak_memory_bytes,
        "stack_bytes": run.profile.stack_bytes,
        "copied_bytes": run.profile.copied_bytes(),
        "questions": run.questions(),
        "outcome": run.record.outcome_hash().to_string(),
    })
}
