use super::body::BodyCx;
use super::*;
impl Checker<'_> {
    pub(super) fn unused(&mut self) {}
}
impl BodyCx<'_, '_> {
    pub(super) fn unused_locals(&mut self, _params: usize) {}
}
