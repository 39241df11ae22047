//! Comments, and what they document.

use super::Scanner;
use crate::ast::Doc;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use std::ops::Range;

/// Lines of a doc comment, as they come.
pub struct DocLines {
    place: Range<usize>,
}

impl DocLines {
    fn add(lines: &mut Option<Self>, place: Range<usize>) {
        match lines {
            Some(lines) => lines.place.end = place.end,
            None => *lines = Some(DocLines { place }),
        }
    }
}

impl Scanner<'_> {
    pub(super) fn comment(&mut self, span: Range<usize>) {
        let comment = &self.text.as_bytes()[span.clone()];
        match comment {
            [b'/', b'/', b'!', ..] => self.module_doc(span),
            [b'/', b'/', b'/', b'/', ..] => {}
            [b'/', b'/', b'/', ..] => DocLines::add(&mut self.doc, span),
            _ => {}
        }
    }

    fn module_doc(&mut self, span: Range<usize>) {
        if !self.out.tokens.is_empty() {
            let warning =
                Diagnostic::warning("W0101", "`//!` below the top of the file documents nothing")
                    .at(
                        self.span(span),
                        "only lines above the first item describe the module",
                    )
                    .help("write `//`, or move it to the top");
            self.out.found.push(warning);
            return;
        }
        DocLines::add(&mut self.module_doc, span);
    }

    /// Doc comments as the tree has them.
    pub(super) fn doc(&self, lines: DocLines) -> Doc {
        Doc {
            span: self.span(lines.place),
        }
    }

    /// Doc comments at the very end of the file have no token to wait for.
    pub(super) fn warn_of_lost_docs(&mut self) {
        if let Some(lines) = self.doc.take() {
            let span = self.span(lines.place);
            self.out.found.push(lost_doc(span));
        }
    }

    pub(super) fn block_comment(&mut self, span: Range<usize>) {
        let rest = self.logos.remainder();
        let size = rest.find("*/").map_or(rest.len(), |at| at + 2);
        self.logos.bump(size);
        let whole = span.start..span.end + size;
        let mut found = Diagnostic::error("E0102", "there are no block comments")
            .at(self.span(whole.clone()), "")
            .help("start each line of the comment with `//`");
        let inside = self.text[span.end..whole.end]
            .trim_end_matches("*/")
            .trim_end();
        let line_ends = self.text[whole.end..].trim_start_matches([' ', '\t', '\r']);
        if !inside.contains('\n') && (line_ends.is_empty() || line_ends.starts_with('\n')) {
            found = found.edit(self.span(whole), format!("//{inside}"));
        }
        self.out.found.push(found);
    }
}

/// The warning for a doc comment that stands above nothing that can be documented.
pub fn lost_doc(span: Span) -> Diagnostic {
    Diagnostic::warning("W0101", "this comment documents nothing")
        .at(span, "below it stands no item, member, field or variant")
        .help("write `//` for a remark")
}
