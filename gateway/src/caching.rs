//! What HTTP caches are told about an answer, from what it depended on.
//!
//! The strictest row that applies wins:
//!
//! | the answer depended on | [`Rule`] | `Cache-Control` |
//! |---|---|---|
//! | method, host, path, query; URL pinned by hash | `Forever` | `public, max-age=31536000, immutable` |
//! | the same, URL by name; also state or coarse time | `Revalidate` | `public, no-cache`, with `ETag` |
//! | also `accept…` headers | `Revalidate` | likewise, with `Vary` of just these |
//! | a cookie, any other header, the body | `Private` | `private, no-cache`, without `ETag` |
//! | exact time or random bytes; or it sets a cookie, wrote, or trapped | `Never` | `no-store` |
//!
//! A program's own `Cache-Control` replaces ours, except that it cannot loosen the last two rows.

use cop_runtime::{RunInfo, WebAnswer};
use warp::http::{HeaderMap, HeaderValue, header};

use crate::encoding::Coding;
use crate::target::Form;

/// Row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    Forever,
    Revalidate,
    Private,
    Never,
}

/// Headers whose values choose among representations; an answer that read only these is still everyone's.
const NEGOTIATED: [&str; 3] = ["accept", "accept-encoding", "accept-language"];

/// The row for an answer.
pub(crate) fn rule(answer: &WebAnswer, form: Form) -> Rule {
    let RunInfo { depends, wrote, .. } = &answer.info;
    let sets_cookie =
        !answer.cookies.is_empty() || answer.headers.iter().any(|(name, _)| name == "set-cookie");
    // The host is part of the URL, so it sets nobody apart.
    let personal = |name: &String| name != "host" && !NEGOTIATED.contains(&name.as_str());
    if depends.unrepeatable || sets_cookie || *wrote {
        Rule::Never
    } else if depends.cookies || depends.body || depends.headers.iter().any(personal) {
        Rule::Private
    } else if form == Form::Pinned && !depends.state && !depends.coarse_time {
        Rule::Forever
    } else {
        Rule::Revalidate
    }
}

/// The value of `Cache-Control` under a rule, if the program asked for `own`.
pub(crate) fn cache_control(rule: Rule, own: Option<&str>) -> String {
    let ours = match rule {
        Rule::Forever => "public, max-age=31536000, immutable",
        Rule::Revalidate => "public, no-cache",
        Rule::Private => "private, no-cache",
        Rule::Never => "no-store",
    };
    let says = |directive: &str| {
        own.is_some_and(|own| {
            own.split(',').any(|part| {
                part.split('=')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .eq_ignore_ascii_case(directive)
            })
        })
    };
    match own {
        Some(own) if rule <= Rule::Revalidate => own.to_owned(),
        Some(own) if rule == Rule::Private && (says("private") || says("no-store")) => {
            own.to_owned()
        }
        Some(own) if rule == Rule::Never && says("no-store") => own.to_owned(),
        _ => ours.to_owned(),
    }
}

/// The `Vary` of an answer: the negotiated headers that it read, after those that the program names itself.
pub(crate) fn vary(answer: &WebAnswer, own: Option<&str>) -> Option<String> {
    let mut names: Vec<String> = own
        .into_iter()
        .flat_map(|own| own.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    for name in &answer.info.depends.headers {
        if NEGOTIATED.contains(&name.as_str()) {
            names.push(name.clone());
        }
    }
    names.retain(|name| !name.is_empty());
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    (!names.is_empty()).then(|| names.join(", "))
}

/// The `ETag` of an answer: it changes when status, headers or body do.
pub(crate) fn etag(answer: &WebAnswer) -> String {
    // Lengths come first, so no two different answers hash the same bytes.
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(&answer.status.to_le_bytes());
    for (name, value) in &answer.headers {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    part(b"");
    part(&answer.body);
    // The first 16 bytes: 32 digits.
    format!("\"{}\"", &hasher.finalize().to_hex()[..32])
}

/// The tag of an answer when it is sent in this coding.
pub(crate) fn coded_tag(etag: &str, coding: Coding) -> String {
    format!(
        "{}-{}\"",
        etag.strip_suffix('"').unwrap_or(etag),
        coding.name()
    )
}

/// Which tag of an answer an `If-None-Match` header names: its own, or that of a compressed form. The comparison is weak, as
/// it must be.
pub(crate) fn matched(if_none_match: &str, etag: &str) -> Option<String> {
    let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    if if_none_match.trim() == "*" {
        return Some(etag.to_owned());
    }
    let names = |tag: &String| {
        if_none_match
            .split(',')
            .any(|named| weak(named) == weak(tag))
    };
    let coded = Coding::ALL.map(|coding| coded_tag(etag, coding));
    std::iter::once(etag.to_owned()).chain(coded).find(names)
}

/// Says that an answer also depends on a header of the request.
pub(crate) fn add_vary(headers: &mut HeaderMap, name: &str) {
    let own = headers
        .get(header::VARY)
        .and_then(|vary| vary.to_str().ok())
        .unwrap_or_default();
    if own
        .split(',')
        .any(|known| known.trim() == name || known.trim() == "*")
    {
        return;
    }
    let vary = if own.is_empty() {
        name.to_owned()
    } else {
        format!("{own}, {name}")
    };
    if let Ok(vary) = HeaderValue::from_str(&vary) {
        headers.insert(header::VARY, vary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_cannot_loosen_what_is_private_or_not_to_be_stored() {
        for (rule, own, expected) in [
            (Rule::Forever, Some("max-age=5"), "max-age=5"),
            (
                Rule::Revalidate,
                Some("public, max-age=60"),
                "public, max-age=60",
            ),
            (Rule::Revalidate, None, "public, no-cache"),
            (
                Rule::Private,
                Some("public, max-age=60"),
                "private, no-cache",
            ),
            (
                Rule::Private,
                Some("Private, max-age=60"),
                "Private, max-age=60",
            ),
            (Rule::Private, Some("no-store"), "no-store"),
            (Rule::Never, Some("private, max-age=60"), "no-store"),
            (Rule::Never, Some("x-no-store"), "no-store"),
            (
                Rule::Never,
                Some("no-store, max-age=0"),
                "no-store, max-age=0",
            ),
        ] {
            assert_eq!(cache_control(rule, own), expected, "{rule:?} {own:?}");
        }
    }

    #[test]
    fn tags_match_weakly_and_in_lists() {
        for (header, found) in [
            ("\"a\"", Some("\"a\"")),
            ("W/\"a\"", Some("\"a\"")),
            ("\"b\", \"a\"", Some("\"a\"")),
            ("\"a-gzip\"", Some("\"a-gzip\"")),
            ("*", Some("\"a\"")),
            ("\"b\"", None),
            ("a", None),
        ] {
            assert_eq!(matched(header, "\"a\"").as_deref(), found, "{header}");
        }
    }
}
