//! The three URL forms: what a host and a path name.
//!
//! | form | example | origin |
//! |---|---|---|
//! | host label | `http://hello-cop1….localhost:2517/path` | the program's own |
//! | path | `http://HOST:2517/~cop1…/hello/path`, `hello@3` pins a release | shared, so sandboxed |
//! | pinned | `http://HOST:2517/b3/HASH/path`, exactly this bundle | shared, so sandboxed |
//!
//! The address is the last 42 characters of a label, the name what stands before its hyphen. A host whose first label is not of
//! that shape is a bare host: it names the node, whatever the rest of it says, so that the node answers by IP, through tunnels
//! and behind any proxy. A label that clearly was meant to be an address is refused, not taken for a bare host.

use std::collections::BTreeMap;
use std::str::FromStr;

use cop_runtime::address::ADDRESS_LENGTH;
use cop_runtime::{Address, Failure, Hash, ProgramName, ProgramRef};

use crate::refusal;

/// Hosts, in lower case and without port, that show one program each as their own.
pub type Domains = BTreeMap<String, (Address, ProgramName)>;

/// Paths that the gateway answers itself, on every host.
pub(crate) const RESERVED: &str = "/.well-known/coputer/";

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A program.
    Program(ProgramTarget),
    /// The list of a publisher's programs.
    Publisher(Address),
    /// The node's front page.
    Front,
    /// A page that the gateway has on every host.
    Own(OwnPage),
}

/// What the gateway answers itself below [`RESERVED`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnPage {
    /// `node`: what this node is, also where the front page is a program.
    Node,
    /// `failures`: the list of failure codes.
    Failures,
    /// `run/RUN`: the figures of a run.
    Run(String),
    /// `receipts/RUN`: what the receipt of a run is of.
    Receipt(String),
    /// `releases/ADDRESS/NAME` and `releases/ADDRESS/NAME@NUMBER`: a signed release, the newest or that with the number.
    Release(String),
    /// `bundles/HASH`: the archive of a bundle.
    Bundle(String),
    /// `live`: the stage of the program that is being written here.
    Live,
    /// `live.js`: the script that shows it.
    LiveScript,
}

/// A program, and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProgramTarget {
    /// Which program.
    pub(crate) program: ProgramRef,
    /// How the URL named it.
    pub(crate) form: Form,
    /// Path of the URL before the program's own part; empty in the host form.
    pub(crate) prefix: String,
    /// The program's part of the path, as sent. Empty, or begins with `/`.
    pub(crate) path: String,
}

/// How a URL names a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// By a host of its own.
    Host,
    /// By publisher and name in the path.
    Path,
    /// By bundle hash in the path.
    Pinned,
}

impl Form {
    /// Whether programs of this form share their origin with others, and so run sandboxed in browsers.
    pub(crate) fn is_shared(self) -> bool {
        self != Form::Host
    }
}

/// Reads what `host` (lower case, without port) and `path` (as sent) name.
///
/// # Errors
/// `bad_address`, `bad_name` or `bad_request` for a URL of one of the forms with a mistake in it, `no_such_program` for a path
/// that no form has.
pub(crate) fn read(host: &str, path: &str, domains: &Domains) -> Result<Target, Failure> {
    if let Some(page) = path.strip_prefix(RESERVED) {
        return read_own(page)
            .ok_or_else(|| refusal::no_such_page(path))
            .map(Target::Own);
    }
    if let Some((address, name)) = domains.get(host) {
        return Ok(at_own_host(*address, name.clone(), path));
    }
    match read_host(host)? {
        Named::Nothing => read_path(path),
        Named::Publisher(address) if matches!(path, "" | "/") => Ok(Target::Publisher(address)),
        Named::Publisher(address) => Err(refusal::publisher_has_no_paths(&address, path)),
        Named::Program(address, name) => Ok(at_own_host(address, name, path)),
    }
}

fn at_own_host(address: Address, name: ProgramName, path: &str) -> Target {
    Target::Program(ProgramTarget {
        program: ProgramRef::Named {
            address,
            name,
            release: None,
        },
        form: Form::Host,
        prefix: String::new(),
        path: path.to_owned(),
    })
}

fn read_own(page: &str) -> Option<OwnPage> {
    match page {
        "node" => Some(OwnPage::Node),
        "failures" => Some(OwnPage::Failures),
        "live" => Some(OwnPage::Live),
        "live.js" => Some(OwnPage::LiveScript),
        _ => {
            let (kind, which) = page.split_once('/')?;
            let which = which.to_owned();
            match kind {
                "run" => Some(OwnPage::Run(which)),
                "receipts" => Some(OwnPage::Receipt(which)),
                "releases" => Some(OwnPage::Release(which)),
                "bundles" => Some(OwnPage::Bundle(which)),
                _ => None,
            }
        }
    }
}

/// What the first label of a host names.
enum Named {
    Nothing,
    Publisher(Address),
    Program(Address, ProgramName),
}

/// The host behind the label of a program or publisher, or all of a bare host.
pub(crate) fn base_host(host: &str) -> &str {
    match host.split_once('.') {
        Some((label, rest)) if !matches!(read_host(label), Ok(Named::Nothing)) => rest,
        _ => host,
    }
}

