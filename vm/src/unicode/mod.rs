//! Unicode as the edition has it: properties and case mappings from tables of our own, so that a newer
//! toolchain changes no outcome.

mod tables;

pub use tables::VERSION;

fn holds(table: &[(u32, u32)], c: char) -> bool {
    let code = u32::from(c);
    let after = table.partition_point(|(first, _)| *first <= code);
    after > 0 && table[after - 1].1 >= code
}

fn mapped(table: &'static [(u32, &'static str)], c: char) -> Option<&'static str> {
    let place = table
        .binary_search_by_key(&u32::from(c), |(from, _)| *from)
        .ok()?;
    Some(table[place].1)
}

/// White_Space.
pub fn is_space(c: char) -> bool {
    if c.is_ascii() {
        matches!(c, '\t'..='\r' | ' ')
    } else {
        holds(tables::WHITE_SPACE, c)
    }
}

/// Alphabetic.
pub fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphabetic()
    } else {
        holds(tables::ALPHABETIC, c)
    }
}

/// Uppercase.
pub fn is_upper(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_uppercase()
    } else {
        holds(tables::UPPERCASE, c)
    }
}

/// Lowercase.
pub fn is_lower(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_lowercase()
    } else {
        holds(tables::LOWERCASE, c)
    }
}

/// Hands over the full upper-case mapping of a character.
pub fn upper(c: char, out: &mut dyn FnMut(char)) {
    if c.is_ascii() {
        return out(c.to_ascii_uppercase());
    }
    match mapped(tables::TO_UPPER, c) {
        Some(to) => to.chars().for_each(out),
        None => out(c),
    }
}

/// Hands over the full lower-case mapping of a character.
pub fn lower(c: char, out: &mut dyn FnMut(char)) {
    if c.is_ascii() {
        return out(c.to_ascii_lowercase());
    }
    match mapped(tables::TO_LOWER, c) {
        Some(to) => to.chars().for_each(out),
        None => out(c),
    }
}

/// Hands over the full upper-case mapping of a text.
pub fn to_upper(text: &str, out: &mut dyn FnMut(char)) {
    text.chars().for_each(|c| upper(c, out));
}

/// Hands over the full lower-case mapping of a text. A capital sigma at the end of a word becomes the final one:
/// something cased stands before it and nothing cased after it, what is case-ignorable passed over.
pub fn to_lower(text: &str, out: &mut dyn FnMut(char)) {
    if !text.contains('Σ') {
        return text.chars().for_each(|c| lower(c, out));
    }
    // Whether the nearest character before that is not case-ignorable is cased.
    let mut cased_before = false;
    for (at, c) in text.char_indices() {
        if c == 'Σ' {
            // Each scan stops at the next sigma at the latest, so together they are one pass.
            let mut rest = text[at + c.len_utf8()..]
                .chars()
                .skip_while(|c| holds(tables::CASE_IGNORABLE, *c));
            let cased_after = rest.next().is_some_and(|c| holds(tables::CASED, c));
            out(if cased_before && !cased_after {
                'ς'
            } else {
                'σ'
            });
        } else {
            lower(c, out);
        }
        if !holds(tables::CASE_IGNORABLE, c) {
            cased_before = holds(tables::CASED, c);
        }
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tables are compared with what the toolchain knows"
)]
mod tests {
    use super::*;

    fn collected(map: fn(&str, &mut dyn FnMut(char)), text: &str) -> String {
        let mut out = String::new();
        map(text, &mut |c| out.push(c));
        out
    }

    #[test]
    fn special_mappings() {
        assert_eq!(collected(to_upper, "straße ŉ ﬃ"), "STRASSE ʼN FFI");
        assert_eq!(collected(to_lower, "İ"), "i\u{307}");
        assert_eq!(
            collected(to_lower, "ΌΔΟΣ ΣΑΣ Σ ΑΣ. ΑΣ.Β Α\u{301}Σ"),
            "όδος σας σ ας. ας.β α\u{301}ς".replace("ας.β", "ασ.β")
        );
    }

    #[test]
    fn final_sigma_is_the_standard_librarys() {
        for text in [
            "ΑΣ",
            "Σ",
            "ΑΣΣ",
            "ΑΣ'Σ",
            "1Σ",
            "ΑΣ1",
            "Α:Σ",
            "ΑΣ:Β",
            "ΑΣ::",
            "ʰΣ",
            "ΣΣ ΣΑ",
            "ΑΣ\u{ad}Β",
            "Α.Σ.Β.Σ",
        ] {
            assert_eq!(collected(to_lower, text), text.to_lowercase(), "{text}");
        }
    }

    /// A toolchain with a newer Unicode may differ, and then this test has nothing to say.
    #[test]
    fn tables_agree_with_the_toolchain_of_the_same_unicode() {
        if VERSION != char::UNICODE_VERSION {
            return;
        }
        for c in '\0'..=char::MAX {
            assert_eq!(is_space(c), c.is_whitespace(), "{c:?}");
            assert_eq!(is_letter(c), c.is_alphabetic(), "{c:?}");
            assert_eq!(is_upper(c), c.is_uppercase(), "{c:?}");
            assert_eq!(is_lower(c), c.is_lowercase(), "{c:?}");
            let (mut upper, mut lower) = (String::new(), String::new());
            super::upper(c, &mut |c| upper.push(c));
            super::lower(c, &mut |c| lower.push(c));
            assert!(
                c.to_uppercase().eq(upper.chars()) && c.to_lowercase().eq(lower.chars()),
                "{c:?}"
            );
        }
    }
}
