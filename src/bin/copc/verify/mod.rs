//! `copc verify`: what a node signed of a run, and what is proven by that.
//!
//! Each thing that a receipt says ends in one of three heaps: *proven* here, on this machine; *only the node's word*; *wrong*. Nothing
//! is put on the first heap that somebody else has to be believed for.

pub mod fraud;
mod live;
mod told;

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use cop_bytecode::Hash;
use cop_runtime::engine::of_vm;
use cop_runtime::host::{HostCall, Source};
use cop_runtime::library::ReadyProgram;
use cop_runtime::receipt::SignedReceipt;
use cop_runtime::receipt::asked::from_base64url;
use cop_runtime::receipt::check::{self, AnswerFits, Rerun};
use cop_runtime::receipt::fraud::PROOF_BYTES_MAX;
use cop_runtime::receipt::leaves::Leaf;
use cop_runtime::receipt::opened::{OpenEnd, OpenedReceipt};
use cop_runtime::{Bundle, Failure};
use coputer::engine::EngineOption;
use coputer::packages::fetch::Fetcher;
use hyper::body::Bytes;

use crate::arguments::{NodeOption, PackageOptions};
use crate::ended::{Complaint, Ended, print};
use crate::request::RequestParts;
use crate::say;
use crate::subject::Subject;
use crate::watch::Watch;
use told::Report;

const AFTER: &str = "\
Examples:
  copc verify http://hello-cop1….localhost:2517/       ask for this page with a receipt, and check all that can be checked
  copc verify URL --save page.copreceipt               keep answer and receipt in a file
  copc verify page.copreceipt                          check it again, later or elsewhere
  copc verify URL --owner                              of a program on this machine's own node: with what it read from its store
  copc verify lie.copfraud                             check a proof that a node lied (copc prove-fraud)

The receipt is checked, the answer compared with what was signed, the release with its publisher's signature; then the program is
run again here on the answers that the node says it was given, and must come out the same to the bit. What nobody but the node can
know (what was in its store, what time it was) stays its word, and is told apart from what is proven.

Exit status: 0 all is right and the run came out the same; 1 something is wrong; 3 nothing is wrong, but the run could not be done
again here, so its outcome is the node's word; 2 wrong usage.";

#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct VerifyOptions {
    /// URL of a program's page, or a file with a receipt or proof; - is standard input
    #[arg(value_name = "URL|FILE")]
    pub what: String,
    #[command(flatten)]
    pub parts: RequestParts,
    /// Method of the request [default: GET, with a body POST]
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    /// File with the body of the answer, for a receipt that was saved without
    #[arg(long, value_name = "FILE")]
    pub answer: Option<PathBuf>,
    /// The public key that the node must have: 66 hexadecimal digits
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// What was run: a bundle (.copb), or a project that gives it [default: fetched by its hash]
    #[arg(long, value_name = "PATH")]
    pub bundle: Option<PathBuf>,
    /// Write receipt, questions, answers and the answer's body to a file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Of a program on this machine's own node: open also what its owner alone may see
    #[arg(long)]
    pub owner: bool,
    /// Data folder of the node on this machine [default: ~/.coputer]
    #[arg(long, value_name = "DIR", env = "COP_DATA")]
    pub data: Option<PathBuf>,
    /// Ask for the root of the state that was read, too: of states of at most 4,096 keys
    #[arg(long)]
    pub root: bool,
    /// Show the questions and answers that can be seen
    #[arg(long)]
    pub answers: bool,
    #[command(flatten)]
    pub packages: PackageOptions,
    #[command(flatten)]
    pub node: NodeOption,
    /// What runs the bytecode; outcome, fuel and memory are the same
    #[arg(long, value_enum, default_value = "auto")]
    pub engine: EngineOption,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// What was handed in to be verified.
enum Handed {
    Receipt(Box<SignedReceipt>),
    Opened(Box<OpenedReceipt>),
    Proof(Vec<u8>),
}

