//! Packages in a bundle: the one that was published, and those that lay beside it.

use super::*;

/// A bundle with what is needed to read its packages.
pub(super) struct Archive {
    pub(super) bundle: Bundle,
    pub(super) lock: LockFile,
    /// What the prefixes of its packages begin with, and that of its own.
    pub(super) prefix: String,
    pub(super) name: String,
}

/// A package in a folder beside the one that was published.
pub(super) fn in_archive(
    state: &mut State,
    from: &Known,
    path: &str,
    archive: &Arc<Archive>,
) -> Result<Found, Box<Missing>> {
    let folder = join(&from.folder, path);
    let folder = folder.ok_or_else(|| {
        Fault::Untrue.error(format!("`{}` names a package at `{path}`", from.name))
    })?;
    let prefix = format!("{}{}", archive.prefix, prefix_of(&bundled(&folder)));
    if !state.packages.contains_key(&prefix) {
        let known = read_archive(archive, &folder)?;
        state.packages.insert(prefix.clone(), known);
    }
    Ok(Found::Package(prefix))
}

/// Reads the manifest of a package in a bundle.
pub(super) fn read_archive(archive: &Arc<Archive>, folder: &str) -> Result<Known, Box<Missing>> {
    let prefix = prefix_of(&bundled(folder));
    let name = match folder {
        "" => archive.name.clone(),
        folder => format!("{}/{folder}", archive.name),
    };
    let fault = |what: &str| {
        Fault::Untrue
            .error(format!("`{name}` cannot be used"))
            .note(what.to_owned())
            .help("ask its author to publish it again")
    };
    if archive
        .bundle
        .file(&source(&format!("{prefix}{ROOT}")))
        .is_none()
    {
        return refuse(fault("its bundle lacks its root file"));
    }
    let mut known = Known {
        tree: Tree::Bundle(archive.clone()),
        folder: folder.to_owned(),
        name: name.clone(),
        offers: Vec::new(),
        dependencies: Vec::new(),
    };
    if let Some(bytes) = archive.bundle.file(&source(&format!("{prefix}{SETTINGS}"))) {
        let mut diagnostics = Diagnostics::new();
        let text = String::from_utf8_lossy(bytes);
        match manifest::parse(FileId(0), &text, &mut diagnostics) {
            Some(Manifest {
                offers,
                dependencies,
                ..
            }) if !diagnostics.has_errors() => {
                known.offers = offers;
                known.dependencies = dependencies;
            }
            _ => return refuse(fault("its manifest has mistakes")),
        }
    }
    Ok(known)
}
