//! `messages`: what is to happen elsewhere when a run's writes have taken effect.
//!
//! A message is a write: it stands under a key of the node's own in the program's state ([`RESERVED`]), so it is committed with the
//! others, and vanishes with them. In the writes of a run it is numbered; the commit names it by the run, see
//! `execution/outbox`, which carries it out.

use crate::address::Address;
use crate::codec::{CodecError, Reader, Writer};
use crate::host::HostCall;
use crate::host::http::{Place, sendable_headers};
use crate::host::kv::RESERVED;
use crate::host::program::reference;
use crate::store::state::Fingerprint;
use crate::store::writes::{Write, Writes, fingerprint};

/// Most messages of a run.
pub const OF_RUN_MAX: usize = 100;
/// Most bytes of one.
pub const MESSAGE_BYTES: usize = 256 << 10;
/// How long one is kept, on its way or as one that could not be delivered, in seconds.
pub const KEPT_S: i64 = 30 * 24 * 3600;

/// The shape of a stored message.
pub const SHAPE: &str = "struct{to:String;target:String;headers:Map[String,String];body:Bytes;attempts:Int;next_ms:Int;trouble:String;}";

/// What the keys of messages on their way begin with, behind [`RESERVED`].
const WAITING: &str = "out/";
/// The same for those that could not be delivered.
const DEAD: &str = "dead/";

/// A stored message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// A program, or the URL of a server outside.
    pub to: String,
    /// Path and query, for a program.
    pub target: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next, in milliseconds since 1970.
    pub next_ms: i64,
    /// Why it was not taken the last time.
    pub trouble: String,
}

/// What keys of messages begin with: those on their way, or those that could not be delivered.
pub fn prefix(is_dead: bool) -> String {
    format!("{RESERVED}{}", if is_dead { DEAD } else { WAITING })
}

/// The key of a message, by its name: the run that sent it and its number there.
pub fn key(is_dead: bool, id: &str) -> String {
    format!("{}{id}", prefix(is_dead))
}

/// The name of the message under a key, and whether it could not be delivered; `None` for any other key.
pub fn id_of(key: &str) -> Option<(bool, &str)> {
    let own = key.strip_prefix(RESERVED)?;
    let waiting = own.strip_prefix(WAITING).map(|id| (false, id));
    waiting.or_else(|| own.strip_prefix(DEAD).map(|id| (true, id)))
}

/// The key of the n-th message in the writes of a run that is not committed yet.
pub fn key_in_run(number: usize) -> String {
    key(false, &format!("{number:03}"))
}

/// The fingerprint of stored messages.
pub fn shape_fingerprint() -> Fingerprint {
    fingerprint(SHAPE)
}

impl Message {
    /// Reads the arguments of `messages.send` or `messages.post`.
    ///
    /// # Errors
    /// The program is told it: the message is not one that can be sent.
    pub fn of(call: HostCall, argument: &[u8]) -> Result<Message, String> {
        if argument.len() > MESSAGE_BYTES {
            let size = argument.len();
            return Err(format!(
                "a message has at most {MESSAGE_BYTES} bytes, this one has {size}"
            ));
        }
        let mut message = Message::read(call, argument).map_err(|error| error.to_string())?;
        if call == HostCall::MessagesPost {
            Place::of_url(&message.to)?;
        } else {
            // Whose program is meant by a mere name is known when it is committed.
            reference(&message.to, Some(Address::from_bytes([0; 20])))?;
            if !message.target.starts_with('/') {
                return Err(format!(
                    "the target `{}` does not begin with `/`",
                    message.target
                ));
            }
        }
        let headers = message.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
        message.headers = sendable_headers(headers)?;
        Ok(message)
    }

    fn read(call: HostCall, argument: &[u8]) -> Result<Message, CodecError> {
        let mut reader = Reader::new(argument);
        let to = reader.text()?.to_owned();
        let target = match call {
            HostCall::MessagesPost => String::new(),
            _ => reader.text()?.to_owned(),
        };
        let headers = read_headers(&mut reader)?;
        let body = reader.bytes()?.to_vec();
        reader.end()?;
        Ok(Message {
            to,
            target,
            headers: headers.0,
            body,
            ..Message::default()
        })
    }

