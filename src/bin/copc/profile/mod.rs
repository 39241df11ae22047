//! `copc profile`: where the fuel of runs goes.
//!
//! | module | noun |
//! |---|---|
//! | `tally` | what was spent, by function, line and stack of the source |
//! | `told` | the same for people and tools |
//! | `flame` | the flame graph |

mod flame;
mod tally;
mod told;

use crate::arguments::ProfileOptions;
use crate::ended::{Complaint, Ended, diagnostics, print};
use crate::measure::Measuring;
use crate::say;
use crate::tell;
use serde_json::json;
use tally::Tally;

/// Runs a program, and says where its fuel goes.
pub fn profile(options: &ProfileOptions) -> Result<Ended, Complaint> {
    let measuring = Measuring::of(&options.measure)?;
    if !options.json {
        tell::warnings(&measuring.report);
    }
    let measured = measuring.run()?;
    let mut tally = Tally::new(&measuring);
    for run in &measured {
        tally.add(&run.profile);
    }
    let title = match &measured[..] {
        [one] => format!("{} of {}", one.name, measuring.project.name),
        several => format!("{} runs of {}", several.len(), measuring.project.name),
    };
    let tally = tally.done();
    if let Some(path) = &options.svg {
        std::fs::write(path, flame::svg(&tally, &title)).map_err(|cause| {
            Complaint::Failed(format!("cannot write {}: {cause}", path.display()))
        })?;
    }
    let ended_badly: Vec<(&str, String)> = measured
        .iter()
        .filter_map(|run| Some((run.name.as_str(), measuring.complaint(run)?)))
        .collect();
    let is_well = ended_badly.is_empty();
    if options.json {
        let mut object = told::json(&tally);
        object["ok"] = json!(is_well);
        object["name"] = json!(measuring.project.name.as_str());
        object["kind"] = json!(measuring.kind());
        object["runs"] = measured
            .iter()
            .map(|run| json!({ "name": run.name, "end": run.end(), "fuel": run.record.fuel_used }))
            .collect();
        object["diagnostics"] = diagnostics(&measuring.report);
        if let Some((name, why)) = ended_badly.first() {
            let why = why.lines().next().unwrap_or_default();
            object["error"] = json!(format!("{name} ended badly: {why}"));
        }
        print(&object);
    } else {
        match &options.lines {
            Some(file) => say::out(&told::annotated(&tally, &measuring, file)?),
            None => say::out(&told::tables(&tally, &measuring, &title, options.top)),
        }
        for (name, why) in &ended_badly {
            say::err(&format!("{} ended badly:\n{why}", say::bold(name)));
        }
        if let Some(path) = &options.svg {
            say::note(&format!("wrote {}", path.display()));
        }
    }
    Ok(if is_well { Ended::Well } else { Ended::Badly })
}
