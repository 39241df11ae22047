//! Every code of a diagnostic, with the title of its kind. One list: what is not in it is not used, what is in it is.
//!
//! `E01` lexical, `E02` syntax, `E03` names, `E04` types, `E05` places and `mut`, `E06` matching, `E08` the package,
//! `E09` not yet; `W` warnings, numbered alike.

/// Code and title, in order.
pub const CODES: &[(&str, &str)] = &[
    ("E0101", "a semicolon"),
    ("E0102", "a character or comment that cop does not have"),
    ("E0103", "a malformed number"),
    ("E0104", "a number that is too large"),
    ("E0105", "brackets that do not match"),
    ("E0106", "a string that is not closed"),
    ("E0107", "an unknown escape"),
    ("E0108", "a text block with a line that is not indented"),
    ("E0109", "a line in brackets that starts like a new operand"),
    ("E0110", "a malformed character or byte"),
    ("E0111", "brackets nested too deep"),
    ("E0112", "an invisible character"),
    ("E0113", "a source file that is too large"),
    ("E0201", "something else was expected"),
    ("E0202", "a habit of another language"),
    ("E0203", "something is missing or out of place"),
    ("E0204", "a line that ends too early"),
    ("E0210", "an expression or type nested too deep"),
    ("E0211", "a misplaced `self`"),
    ("E0213", "a statement that is never reached"),
    ("E0214", "a misplaced `..`"),
    ("E0215", "a payload that is named in part"),
    ("E0216", "a tuple of one part"),
    ("E0501", "`mut` in a pattern that lends nothing"),
    ("E0801", "a manifest that is not TOML"),
    ("E0802", "an unknown key of a manifest"),
    ("E0803", "a value that a manifest cannot have"),
    ("W0101", "a doc comment that documents nothing"),
    ("W0102", "`--` at the end of a line"),
    ("W0201", "`??` beside arithmetic"),
    ("W0202", "`-` before a literal that is a receiver"),
];

/// The title of a code, if there is such a code.
pub fn title(code: &str) -> Option<&'static str> {
    CODES
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, title)| *title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// The codes that a file of ours mentions as string literals.
    fn mentioned(path: &Path, found: &mut BTreeSet<String>) {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).expect("a folder of ours");
            entries.for_each(|entry| mentioned(&entry.expect("an entry").path(), found));
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("codes.rs") {
            let text = std::fs::read_to_string(path).expect("a file of ours");
            let literals = text.split('"').filter(|part| {
                let mut letters = part.chars();
                part.len() == 5
                    && matches!(letters.next(), Some('E' | 'W'))
                    && letters.all(|letter| letter.is_ascii_digit())
            });
            found.extend(literals.map(String::from));
        }
    }

    #[test]
    fn the_table_has_exactly_the_codes_in_use() {
        let mut used = BTreeSet::new();
        mentioned(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut used,
        );
        let listed: BTreeSet<String> = CODES.iter().map(|(code, _)| code.to_string()).collect();
        assert_eq!(listed, used);
        assert!(
            CODES.is_sorted_by(|(left, _), (right, _)| left < right),
            "sorted, and each once"
        );
    }
}