/// Checks what a node signed.
pub fn verify(options: &VerifyOptions) -> Result<Ended, Complaint> {
    if options.what.contains("://") {
        let asked = live::ask(options)?;
        let mut report = Report::of(asked.opened.signed.receipt());
        signature(options, &asked.opened.signed, &mut report)?;
        asked.note(&mut report);
        let source = Sources {
            options,
            node: Some(asked.base.clone()),
        };
        examine(&source, &asked.opened, Some(&asked.body), &mut report)?;
        if let Some(path) = &options.save {
            let whole = asked.opened.clone().with_body(asked.body.clone());
            write(path, &whole.encode())?;
        }
        return Ok(finish(options, &report, Some(&asked.opened)));
    }
    if options.owner {
        return Err(Complaint::Usage(
            "--owner is for a URL: a file has what it has".to_owned(),
        ));
    }
    let source = Sources {
        options,
        node: options.node.url.clone(),
    };
    match handed(&options.what)? {
        Handed::Proof(bytes) => fraud::verify(&source, &bytes),
        Handed::Receipt(signed) => {
            let mut report = Report::of(signed.receipt());
            signature(options, &signed, &mut report)?;
            release(&source, &signed, &mut report);
            report.word(
                "closed",
                "what the run was told and what came of it: the receipt alone shows neither",
            );
            Ok(finish(options, &report, None))
        }
        Handed::Opened(opened) => {
            let mut report = Report::of(opened.signed.receipt());
            signature(options, &opened.signed, &mut report)?;
            let body = options.answer.as_deref().map(read).transpose()?;
            let body = body.map(Bytes::from);
            examine(&source, &opened, body.as_ref(), &mut report)?;
            if let Some(path) = &options.save {
                write(path, &opened.encode())?;
            }
            Ok(finish(options, &report, Some(&opened)))
        }
    }
}

/// Where releases and bundles come from.
struct Sources<'a> {
    options: &'a VerifyOptions,
    /// URL of the node to ask; else the one on this machine.
    node: Option<String>,
}

impl Sources<'_> {
    fn fetcher(&self) -> Fetcher {
        let data = self.options.data.as_deref();
        let from = self.options.packages.with(self.node.as_deref(), data);
        Fetcher::new(&from.fetch)
    }

    /// The program of a bundle, ready to be run; why it is not to be had otherwise.
    fn program(&self, hash: &Hash) -> Result<Result<ReadyProgram, String>, Complaint> {
        let bundle = match &self.options.bundle {
            Some(path) => named_bundle(self.options, path, hash)?,
            None => match self.fetcher().bundle(hash) {
                Ok(bundle) => bundle,
                Err(error) => {
                    return Ok(Err(format!(
                        "the bundle {hash} is not to be had: {error}; --bundle PATH names it"
                    )));
                }
            },
        };
        let engine = of_vm(self.options.engine.engine());
        Ok(ReadyProgram::of_bundle(&*engine, &bundle).map_err(|failure| failure.detail.clone()))
    }
}

fn named_bundle(options: &VerifyOptions, path: &Path, hash: &Hash) -> Result<Bundle, Complaint> {
    let from = options.packages.with(None, options.data.as_deref());
    let bundle = Subject::of(path, &from, &Watch::default())?.built.bundle;
    if bundle.hash() == *hash {
        return Ok(bundle);
    }
    Err(Complaint::Failed(format!(
        "{} gives the bundle {}, the receipt is of {hash}",
        path.display(),
        bundle.hash()
    )))
}

