//! The public face of a node: HTTP in, answers of programs out.
//!
//! Only this crate speaks HTTP. It knows the communication system (`net`), which it asks for every answer, and nothing of how an
//! answer comes to be. A request passes through the modules in this order:
//!
//! | module | noun |
//! |---|---|
//! | [`serve`] | the accept loop: sockets, bounds, deadlines, drain; HTTP/1.1 and HTTP/2 |
//! | [`tls`] | certificates |
//! | [`limits`] | what a client is granted before it is refused |
//! | `head`, `asked` | the head of a request, checked |
//! | `target` | what host and path name: the three URL forms |
//! | `gateway` | the routes: programs, publishers, pages of the node |
//! | `program` | from a request for a program to its answer |
//! | `asset` | files of a program, served without running it |
//! | `body` | a request's body, within its limits |
//! | `answer`, `caching`, `range`, `encoding`, `figures` | from a program's answer to a response: headers, caches, parts, compression, what the run cost |
//! | `receipt` | receipts: who wants one, and where it stands |
//! | `refusal`, `reply` | what the gateway itself refuses; the one function that turns every failure into a reply |
//! | [`calendar`] | times for people |
//! | `page`, `own`, `links`, `listing` | our own pages and lists |
//! | [`live`] | pages that are loaded again while their program is being written |
//! | `answered`, [`observer`], `measures` | what is told of each answer to whoever watches, who writes it down, and what is counted |
//! | [`journal`] | what happened on the node: its log and its events |
//! | [`management`] | how the owner publishes and looks at the node |

mod answer;
mod answered;
mod asked;
mod asset;
mod body;
mod caching;
pub mod calendar;
mod encoding;
mod figures;
mod gateway;
mod head;
pub mod journal;
pub mod limits;
mod links;
mod listing;
pub mod live;
pub mod management;
mod measures;
pub mod observer;
pub mod outbound;
mod own;
mod page;
mod program;
mod published;
mod range;
mod receipt;
mod refusal;
mod reply;
pub mod serve;
mod target;
pub mod tls;

pub use answered::{Answered, OnAnswer};
pub use gateway::{Gateway, GatewayConfig, Secure};
pub use journal::Journal;
pub use limits::Limits;
pub use live::{Live, Stage};
pub use management::{Management, Token};
pub use observer::Observer;
pub use serve::Server;
pub use target::Domains;
pub use tls::Certificates;
