//! `copc prove-fraud`: a file that proves to anyone that a node signed something untrue; and its check by `copc verify`.

use std::path::PathBuf;

use clap::Args;
use cop_runtime::Failure;
use cop_runtime::receipt::fraud::{FraudProof, NoFraud, contradict, untrue};
use cop_runtime::receipt::opened::OpenedReceipt;
use cop_runtime::receipt::{Receipt, SignedReceipt};
use coputer::engine::EngineOption;
use serde_json::{Value, json};

use super::{Handed, Sources, VerifyOptions, handed, write};
use crate::arguments::{NodeOption, PackageOptions};
use crate::ended::{Complaint, Ended, print};
use crate::request::RequestParts;
use crate::say;

const AFTER: &str = "\
Examples:
  copc prove-fraud one.copreceipt two.copreceipt      two receipts of one node for one run, with different outcomes
  copc prove-fraud page.copreceipt                    one whose run comes out differently when it is done again here
  copc verify fraud.copfraud                          what anyone does with the file

Two receipts contradict each other if the same key signed both, and network, edition, revision, program, entry point, limits, nonce
and what the run was told are the same in both: ask twice with the same Cop-Nonce and Cop-Salt to get such. For one receipt alone
all its questions and answers must be open, and the bundle must be to be had.

Exit status: 0 the proof was written; 1 nothing is proven, or something could not be done; 2 wrong usage.";

#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct FraudOptions {
    /// A receipt, as a file or as the value of a header Cop-Receipt in a file
    #[arg(value_name = "RECEIPT")]
    pub one: String,
    /// A receipt that contradicts it
    #[arg(value_name = "RECEIPT")]
    pub other: Option<String>,
    /// Where to write the proof
    #[arg(long, short, value_name = "FILE", default_value = "fraud.copfraud")]
    pub output: PathBuf,
    /// What was run: a bundle (.copb), or a project that gives it [default: fetched by its hash]
    #[arg(long, value_name = "PATH")]
    pub bundle: Option<PathBuf>,
    /// Data folder of the node on this machine [default: ~/.coputer]
    #[arg(long, value_name = "DIR", env = "COP_DATA")]
    pub data: Option<PathBuf>,
    #[command(flatten)]
    pub packages: PackageOptions,
    #[command(flatten)]
    pub node: NodeOption,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// Makes a proof.
pub fn prove(options: &FraudOptions) -> Result<Ended, Complaint> {
    let nothing = |why: NoFraud| Complaint::Failed(format!("this proves nothing: {why}"));
    let (proof, what) = match &options.other {
        Some(other) => {
            let (one, other) = (receipt(&options.one)?, receipt(other)?);
            contradict(&one, &other).map_err(nothing)?;
            let proof = FraudProof::of_two(one, other).map_err(nothing)?;
            (
                proof,
                "for the same answers it signed two outcomes".to_owned(),
            )
        }
        None => {
            let Handed::Opened(opened) = handed(&options.one)? else {
                return Err(Complaint::Failed(format!(
                    "{} shows no questions and answers; name a .copreceipt that does, or a second receipt",
                    options.one
                )));
            };
            let what = differs(&sources(&verify_options(options)), &opened)?;
            let what = what.map_err(nothing)?;
            (FraudProof::Untrue(opened), what)
        }
    };
    write(&options.output, &proof.encode())?;
    tell(
        options.json,
        &proof,
        &what,
        Some(&options.output.display().to_string()),
    );
    Ok(Ended::Well)
}

/// Checks a proof.
pub(super) fn verify(source: &Sources<'_>, bytes: &[u8]) -> Result<Ended, Complaint> {
    let proof = FraudProof::decode(bytes).map_err(|error| Complaint::Failed(error.to_string()))?;
    let what = match &proof {
        FraudProof::Contradiction(_) => {
            Ok("for the same answers it signed two outcomes".to_owned())
        }
        FraudProof::Untrue(opened) => differs(source, opened)?,
    };
    match what {
        Ok(what) => {
            tell(source.options.json, &proof, &what, None);
            Ok(Ended::Well)
        }
        Err(NoFraud::Unknown(why)) => {
            let text = format!("the proof cannot be checked here: {why}");
            match source.options.json {
                true => print(&json!({ "ok": false, "verdict": "unproven", "error": text })),
                false => say::error(&text),
            }
            Ok(Ended::Unproven)
        }
        Err(why) => Err(Complaint::Failed(format!("the file proves nothing: {why}"))),
    }
}

/// What differs when the run of a receipt is done again.
fn differs(
    source: &Sources<'_>,
    opened: &OpenedReceipt,
) -> Result<Result<String, NoFraud>, Complaint> {
    let ready = match source.program(&opened.signed.receipt().bundle)? {
        Ok(ready) => ready,
        Err(why) => return Ok(Err(NoFraud::Unknown(why))),
    };
    let refused =
        |failure: Failure| Complaint::Failed(format!("{}: {}", failure.title, failure.detail));
    untrue(opened, &ready).map_err(refused)
}

fn receipt(what: &str) -> Result<SignedReceipt, Complaint> {
    Ok(match handed(what)? {
        Handed::Receipt(signed) => *signed,
        Handed::Opened(opened) => opened.signed,
        Handed::Proof(_) => {
            return Err(Complaint::Failed(format!(
                "{what} is a proof already; `copc verify {what}` checks it"
            )));
        }
    })
}

fn sources(options: &VerifyOptions) -> Sources<'_> {
    Sources {
        options,
        node: options.node.url.clone(),
    }
}

fn verify_options(options: &FraudOptions) -> VerifyOptions {
    VerifyOptions {
        what: options.one.clone(),
        parts: RequestParts::default(),
        method: None,
        answer: None,
        key: None,
        bundle: options.bundle.clone(),
        save: None,
        root: false,
        owner: false,
        data: options.data.clone(),
        answers: false,
        packages: options.packages.clone(),
        node: options.node.clone(),
        engine: EngineOption::Auto,
        json: options.json,
    }
}

fn tell(json: bool, proof: &FraudProof, what: &str, file: Option<&str>) {
    let about: &Receipt = match proof {
        FraudProof::Contradiction(both) => both[0].receipt(),
        FraudProof::Untrue(opened) => opened.signed.receipt(),
    };
    let program = match &about.release {
        Some(release) => release.to_string(),
        None => format!("the bundle {}", about.bundle),
    };
    let key = format!("{:?}", proof.node());
    if json {
        let kind = match proof {
            FraudProof::Contradiction(_) => "contradiction",
            FraudProof::Untrue(_) => "untrue",
        };
        let object: Value = json!({
            "ok": true,
            "verdict": "fraud",
            "kind": kind,
            "node": key,
            "program": about.program.to_string(),
            "bundle": about.bundle.to_string(),
            "what": what,
            "file": file,
        });
        print(&object);
        return;
    }
    say::out(&format!(
        "{} the holder of the key {key} signed something untrue about {program}: {what}\n",
        say::bold_red("fraud:"),
    ));
    if let Some(file) = file {
        say::out(&format!(
            "the proof is in {file}; `copc verify {file}` checks it anywhere\n"
        ));
    }
}
