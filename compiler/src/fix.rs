//! The edits that messages offer, applied.

use crate::diagnostic::{Diagnostic, Diagnostics, Edit};
use crate::source::FileId;

/// The text of a file with the edits that messages offer for it, and how many messages they belong to. Of messages
/// whose edits overlap only the first is heeded, as are messages whose edits lie all in this file; what became of the
/// others shows when the result is compiled again.
pub fn apply(file: FileId, text: &str, diagnostics: &Diagnostics) -> (String, usize) {
    let mut taken: Vec<&Edit> = Vec::new();
    let mut count = 0;
    for diagnostic in diagnostics.sorted() {
        if offers(diagnostic, file) && !diagnostic.edits.iter().any(|edit| overlaps(edit, &taken)) {
            taken.extend(&diagnostic.edits);
            count += 1;
        }
    }
    // Of edits at one place the first offered comes first.
    taken.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in taken {
        out.push_str(&text[at..edit.span.start as usize]);
        out.push_str(&edit.text);
        at = edit.span.end as usize;
    }
    out.push_str(&text[at..]);
    (out, count)
}

/// Whether a message offers edits, all of this file.
fn offers(diagnostic: &Diagnostic, file: FileId) -> bool {
    let edits = &diagnostic.edits;
    !edits.is_empty() && edits.iter().all(|edit| edit.span.file == file)
}

/// Whether an edit touches what another one changes, or stands where another one does.
fn overlaps(edit: &Edit, taken: &[&Edit]) -> bool {
    taken.iter().any(|other| {
        edit.span.start < other.span.end && other.span.start < edit.span.end
            || edit.span.start == other.span.start
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    #[test]
    fn edits_are_applied_unless_they_overlap() {
        let span = |start, end| Span::new(FileId(0), start, end);
        let mut all = Diagnostics::new();
        let error = |at| Diagnostic::error("E0101", "wrong").at(span(at, at + 1), "");
        all.push(error(8).edit(span(8, 9), "I"));
        all.push(error(0).edit(span(0, 1), "A").edit(span(4, 4), "-"));
        all.push(error(3).edit(span(3, 5), "lost"));
        all.push(error(5));
        all.push(error(6).edit(Span::new(FileId(1), 0, 1), "elsewhere"));
        let (text, count) = apply(FileId(0), "abcdefghi", &all);
        assert_eq!((text.as_str(), count), ("Abcd-efghI", 2));
    }
}