fn read_host(host: &str) -> Result<Named, Failure> {
    let label = host.split('.').next().unwrap_or_default();
    if !label.is_ascii() {
        return Ok(Named::Nothing);
    }
    let split = label.len().saturating_sub(ADDRESS_LENGTH);
    let (name, address) = label.split_at(split);
    if label.len() >= ADDRESS_LENGTH && address.starts_with("cop1") {
        let address = read_address(address)?;
        return match name.strip_suffix('-') {
            None if name.is_empty() => Ok(Named::Publisher(address)),
            Some(name) => Ok(Named::Program(address, read_name(name)?)),
            None => Err(refusal::no_hyphen(label)),
        };
    }
    // With characters missing or too many, the address does not stand where it should. What looks like one is not a bare host.
    match label.find("cop1") {
        Some(place)
            if (place == 0 || label[..place].ends_with('-'))
                && label.len() - place >= MEANT_AS_ADDRESS =>
        {
            read_address(&label[place..]).map(|_| Named::Nothing)
        }
        _ => Ok(Named::Nothing),
    }
}

/// Characters after which a text that begins with `cop1` was meant as an address.
const MEANT_AS_ADDRESS: usize = 24;

fn read_path(path: &str) -> Result<Target, Failure> {
    if matches!(path, "" | "/") {
        return Ok(Target::Front);
    }
    if let Some(rest) = path
        .strip_prefix("/~")
        .or_else(|| path.strip_prefix("/%7E"))
        .or_else(|| path.strip_prefix("/%7e"))
    {
        let (address_text, rest) = cut(rest);
        let address = read_address(address_text)?;
        if matches!(rest, "" | "/") {
            return Ok(Target::Publisher(address));
        }
        let (name_text, rest) = cut(&rest[1..]);
        let (name, release) = read_release(name_text)?;
        return Ok(Target::Program(ProgramTarget {
            program: ProgramRef::Named {
                address,
                name,
                release,
            },
            form: Form::Path,
            prefix: path[..path.len() - rest.len()].to_owned(),
            path: rest.to_owned(),
        }));
    }
    if let Some(rest) = path.strip_prefix("/b3/") {
        let (hash_text, rest) = cut(rest);
        let hash = Hash::from_str(hash_text)
            .map_err(|error| refusal::bad_hash(hash_text, &error.to_string()))?;
        return Ok(Target::Program(ProgramTarget {
            program: ProgramRef::Pinned(hash),
            form: Form::Pinned,
            prefix: path[..path.len() - rest.len()].to_owned(),
            path: rest.to_owned(),
        }));
    }
    Err(refusal::no_such_page(path))
}

/// The text before the first `/`, and the rest with it.
fn cut(text: &str) -> (&str, &str) {
    text.split_at(text.find('/').unwrap_or(text.len()))
}

pub(crate) fn read_address(text: &str) -> Result<Address, Failure> {
    Address::from_str(text).map_err(|error| refusal::bad_address(text, &error))
}

fn read_name(text: &str) -> Result<ProgramName, Failure> {
    ProgramName::from_str(text).map_err(|error| refusal::bad_name(text, &error))
}

