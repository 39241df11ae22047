//! `copc explain`: pages, titles, unknown codes.

use cop_compiler::codes::CODES;

use crate::copc::{copc, folder_with};

#[test]
fn copc_explains_every_code_that_it_lists() {
    let folder = folder_with(&[]);
    let listed = copc(folder.path(), &["explain"]);
    let listed: Vec<&str> = listed.well().lines().collect();
    assert_eq!(listed.len(), CODES.len());
    for ((code, title), line) in CODES.iter().zip(listed) {
        assert_eq!(line, format!("{code}  {title}"));
    }
    let told = copc(folder.path(), &["explain", "e0401"]);
    assert!(
        told.well()
            .starts_with("E0401: a type that differs from the expected one\n\n"),
        "{told:?}"
    );
    for part in ["Wrong:\n\n    fn main", "Right:\n\n    fn main"] {
        assert!(told.output.contains(part), "no `{part}` in {told:?}");
    }
}

#[test]
fn copc_names_the_codes_near_one_that_there_is_not() {
    let folder = folder_with(&[]);
    let at = folder.path();
    copc(at, &["explain", "E0403"]).refused(2, &["`E0403`", "E0401  a type", "E0402", "E0404"]);
    copc(at, &["explain", "nonsense"]).refused(2, &["`nonsense`", "`copc explain`"]);
    copc(at, &["explain", "OutOfFuel"]).refused(2, &["`OutOfFuel` is a trap"]);
    copc(at, &["explain", ""]).refused(2, &["``"]);
    copc(at, &["explain", "E0401", "E0402"]).refused(2, &["E0402"]);
}
