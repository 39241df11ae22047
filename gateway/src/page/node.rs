//! The node's own page: what this is, and what it serves.

use cop_runtime::ProgramListing;

use super::publisher::{SANDBOXED, program};
use super::{Escaped, layout};
use crate::links::Links;
use crate::target::RESERVED;

/// Programs shown at most; a node may store many.
const SHOWN: usize = 200;

/// What the page shows.
pub(crate) struct NodeView<'a> {
    pub(crate) node: &'a str,
    pub(crate) programs: &'a [ProgramListing],
    pub(crate) links: &'a Links,
}

/// The page of the node.
pub(crate) fn node(view: &NodeView<'_>) -> String {
    let count = match view.programs.len() {
        0 => "No program is published here yet.".to_owned(),
        1 => "One program is published here.".to_owned(),
        count => format!("{count} programs are published here."),
    };
    let mut main = format!(
        "<p class=\"kicker\">{}</p>\n<h1>A Coputer node</h1>\n<p class=\"lead\">It runs small programs that others wrote, \
         published under a name and a key. {count}</p>\n",
        Escaped(view.node)
    );
    for listing in view.programs.iter().take(SHOWN) {
        main.push_str(&program(listing, view.links));
    }
    if view.programs.len() > SHOWN {
        main.push_str(&format!("<p>The first {SHOWN} are shown.</p>\n"));
    }
    main.push_str(&format!(
        "<h2>How a program is named</h2>\n<dl>\n\
         <dt>By a host</dt><dd><code>NAME-ADDRESS.HOST</code>: a browser origin of its own</dd>\n\
         <dt>By a path</dt><dd><code>/~ADDRESS/NAME/</code>, or <code>/~ADDRESS/NAME@3/</code> for one release</dd>\n\
         <dt>By its hash</dt><dd><code>/b3/HASH/</code>: exactly these bytes, for ever</dd>\n\
         <dt>A publisher</dt><dd><code>/~ADDRESS/</code> lists its programs</dd>\n</dl>\n{SANDBOXED}\
         <p>What the failure codes mean: <a href=\"{}\">failures</a>.</p>\n",
        Escaped(view.links.on_node(&format!("{RESERVED}failures"))),
    ));
    layout("A Coputer node", &main)
}
