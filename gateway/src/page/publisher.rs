//! A publisher's programs.

use cop_runtime::{Address, ProgramKind, ProgramListing};

use super::{Escaped, layout, size};
use crate::calendar::day;
use crate::links::Links;

/// What the page shows.
pub(crate) struct PublisherView<'a> {
    pub(crate) address: &'a Address,
    pub(crate) programs: &'a [ProgramListing],
    pub(crate) links: &'a Links,
}

/// What a reader should know of links that are not to a program's own host.
pub(super) const SANDBOXED: &str = "<p>By release and by hash, programs share the origin of this node. Browsers show them in a sandbox \
     there: without cookies and without anything stored.</p>\n";

/// The page that lists a publisher's programs.
pub(crate) fn publisher(view: &PublisherView<'_>) -> String {
    let address = view.address;
    let mut main = format!(
        "<p class=\"kicker\">Publisher</p>\n<h1>Programs of <code>{}</code></h1>\n<p class=\"lead\">Published under one key: \
         whoever holds it signed every release below.</p>\n",
        Escaped(address)
    );
    if view.programs.is_empty() {
        main.push_str("<div class=\"card\"><h3>Nothing here</h3><p>This node stores no program of this publisher.</p></div>\n");
    }
    for listing in view.programs {
        main.push_str(&program(listing, view.links));
    }
    main.push_str(SANDBOXED);
    layout(&format!("Programs of {address}"), &main)
}

/// One program as a card. Only web programs have an address to open, and only those that need nothing run by their hash alone.
pub(super) fn program(listing: &ProgramListing, links: &Links) -> String {
    let newest = &listing.newest;
    let (address, name) = (&newest.address, &newest.name);
    let uses = match newest.capabilities.is_empty() {
        true => String::new(),
        false => format!(" · may use {}", newest.capabilities.join(", ")),
    };
    let (heading, ways) = match newest.kind {
        ProgramKind::Web => {
            let release = links.on_node(&format!("/~{address}/{name}@{}/", newest.number));
            let mut ways = format!("<a href=\"{}\">this release</a>", Escaped(release));
            if newest.capabilities.is_empty() {
                let pinned = links.on_node(&format!("/b3/{}/", newest.bundle_hash));
                ways.push_str(&format!(
                    " · <a href=\"{}\">by its hash</a>",
                    Escaped(pinned)
                ));
            }
            let best = Escaped(links.best(address, name));
            (format!("<a href=\"{best}\">{}</a>", Escaped(name)), ways)
        }
        ProgramKind::Command => (
            Escaped(name).to_string(),
            "a command: people run it with <code>copc run</code>".to_owned(),
        ),
        ProgramKind::Library => (
            Escaped(name).to_string(),
            "a library: other programs use it".to_owned(),
        ),
    };
    format!(
        "<div class=\"card\">\n<h3>{heading}</h3>\n<p>{kind} · release {number} of {day} · {size}{uses}</p>\n<p>{ways}</p>\n\
         <p>program <code>{program}</code></p>\n</div>\n",
        kind = newest.kind.as_str(),
        number = newest.number,
        day = day(newest.time_ms),
        size = size(newest.bundle_bytes),
        uses = Escaped(uses),
        program = newest.package_hash,
    )
}