/// `NAME` or `NAME@N`.
pub(crate) fn read_release(text: &str) -> Result<(ProgramName, Option<u64>), Failure> {
    let Some((name, number)) = text.split_once('@').or_else(|| text.split_once("%40")) else {
        return Ok((read_name(text)?, None));
    };
    let name = read_name(name)?;
    // `+3` and `03` would be second spellings of the same release.
    let well_formed =
        number.bytes().all(|digit| digit.is_ascii_digit()) && !number.starts_with('0');
    match number.parse() {
        Ok(release) if well_formed => Ok((name, Some(release))),
        _ => Err(refusal::bad_release(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cop_runtime::FailureCode;

    fn address() -> Address {
        Address::from_bytes([9; 20])
    }

    fn check(host: &str, path: &str, expected: Result<Target, FailureCode>) {
        assert_eq!(
            read(host, path, &Domains::new()).map_err(|failure| failure.code),
            expected,
            "{host} {path}"
        );
    }

    fn program(
        form: Form,
        name: &str,
        release: Option<u64>,
        prefix: &str,
        path: &str,
    ) -> Result<Target, FailureCode> {
        let name = name.parse().expect("a test's name");
        let program = ProgramRef::Named {
            address: address(),
            name,
            release,
        };
        Ok(Target::Program(ProgramTarget {
            program,
            form,
            prefix: prefix.to_owned(),
            path: path.to_owned(),
        }))
    }

    #[test]
    fn a_domain_is_one_program_with_all_its_paths() {
        let name: ProgramName = "hello".parse().expect("a name");
        let domains = Domains::from([("shop.example.org".to_owned(), (address(), name))]);
        let read = |host, path| read(host, path, &domains).map_err(|failure| failure.code);
        for path in ["/", "/~cop1", "/b3/x/y"] {
            assert_eq!(
                read("shop.example.org", path),
                program(Form::Host, "hello", None, "", path)
            );
        }
        let own = "/.well-known/coputer/failures";
        assert_eq!(
            read("shop.example.org", own),
            Ok(Target::Own(OwnPage::Failures))
        );
        assert_eq!(read("example.org", "/"), Ok(Target::Front));
    }

    #[test]
    fn the_host_form() {
        let a = address();
        check(
            &format!("hello-{a}.localhost"),
            "/x?",
            program(Form::Host, "hello", None, "", "/x?"),
        );
        check(
            &format!("my-list-{a}.example.org"),
            "/",
            program(Form::Host, "my-list", None, "", "/"),
        );
        check(&format!("{a}.localhost"), "/", Ok(Target::Publisher(a)));
        check(
            &format!("{a}.localhost"),
            "/hello",
            Err(FailureCode::NoSuchProgram),
        );
        check(&format!("-{a}.localhost"), "/", Err(FailureCode::BadName));
        check(
            &format!("hello{a}.localhost"),
            "/",
            Err(FailureCode::BadName),
        );
        check(
            &format!("a--b-{a}.localhost"),
            "/",
            Err(FailureCode::BadName),
        );
    }

    #[test]
    fn a_mistyped_address_is_not_a_bare_host() {
        let right = address().to_string();
        let wrong = right.replacen(
            &right[10..11],
            if &right[10..11] == "q" { "p" } else { "q" },
            1,
        );
        let short = &right[..right.len() - 1];
        let long = format!("{right}q");
        for text in [wrong.as_str(), short, long.as_str()] {
            check(
                &format!("{text}.localhost"),
                "/",
                Err(FailureCode::BadAddress),
            );
            check(
                &format!("hello-{text}.localhost"),
                "/",
                Err(FailureCode::BadAddress),
            );
            check(
                "localhost",
                &format!("/~{text}/hello"),
                Err(FailureCode::BadAddress),
            );
        }
    }

    #[test]
    fn bare_hosts_are_the_node() {
        for host in [
            "",
            "localhost",
            "127.0.0.1",
            "[::1]",
            "example.org",
            "cop1.example.org",
            "copper.test",
            "é.test",
        ] {
            check(host, "/", Ok(Target::Front));
            check(host, "/nothing", Err(FailureCode::NoSuchProgram));
        }
    }

    #[test]
    fn the_path_form() {
        let a = address();
        check("h", &format!("/~{a}"), Ok(Target::Publisher(a)));
        check("h", &format!("/~{a}/"), Ok(Target::Publisher(a)));
        let prefix = format!("/~{a}/hello");
        check(
            "h",
            &prefix,
            program(Form::Path, "hello", None, &prefix, ""),
        );
        check(
            "h",
            &format!("{prefix}/a//b"),
            program(Form::Path, "hello", None, &prefix, "/a//b"),
        );
        let prefix = format!("/%7E{a}/hello@3");
        check(
            "h",
            &format!("{prefix}/"),
            program(Form::Path, "hello", Some(3), &prefix, "/"),
        );
        for number in ["", "0", "03", "+3", "x", "99999999999999999999"] {
            check(
                "h",
                &format!("/~{a}/hello@{number}/"),
                Err(FailureCode::BadRequest),
            );
        }
        check("h", &format!("/~{a}/Hello/"), Err(FailureCode::BadName));
        check("h", &format!("/~{a}//"), Err(FailureCode::BadName));
        check("h", "/~alice/hello", Err(FailureCode::BadAddress));
    }

    #[test]
    fn reserved_paths_are_ours_on_every_host() {
        for host in [
            "localhost".to_owned(),
            format!("hello-{}.localhost", address()),
        ] {
            check(
                &host,
                "/.well-known/coputer/node",
                Ok(Target::Own(OwnPage::Node)),
            );
            check(
                &host,
                "/.well-known/coputer/failures",
                Ok(Target::Own(OwnPage::Failures)),
            );
            check(
                &host,
                "/.well-known/coputer/run/x",
                Ok(Target::Own(OwnPage::Run("x".to_owned()))),
            );
            check(
                &host,
                "/.well-known/coputer/receipts/x",
                Ok(Target::Own(OwnPage::Receipt("x".to_owned()))),
            );
            check(
                &host,
                "/.well-known/coputer/releases/a/b@1",
                Ok(Target::Own(OwnPage::Release("a/b@1".to_owned()))),
            );
            check(
                &host,
                "/.well-known/coputer/bundles/x",
                Ok(Target::Own(OwnPage::Bundle("x".to_owned()))),
            );
            check(
                &host,
                "/.well-known/coputer/",
                Err(FailureCode::NoSuchProgram),
            );
        }
    }

    #[test]
    fn the_pinned_form() {
        let hash = Hash([5; 32]);
        let prefix = format!("/b3/{hash}");
        let target = ProgramTarget {
            program: ProgramRef::Pinned(hash),
            form: Form::Pinned,
            prefix: prefix.clone(),
            path: "/x".to_owned(),
        };
        check("h", &format!("{prefix}/x"), Ok(Target::Program(target)));
        check("h", "/b3/abc/", Err(FailureCode::BadRequest));
    }
}
