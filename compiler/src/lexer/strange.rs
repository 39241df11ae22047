//! Characters that do not belong in a program.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{FileId, Span};
use std::ops::Range;

/// Errors for a byte-order mark, for characters that change the direction of text, and for lone carriage returns.
/// `strings` are the texts of strings, in order.
pub fn check(file: FileId, text: &str, strings: &[Range<usize>]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let span = |at: usize, size: usize| Span::new(file, at, at + size);
    if text.starts_with('\u{feff}') {
        let mark = Diagnostic::error("E0112", "the file starts with a byte-order mark")
            .at(span(0, 3), "")
            .help("save it as UTF-8 without the mark")
            .edit(span(0, 3), "");
        found.push(mark);
    }
    let not_ascii = if text.is_ascii() { "" } else { text };
    for (at, character) in not_ascii
        .char_indices()
        .filter(|(_, character)| changes_direction(*character))
        .take(Diagnostics::KEPT)
    {
        let place = span(at, character.len_utf8());
        let strings_before = &strings[..strings.partition_point(|string| string.start <= at)];
        let in_string = strings_before
            .last()
            .is_some_and(|string| string.contains(&at));
        let number = u32::from(character);
        let error = Diagnostic::error(
            "E0112",
            format!("the invisible character U+{number:04X} changes the direction of text"),
        )
        .at(place, "what is shown here is not what is read");
        found.push(match in_string {
            true => error
                .help("write it as an escape")
                .edit(place, format!("\\u{{{number:x}}}")),
            false => error.help("remove it").edit(place, ""),
        });
    }
    let lone = memchr::memchr_iter(b'\r', text.as_bytes())
        .find(|&at| text.as_bytes().get(at + 1) != Some(&b'\n'));
    if let Some(at) = lone {
        let error = Diagnostic::error("E0112", "a carriage return without a line feed")
            .at(span(at, 1), "")
            .help("lines end with LF or CRLF; in a string write `\\r`");
        found.push(error);
    }
    found
}

/// The bidirectional control characters of Unicode.
fn changes_direction(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The error for a character that starts no token; `None` if [`check`] reports it.
#[expect(
    clippy::disallowed_methods,
    reason = "only the words of a message depend on it"
)]
pub fn unknown(character: char, span: Span) -> Option<Diagnostic> {
    if changes_direction(character) {
        return None;
    }
    let title = match character {
        '\u{feff}' => "a byte-order mark inside the file".to_string(),
        _ if character.is_control() || character.is_whitespace() => {
            format!("the invisible character U+{:04X}", u32::from(character))
        }
        _ => format!("`{character}` means nothing here"),
    };
    let error = Diagnostic::error("E0102", title).at(span, "");
    Some(match character {
        '#' => error.help("comments start with `//`, attributes with `@`"),
        '`' => error.help("strings are written `\"...\"`, over several lines `\"\"\"`"),
        '$' => error.help("`${...}` is for strings; names have no `$`"),
        '\\' => error.help("a line goes on when it ends with an operator or inside brackets"),
        '\u{201c}' | '\u{201d}' | '\u{201e}' => error.help("quotes are straight").edit(span, "\""),
        '\u{2018}' | '\u{2019}' => error.help("quotes are straight").edit(span, "'"),
        '\u{2013}' | '\u{2212}' => error.help("a minus is `-`").edit(span, "-"),
        '≤' => error.help("less or equal is `<=`").edit(span, "<="),
        '≥' => error.help("greater or equal is `>=`").edit(span, ">="),
        '≠' => error.help("not equal is `!=`").edit(span, "!="),
        _ if character.is_whitespace() || character.is_control() => error
            .help("between tokens stand blanks, tabs and line breaks")
            .edit(span, " "),
        _ if character.is_alphanumeric() => {
            error.help("names are made of ASCII letters, digits and `_`")
        }
        _ => error,
    })
}
