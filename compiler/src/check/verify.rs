use super::body::BodyCx;
use super::*;
pub(super) struct Verifier<'b> {
    body: &'b hir::Body,
    out: Vec<Diagnostic>,
}
impl<'b> Verifier<'b> {
    pub(super) fn new(_cx: &BodyCx, body: &'b hir::Body) -> Self {
        Verifier {
            body,
            out: Vec::new(),
        }
    }
    pub(super) fn run(self) -> Vec<Diagnostic> {
        let _ = self.body;
        self.out
    }
}
