//! Every code of a diagnostic, with the title of its kind. One list: what is not in it is not used.
//!
//! `E01` lexical, `E02` syntax, `E03` names, `E04` types, `E05` places and `mut`, `E06` matching, `E08` manifest,
//! `E09` not yet; `W` warnings.

/// Code and title, in order.
pub const CODES: &[(&str, &str)] = &[];

/// The title of a code, if there is such a code.
pub fn title(code: &str) -> Option<&'static str> {
    CODES
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, title)| *title)
}
