//! Every code of a diagnostic, with the title of its kind. One list: what is not in it is not used, what is in it is.
//!
//! `E01` lexical, `E02` syntax, `E03` names, `E04` types, `E05` places and `mut`, `E06` matching, `E07` modules
//! and capabilities, `E08` the package,
//! `E09` not yet; `W` warnings, numbered alike.

pub mod explain;

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
    ("E0301", "a name that is not known"),
    ("E0302", "a module without the name that is imported"),
    ("E0303", "a name that is declared twice"),
    ("E0304", "a misplaced `Self`"),
    ("E0305", "an option that is not written `T?`"),
    ("E0306", "a trait in the place of a type"),
    ("E0307", "a module that is not known"),
    ("E0308", "a type with the wrong number of arguments"),
    ("E0309", "an alias that stands for itself"),
    ("E0310", "a type in the place of a trait"),
    ("E0311", "`self` where there is none"),
    ("E0312", "a type parameter of an `impl` that says nothing"),
    ("E0313", "a trait that a type has twice"),
    ("E0314", "a function that the trait does not ask for"),
    ("E0315", "an `impl` that lacks functions"),
    ("E0316", "a function that differs from that of its trait"),
    ("E0317", "a type without finite values"),
    ("E0318", "constants that need each other"),
    ("E0319", "a module in the place of a value"),
    ("E0320", "a name of a pattern that does not hold here"),
    ("E0321", "a field that is not there"),
    ("E0322", "a part of a tuple that is not there"),
    ("E0323", "a variant that two enums have"),
    ("E0324", "a variant or member that is not there"),
    ("E0325", "a type in the place of a value"),
    ("E0326", "a method that several traits have"),
    ("E0327", "a method or function that is not there"),
    ("E0328", "a method called on a value that does not take one"),
    ("E0329", "aliases in too long a row"),
    ("E0330", "an `impl` for every type"),
    ("E0331", "constants in too long a row"),
    ("E0401", "a type that differs from the expected one"),
    ("E0402", "a missing value"),
    ("E0404", "`break` or `continue` outside of a loop"),
    ("E0405", "`return` or `?` outside of a function"),
    ("E0406", "a `let ... else` that goes on"),
    ("E0407", "a value that `for` cannot walk"),
    ("E0408", "a value that is not used"),
    ("E0409", "a type that is needed before it is known"),
    ("E0410", "a value without elements"),
    ("E0411", "a misplaced `?`"),
    ("E0412", "an error of another type than the function's"),
    ("E0413", "a type without a trait that is needed"),
    ("E0414", "a type that nothing tells"),
    ("E0415", "a type that is too large"),
    ("E0416", "an operator that does not work on a type"),
    ("E0417", "`??` without an option"),
    ("E0418", "a wrong number of arguments"),
    ("E0419", "a call of what is not a function"),
    ("E0420", "an argument that a call does not take"),
    ("E0421", "a payload for a variant without one"),
    ("E0422", "a `..` where no struct is built"),
    ("E0423", "a field that is given twice"),
    ("E0424", "a field without its name"),
    ("E0425", "a field or part that is missing"),
    ("E0426", "a lambda with a wrong number of parameters"),
    ("E0430", "a generic function needed for ever more types"),
    ("E0431", "a type argument without a trait that it needs"),
    ("E0432", "a function that is too large"),
    ("E0433", "a constant that ends with a trap"),
    ("E0434", "a program that is too large"),
    ("E0501", "`mut` in a pattern that lends nothing"),
    ("E0502", "`mut` before a value"),
    ("E0503", "a missing `mut`"),
    ("E0504", "`mut` where nothing is lent"),
    ("E0505", "an assignment to what is no place"),
    ("E0506", "a place that is used while it is lent"),
    ("E0507", "a captured variable that is changed"),
    ("E0508", "a constant that is changed"),
    ("E0509", "a place that one call lends twice"),
    ("E0601", "a pattern that the value's type excludes"),
    ("E0602", "a name or field twice in a pattern"),
    ("E0603", "alternatives that bind different names"),
    ("E0604", "a range or list pattern that cannot be"),
    ("E0605", "parentheses in a pattern, missing or too many"),
    ("E0606", "a field in a pattern, by name or by position"),
    ("E0607", "a wrong number of parts in a pattern"),
    ("E0608", "a pattern that can never match"),
    ("E0609", "a `match` that is not exhaustive"),
    ("E0610", "a pattern that may not match"),
    ("E0611", "patterns that are too intricate"),
    ("E0701", "a root file that cannot be read"),
    ("E0702", "a malformed import path"),
    ("E0703", "an import of what is not there"),
    ("E0704", "a file that imports itself"),
    ("E0705", "too many files"),
    ("E0706", "a private name of another file"),
    ("E0707", "a capability that is not a parameter"),
    ("E0708", "a misplaced attribute"),
    ("E0709", "a misplaced `pub` or field"),
    ("E0710", "an `impl` in a foreign package"),
    ("E0711", "an `impl` of a trait that holds by itself"),
    ("E0712", "the inside of an opaque type"),
    ("E0713", "more than one entry point"),
    ("E0714", "an entry point of another form"),
    ("E0715", "a parameter that an entry point cannot have"),
    ("E0801", "a manifest that is not TOML"),
    ("E0802", "an unknown key of a manifest"),
    ("E0803", "a value that a manifest cannot have"),
    ("E0804", "a dependency that the manifest does not name"),
    ("E0805", "a dependency that cannot be named like this"),
    ("E0806", "a package that cannot be had"),
    ("E0807", "a package that is not the one that was named"),
    ("E0808", "packages that import each other"),
    ("E0809", "too many packages"),
    ("E0810", "a lock file that disagrees"),
    ("E0811", "a file that its package does not offer"),
    ("E0901", "an operation that does not exist yet"),
    ("E0909", "not yet: actors"),
    ("W0101", "a doc comment that documents nothing"),
    ("W0102", "`--` at the end of a line"),
    ("W0201", "`??` beside arithmetic"),
    ("W0202", "`-` before a literal that is a receiver"),
    ("W0301", "a deprecated name"),
    ("W0302", "an import that is not used"),
    ("W0303", "an item that is not used"),
    ("W0304", "a variable that is not used"),
    ("W0305", "a variable that hides an item in use"),
    ("W0306", "a method beside that of a built-in trait"),
    ("W0401", "code behind what does not come back"),
    ("W0402", "a trap that is foreseen"),
    ("W0501", "a place that its own call copies"),
    ("W0502", "`..rest` in a function that calls itself"),
    ("W0601", "a pattern that always matches"),
];

