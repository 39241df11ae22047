//! `copc new`: a new program from a template.

use std::io;
use std::path::Path;

use cop_runtime::ProgramName;
use coputer::project::{ROOT, SETTINGS};

use crate::arguments::NewOptions;
use crate::ended::{Complaint, Ended};
use crate::say;

const COMMAND: &str = include_str!("template/command.cop");
const WEB: &str = include_str!("template/web.cop");
const LIBRARY: &str = include_str!("template/library.cop");
const MANIFEST: &str = include_str!("template/cop.toml");
const IGNORED: &str = "/build/\n";
/// What stands for the program's name in a template.
const NAME: &str = "NAME";

/// Makes the folder of a new program. Nothing that exists is changed.
pub fn new(options: &NewOptions) -> Result<Ended, Complaint> {
    let path = &options.path;
    let name = name_of(path)?;
    let source = match options {
        NewOptions { lib: true, .. } => LIBRARY,
        NewOptions { web: true, .. } => WEB,
        _ => COMMAND,
    };
    let files = [
        (SETTINGS, MANIFEST.replace(NAME, name.as_str())),
        (ROOT, source.replace(NAME, name.as_str())),
        (".gitignore", IGNORED.to_owned()),
    ];
    make_folder(path)?;
    for (file, text) in files {
        let file = path.join(file);
        let mut options = std::fs::OpenOptions::new();
        options
            .write(true)
            .create_new(true)
            .open(&file)
            .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()))
            .map_err(|cause| {
                Complaint::Failed(format!("cannot write {}: {cause}", file.display()))
            })?;
    }
    let shown = path.display();
    let (what, run) = match options {
        NewOptions { lib: true, .. } => (
            "library",
            format!(
                "{:<22} in another package: use it there",
                format!("copc add ../{name}")
            ),
        ),
        NewOptions { web: true, .. } => (
            "web program",
            "copc run               ask it for / once".to_owned(),
        ),
        _ => ("command", "copc run -- Ada        run it".to_owned()),
    };
    say::out(&format!(
        "{} {shown} holds a new {what}: {SETTINGS}, {ROOT}, .gitignore\n\n\
         Next:\n\
         \x20 cd {shown}\n\
         \x20 copc test              run its test\n\
         \x20 {run}\n\
         \x20 copc publish           hand it to your node (copd start)\n",
        say::green("ok:"),
    ));
    Ok(Ended::Well)
}

/// The last part of the path, which must be a program's name.
fn name_of(path: &Path) -> Result<ProgramName, Complaint> {
    let name = path
        .file_name()
        .ok_or_else(|| {
            Complaint::Usage(format!(
                "`{}` does not end with a name; write, for instance, `copc new hello`",
                path.display()
            ))
        })?
        .to_string_lossy();
    name.parse()
        .map_err(|why: cop_runtime::address::NameError| {
            Complaint::Usage(format!(
                "`{name}` cannot be a program's name: {why}; a name is 1 to 20 of a-z, 0-9 and single hyphens"
            ))
        })
}

/// Makes the folder; one that exists must be empty.
fn make_folder(path: &Path) -> Result<(), Complaint> {
    let failed = |cause: io::Error| {
        Complaint::Failed(format!(
            "cannot make the folder {}: {cause}",
            path.display()
        ))
    };
    match std::fs::create_dir(path) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            let is_empty = path.is_dir() && path.read_dir().map_err(failed)?.next().is_none();
            if is_empty {
                return Ok(());
            }
            Err(Complaint::Failed(format!(
                "{} exists already, and was left alone; choose another name",
                path.display()
            )))
        }
        made => made.map_err(failed),
    }
}