    /// Whether it goes to a server outside.
    pub fn is_outside(&self) -> bool {
        self.to.contains("://")
    }

    /// The value that is stored.
    pub fn stored(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .raw(&shape_fingerprint())
            .text(&self.to)
            .text(&self.target)
            .count(self.headers.len() as u64);
        for (name, value) in &self.headers {
            writer.text(name).text(value);
        }
        writer
            .bytes(&self.body)
            .int(self.attempts)
            .int(self.next_ms)
            .text(&self.trouble);
        writer.finish()
    }

    /// The same as a write.
    pub fn write(&self) -> Write {
        Write::Put {
            value: self.stored(),
            seconds: Some(KEPT_S),
        }
    }

    /// Reads a stored value.
    ///
    /// # Errors
    /// It is not one that [`Message::stored`] gives.
    pub fn of_stored(value: &[u8]) -> Result<Message, CodecError> {
        let mut reader = Reader::new(value);
        reader.array::<8>()?;
        let (to, target) = (reader.text()?.to_owned(), reader.text()?.to_owned());
        let headers = read_headers(&mut reader)?.0;
        let message = Message {
            to,
            target,
            headers,
            body: reader.bytes()?.to_vec(),
            attempts: reader.int()?,
            next_ms: reader.int()?,
            trouble: reader.text()?.to_owned(),
        };
        reader.end()?;
        Ok(message)
    }
}

struct Headers(Vec<(String, String)>);

fn read_headers(reader: &mut Reader<'_>) -> Result<Headers, CodecError> {
    let mut headers = Vec::new();
    for _ in 0..reader.bounded_count()? {
        headers.push((reader.text()?.to_owned(), reader.text()?.to_owned()));
    }
    Ok(Headers(headers))
}

/// The messages among the writes of a run, in order of sending.
pub fn among(writes: &Writes) -> impl Iterator<Item = (&String, &[u8])> {
    let prefix = prefix(false);
    let rest = writes.range(prefix.clone()..);
    rest.take_while(move |(key, _)| key.starts_with(&prefix))
        .filter_map(|(key, write)| match write {
            Write::Put { value, .. } => Some((key, value.as_slice())),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argument(to: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.text(to).text(target).count(headers.len() as u64);
        for (name, value) in headers {
            writer.text(name).text(value);
        }
        writer.bytes(body);
        writer.finish()
    }

    #[test]
    fn messages_are_stored_and_shown() {
        let whole = argument("prices", "/x", &[("a", "b")], b"body");
        let message = Message::of(HostCall::MessagesSend, &whole).unwrap();
        assert_eq!(Message::of_stored(&message.stored()), Ok(message.clone()));
        let shown = crate::shown::shown(&message.stored(), Some(SHAPE));
        assert!(
            shown.starts_with("{to: \"prices\", target: \"/x\", headers: [\"a\": \"b\"]"),
            "{shown}"
        );
        assert_eq!(id_of(&key(true, "abc-0")), Some((true, "abc-0")));
        assert_eq!(id_of("out/abc"), None);
    }

    #[test]
    fn what_cannot_be_sent_is_told() {
        let refused = |argument: &[u8], expected: &str| {
            let why = Message::of(HostCall::MessagesSend, argument).unwrap_err();
            assert!(why.contains(expected), "{why}");
        };
        refused(&argument("No Body", "/", &[], b""), "names no program");
        refused(
            &argument("prices", "x", &[], b""),
            "does not begin with `/`",
        );
        refused(
            &argument("prices", "/", &[("a b", "")], b""),
            "name of a header",
        );
        refused(
            &argument("prices", "/", &[("a", "\n")], b""),
            "printable ASCII",
        );
        refused(&vec![0; MESSAGE_BYTES + 1], "at most");
        let mut writer = Writer::new();
        writer.text("ftp://a").count(0).bytes(b"");
        assert!(Message::of(HostCall::MessagesPost, &writer.finish()).is_err());
    }
}
