//! What the grammar's actions do: they build the tree, and look after what the grammar leaves open.
//!
//! Actions cannot fail. What they find wrong goes to [`Context::found`], which counts only if the whole file was parsed;
//! a run that ends in a syntax error is thrown away with its context.

#![expect(
    clippy::vec_box,
    clippy::boxed_local,
    reason = "all symbols on the parser's stack take the room of the largest"
)]

mod exprs;
mod items;
mod patterns;
mod stmts;
mod types;

pub use items::{Member, RawParameter};

use crate::ast::{Doc, MAX_DEPTH};
use crate::diagnostic::Diagnostic;
use crate::source::{FileId, Span};
use std::collections::{BTreeMap, BTreeSet};

/// What the actions of one run share.
pub struct Context {
    /// The file that is read.
    pub file: FileId,
    /// Doc comments by the first byte of what they stand above.
    docs: BTreeMap<usize, Doc>,
    used_docs: BTreeSet<usize>,
    /// Errors and warnings that need no second look at the tokens.
    pub found: Vec<Diagnostic>,
    /// Nothing was left out.
    pub complete: bool,
    /// The integer literal read last, if it is decimal: a `-` reduced next, right before it, belongs to it.
    last_decimal: Option<Span>,
    /// Literals `9223372036854775808` that no `-` has claimed yet.
    unsigned_min: BTreeSet<Span>,
    /// The nesting limit has been reported.
    too_deep: bool,
}

impl Context {
    pub fn new(file: FileId, docs: BTreeMap<usize, Doc>) -> Self {
        Context {
            file,
            docs,
            used_docs: BTreeSet::new(),
            found: Vec::new(),
            complete: true,
            last_decimal: None,
            unsigned_min: BTreeSet::new(),
            too_deep: false,
        }
    }

    pub fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end.max(start))
    }

    /// What can be told only when the file has been read.
    pub fn finish(&mut self) {
        // What a doc comment stood above may be among what did not parse.
        let docs = if self.complete {
            std::mem::take(&mut self.docs)
        } else {
            BTreeMap::new()
        };
        for (_, doc) in docs.iter().filter(|(at, _)| !self.used_docs.contains(at)) {
            self.found.push(crate::lexer::lost_doc(doc.span));
        }
        for span in std::mem::take(&mut self.unsigned_min) {
            self.found.push(
                min_magnitude(span)
                    .help("the smallest `Int` is `Int.min_value`, the largest `Int.max_value`"),
            );
        }
    }

    /// Reports a literal that would fit if the `-` before it belonged to it: `-9223372036854775808.abs()`. Gives whether
    /// it is one.
    pub fn claim_min(&mut self, minus: Span, literal: Span) -> bool {
        let found = self.unsigned_min.remove(&literal);
        if found {
            let error = min_magnitude(literal).help("the smallest `Int` has a name");
            self.found
                .push(error.edit(minus.to(literal), "Int.min_value"));
        }
        found
    }

    fn docs_at(&mut self, start: usize) -> Option<Doc> {
        let doc = self.docs.get(&start).copied();
        if doc.is_some() {
            self.used_docs.insert(start);
        }
        doc
    }

    /// `(a,)`.
    fn lone_tuple(&mut self, span: Span) {
        let error = Diagnostic::error("E0216", "a tuple has at least two parts")
            .at(span, "only one part before the comma")
            .help("leave the comma out, or write `()` for nothing");
        self.found.push(error);
    }

    fn report_depth(&mut self, span: Span) {
        if !self.too_deep {
            self.too_deep = true;
            let error =
                Diagnostic::error("E0210", format!("nested more than {MAX_DEPTH} levels deep"))
                    .at(
                        span,
                        "each operator, call, bracket, block and `else if` is a level",
                    )
                    .help("give parts of it names, as variables or functions");
            self.found.push(error);
        }
    }
}

/// The error for `9223372036854775808` without a sign.
fn min_magnitude(span: Span) -> Diagnostic {
    Diagnostic::error("E0104", "number does not fit in an `Int`")
        .at(span, "only with a `-` right before it does this fit")
}