/// The key that signed is the one that is expected.
fn signature(
    options: &VerifyOptions,
    signed: &SignedReceipt,
    report: &mut Report,
) -> Result<(), Complaint> {
    let key = format!("{:?}", signed.receipt().node);
    report.proven(
        "signature",
        format!("the holder of the key {key} signed this receipt"),
    );
    match options.key.as_deref().map(str::trim) {
        Some(wanted) if wanted.len() != 66 || !wanted.bytes().all(|c| c.is_ascii_hexdigit()) => {
            Err(Complaint::Usage(
                "--key is a public key of 66 hexadecimal digits, as `key` in /.well-known/coputer/node"
                    .to_owned(),
            ))
        }
        Some(wanted) if wanted.eq_ignore_ascii_case(&key) => {
            report.proven("key", "that is the key that you named".to_owned());
            Ok(())
        }
        Some(wanted) => {
            report.wrong("key", format!("that is not the key that you named, {wanted}"));
            Ok(())
        }
        None => {
            report.word("key", "whose key that is (--key KEY compares it)");
            Ok(())
        }
    }
}

/// The release is what its publisher signed, and of this very program.
fn release(source: &Sources<'_>, signed: &SignedReceipt, report: &mut Report) {
    let receipt = signed.receipt();
    let Some(named) = &receipt.release else {
        return;
    };
    let found = source
        .fetcher()
        .release(&named.address, &named.name, named.number);
    match found {
        Ok(found) => {
            let release = found.release();
            let differs = [
                ("its hash", found.hash() == named.hash),
                ("its network", release.network == receipt.network),
                ("its bundle", release.bundle == receipt.bundle),
                ("its program", release.package == receipt.program),
                ("its fuel", release.fuel == receipt.limits.fuel),
                (
                    "its memory",
                    release.memory_bytes == receipt.limits.memory_bytes,
                ),
            ];
            match differs.iter().find(|(_, is_same)| !is_same) {
                None => report.proven(
                    "release",
                    format!(
                        "{named} is the publisher's release of this very program, with these limits"
                    ),
                ),
                Some((what, _)) => report.wrong(
                    "release",
                    format!("{named} as its publisher signed it is another one: {what} differs"),
                ),
            }
        }
        Err(error) if error.is_untrue => report.wrong("release", error.to_string()),
        Err(error) => report.word("release", &format!("that the program is {named} ({error})")),
    }
}

/// All that an opened receipt tells.
fn examine(
    source: &Sources<'_>,
    opened: &OpenedReceipt,
    body: Option<&Bytes>,
    report: &mut Report,
) -> Result<(), Complaint> {
    release(source, &opened.signed, report);
    let (all, closed) = (opened.leaves.len(), opened.closed());
    let fits = check::leaves_fit(opened);
    if !fits {
        report.wrong(
            "answers",
            "the questions and answers that were shown are not those that were signed".to_owned(),
        );
    } else if closed < all {
        let some = match closed {
            0 => "the questions and answers that it shows".to_owned(),
            _ => format!("{} of {all} questions and answers", all - closed),
        };
        report.proven(
            "answers",
            format!("{some} are those that were signed, in this order"),
        );
    }
    match check::answer_fits(opened, body) {
        AnswerFits::Yes => report.proven(
            "answer",
            "the answer is the one that was signed: status, headers, cookies and body".to_owned(),
        ),
        AnswerFits::No => report.wrong(
            "answer",
            "the answer is not the one that was signed".to_owned(),
        ),
        AnswerFits::Unknown if matches!(opened.end, OpenEnd::Answer(_)) => report.word(
            "answer",
            "what the answer's body is: it is not in the file; --answer FILE names it",
        ),
        AnswerFits::Unknown => {}
    }
    if fits {
        again(source, opened, report)?;
    }
    words(opened, report);
    Ok(())
}

/// Does the run again.
fn again(
    source: &Sources<'_>,
    opened: &OpenedReceipt,
    report: &mut Report,
) -> Result<(), Complaint> {
    let ready = match source.program(&opened.signed.receipt().bundle)? {
        Ok(ready) => ready,
        Err(why) => {
            report.unproven(format!("what the program does with these answers ({why})"));
            return Ok(());
        }
    };
    let refused =
        |failure: Failure| Complaint::Failed(format!("{}: {}", failure.title, failure.detail));
    match check::rerun(opened, &ready).map_err(refused)? {
        Rerun::Same(record) => report.same(&record),
        Rerun::Different(difference) => report.wrong(
            "outcome",
            format!(
                "done again on the same answers, the run comes out differently: {}; `copc prove-fraud` makes a proof of it",
                difference.what
            ),
        ),
        Rerun::Unknown(why) => {
            report.unproven(format!("what the program does with these answers ({why})"));
        }
    }
    Ok(())
}

