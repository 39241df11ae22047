use super::*;
impl Checker<'_> {
    pub(super) fn cycles(&mut self) {}
}
