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
}