/// What nobody but the node can know.
fn words(opened: &OpenedReceipt, report: &mut Report) {
    let of = |wanted: fn(HostCall) -> bool| {
        let open = opened.leaves.iter().filter_map(Leaf::open);
        open.filter(|leaf| wanted(leaf.question.kind)).count()
    };
    if opened.closed() > 0 {
        report.word(
            "closed",
            "what stays closed: what the program read from its store, or drew at random",
        );
    }
    if of(|kind| kind.source() == Source::State) > 0 {
        report.word("state", "that its store held what the program was told");
    }
    if of(|kind| matches!(kind.source(), Source::Outside | Source::OutsideEachTime)) > 0 {
        report.word("outside", "time and randomness that the program was told");
    }
    if opened.signed.receipt().state.is_some() {
        report.word(
            "commits",
            "the numbers of the commits that it read and made",
        );
    }
    report.word("time", "when it was");
}

fn finish(options: &VerifyOptions, report: &Report, opened: Option<&OpenedReceipt>) -> Ended {
    if options.json {
        print(&report.json(opened.filter(|_| options.answers)));
    } else {
        say::out(&report.text(opened.filter(|_| options.answers)));
    }
    report.ended()
}

/// Reads a receipt, an opened one, or a proof: bytes as they are, or a receipt in base64url as a header has it.
fn handed(what: &str) -> Result<Handed, Complaint> {
    let failed = |why: String| {
        let what = if what == "-" { "standard input" } else { what };
        Complaint::Failed(format!(
            "cannot verify {what}: {why}; it can be a URL, a .copreceipt, a .copfraud, or the value of the header Cop-Receipt"
        ))
    };
    let bytes = match what {
        "-" => {
            let mut bytes = Vec::new();
            let most = PROOF_BYTES_MAX as u64 + 1;
            let read = std::io::stdin().take(most).read_to_end(&mut bytes);
            read.map_err(|cause| failed(cause.to_string()))?;
            bytes
        }
        path => read(Path::new(path))?,
    };
    match bytes.get(..4) {
        Some(b"copf") => Ok(Handed::Proof(bytes)),
        Some(b"copo") => OpenedReceipt::decode(&bytes)
            .map(|opened| Handed::Opened(Box::new(opened)))
            .map_err(|error| failed(error.to_string())),
        Some(b"copv") => SignedReceipt::decode(&bytes)
            .map(|signed| Handed::Receipt(Box::new(signed)))
            .map_err(|error| failed(error.to_string())),
        _ => {
            let text = std::str::from_utf8(&bytes).ok().map(str::trim);
            let bytes = text.and_then(from_base64url);
            let bytes = bytes.ok_or_else(|| failed("it is none of these".to_owned()))?;
            SignedReceipt::decode(&bytes)
                .map(|signed| Handed::Receipt(Box::new(signed)))
                .map_err(|error| failed(error.to_string()))
        }
    }
}

/// Reads a file of at most the size of a proof.
pub fn read(path: &Path) -> Result<Vec<u8>, Complaint> {
    let failed = |why: String| Complaint::Failed(format!("cannot read {}: {why}", path.display()));
    let size = std::fs::metadata(path).map_err(|cause| failed(cause.to_string()))?;
    if size.len() > PROOF_BYTES_MAX as u64 {
        return Err(failed(format!(
            "it has {} bytes, at most {PROOF_BYTES_MAX} are allowed",
            size.len()
        )));
    }
    std::fs::read(path).map_err(|cause| failed(cause.to_string()))
}

/// Writes a file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Complaint> {
    std::fs::write(path, bytes)
        .map_err(|cause| Complaint::Failed(format!("cannot write {}: {cause}", path.display())))
}
