//! Folders relative to a package, as its manifest writes them and as its bundle does.
//!
//! A package beside another one lies at a path such as `../shapes`. In a bundle, where no path leads out, each `..` at the
//! beginning is written `^`: `sources/^/shapes/main.cop`. So what a bundle holds is what lay on disk, and a package that
//! several others name is there once.

/// What `..` is called in a bundle. No module can be called that.
const UP: &str = "^";
/// How far up a path may lead.
const MAX_UP: usize = 8;

/// The folder `path`, as seen from `folder`; both relative to the same place, the result without `.` and with `..` at its
/// beginning only. `""` is the place itself. `None` if it leads too far up.
pub fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let up = parts.iter().filter(|part| **part == "..").count();
    (up <= MAX_UP).then(|| parts.join("/"))
}

/// A path as a bundle writes it.
pub fn bundled(path: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        ".." => UP,
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The path that a bundle writes like this.
pub fn unbundled(path: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        UP => "..",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_one_spelling() {
        for (folder, path, joined) in [
            ("", "../shapes", "../shapes"),
            ("", "./libs/./x", "libs/x"),
            ("../shapes", "../text", "../text"),
            ("../shapes", "..", ".."),
            ("libs/x", "..", "libs"),
            ("libs/x", "../..", ""),
            ("libs/x", "../../../y", "../y"),
            ("", ".", ""),
            ("../a", "../../b//c/", "../../b/c"),
        ] {
            assert_eq!(
                join(folder, path).as_deref(),
                Some(joined),
                "{folder} {path}"
            );
        }
        assert_eq!(join("", &"../".repeat(9)), None);
    }

    #[test]
    fn bundles_lead_nowhere_out() {
        assert_eq!(bundled("../../a/main.cop"), "^/^/a/main.cop");
        for path in ["../../a/main.cop", "main.cop", "a/b.cop"] {
            assert_eq!(unbundled(&bundled(path)), path);
        }
    }
}