/// The title of a code, if there is such a code.
pub fn title(code: &str) -> Option<&'static str> {
    CODES
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, title)| *title)
}

/// The codes nearest to a word that is none, in the order of the list: of the same kind and next in number. Empty if
/// the word is nothing like a code.
pub fn nearest(word: &str, most: usize) -> Vec<&'static str> {
    let letter = word.get(..1).filter(|letter| matches!(*letter, "E" | "W"));
    let number = |code: &str| code.get(1..).and_then(|digits| digits.parse::<u32>().ok());
    let (Some(letter), Some(wanted)) = (letter, number(word)) else {
        return Vec::new();
    };
    let mut near: Vec<(u32, &str)> = CODES
        .iter()
        .filter(|(code, _)| code.starts_with(letter))
        .filter_map(|(code, _)| Some((number(code)?.abs_diff(wanted), *code)))
        .collect();
    near.sort_unstable();
    near.truncate(most);
    let mut near: Vec<&str> = near.into_iter().map(|(_, code)| code).collect();
    near.sort_unstable();
    near
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
    fn a_word_that_is_no_code_has_neighbours() {
        assert_eq!(nearest("E0403", 3), ["E0401", "E0402", "E0404"]);
        assert_eq!(nearest("W9", 1), ["W0101"]);
        assert_eq!(nearest("E4294967295", 1), ["E0909"]);
        for word in ["", "E", "401", "ä1", "Ex", "E99999999999", "panic"] {
            assert_eq!(nearest(word, 3), [""; 0], "{word}");
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
        let without = |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> {
            one.difference(other).cloned().collect()
        };
        assert_eq!(
            without(&used, &listed),
            [""; 0],
            "used, but not in the table"
        );
        assert_eq!(
            without(&listed, &used),
            [""; 0],
            "in the table, but not used"
        );
        assert!(
            CODES.is_sorted_by(|(left, _), (right, _)| left < right),
            "sorted, and each once"
        );
    }
}
