//! A publisher's programs.

use cop_runtime::{Address, ProgramListing};

use super::{Escaped, day, layout, size};
use crate::links::Links;

/// What the page shows.
pub(crate) struct PublisherView<'a> {
    pub(crate) address: &'a Address,
    pub(crate) programs: &'a [ProgramListing],
    pub(crate) links: &'a Links,
}

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
    layout(&format!("Programs of {address}"), &main)
}

/// One program as a card.
pub(super) fn program(listing: &ProgramListing, links: &Links) -> String {
    let newest = &listing.newest;
    let (address, name) = (&newest.address, &newest.name);
    let capabilities = match newest.capabilities.is_empty() {
        true => "nothing but its requests".to_owned(),
        false => newest.capabilities.join(", "),
    };
    let release = format!("/~{address}/{name}@{}/", newest.number);
    let pinned = format!("/b3/{}/", newest.bundle_hash);
    format!(
        "<div class=\"card\">\n<h3><a href=\"{best}\">{name}</a></h3>\n<p>{kind} program, release {number} of {day}, {size}; may use \
         {capabilities}</p>\n<p><a href=\"{release}\">this release</a> · <a href=\"{pinned}\">pinned by hash</a> (both shown in a \
         sandbox: no cookies, no state of the browser)</p>\n<p>program <code>{program}</code></p>\n</div>\n",
        best = Escaped(links.best(address, name)),
        name = Escaped(name),
        kind = newest.kind.as_str(),
        number = newest.number,
        day = day(newest.time_ms),
        size = size(newest.bundle_bytes),
        capabilities = Escaped(capabilities),
        release = Escaped(links.on_node(&release)),
        pinned = Escaped(links.on_node(&pinned)),
        program = newest.package_hash,
    )
}
