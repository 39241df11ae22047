//! The examples of this repository, as they were when the binary was made.

use std::collections::BTreeMap;

use crate::project::{Project, ProjectError};

/// Files of a program: path within the package, and content.
type Files = &'static [(&'static str, &'static [u8])];

static EXAMPLES: &[(&str, Files)] = &include!(concat!(env!("OUT_DIR"), "/examples.rs"));

/// Every example as a project, sorted by name.
///
/// # Errors
/// An example is not a project; the tests make sure that this does not happen.
pub fn examples() -> Result<Vec<Project>, ProjectError> {
    let project = |(name, files): &(&str, Files)| {
        let files: BTreeMap<String, Vec<u8>> = files
            .iter()
            .map(|(path, content)| ((*path).to_owned(), content.to_vec()))
            .collect();
        Project::in_memory(name, files)
    };
    EXAMPLES.iter().map(project).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_a_project() {
        let names: Vec<String> = examples()
            .expect("projects")
            .iter()
            .map(|project| project.name.to_string())
            .collect();
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(names, sorted);
    }

    /// The System page shows the sources of all examples; its table is made here.
    ///
    /// After a change of an example: `UPDATE=1 cargo test -p coputer --lib examples`
    #[test]
    fn the_system_page_shows_the_examples_as_they_are() {
        let file = |name: &str, path: &str| {
            let (_, files) = EXAMPLES.iter().find(|(known, _)| *known == name)?;
            let (_, text) = files.iter().find(|(known, _)| *known == path)?;
            std::str::from_utf8(text).ok()
        };
        let mut table = String::from(
            "//! The source of every example, as text. Made from the files themselves; a test holds it against them and says how.\n\n\
             /// The source of the example of that name: its root file.\n\
             pub fn source_of(name: String) -> String? {\n    match name {\n",
        );
        for (name, _) in EXAMPLES {
            table.push_str(&format!("        \"{name}\" => Some({name})\n"));
        }
        table.push_str(
            "        _ => None\n    }\n}\n\n\
             /// How many lines the source of that example has.\n\
             pub fn lines_of(name: String) -> Int { (source_of(name) ?? \"\").lines().len() }\n",
        );
        for (name, _) in EXAMPLES {
            let text = file(name, "main.cop").expect("a root file");
            table.push_str(&format!("\nconst {name} = \"\"\"\n"));
            for line in text.lines() {
                let line = line
                    .replace('\\', "\\\\")
                    .replace("${", "\\${")
                    .replace("\"\"\"", "\"\"\\\"");
                let indent = if line.is_empty() { "" } else { "    " };
                table.push_str(&format!("{indent}{line}\n"));
            }
            table.push_str("    \"\"\"\n");
        }
        if std::env::var_os("UPDATE").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/system/sources.cop");
            std::fs::write(path, &table).expect("the table is written");
        } else {
            assert_eq!(file("system", "sources.cop"), Some(table.as_str()));
        }
    }
}
