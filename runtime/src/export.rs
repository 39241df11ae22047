//! The state of a program on file (`.copstate`): all keys with their values as they were behind one commit, and the shapes of
//! the values.
//!
//! It says whose state it was and when, and carries its root, so that whoever imports it knows that it is whole. It may be
//! imported under another name: that is how a copy of a program gets the state of the other.

use std::collections::BTreeMap;
use std::fmt;

use cop_bytecode::Hash;
use cop_bytecode::limits::{KEY_BYTES, VALUE_BYTES};

use crate::codec::{CodecError, Reader, Writer};
use crate::store::lines::{Line, Root};
use crate::store::state::{Namespace, Row, Shapes, Stored};

const MAGIC: &[u8; 4] = b"cope";
const VERSION: u8 = 1;
/// Most bytes of a file: a namespace of the usual quota, and room for what stands around its values.
pub const EXPORT_BYTES_MAX: usize = 320 << 20;

/// The state of a program on file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Whose state it was.
    pub namespace: Namespace,
    /// The line of its last commit.
    pub line: Line,
    /// The number of its last commit.
    pub number: u64,
    /// When that was made, in milliseconds since 1970.
    pub time_ms: i64,
    /// The shapes of the values.
    pub shapes: Shapes,
    /// Keys with what they held.
    pub keys: BTreeMap<String, Stored>,
}

/// Why a file is no export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportError {
    /// The bytes are not canonical.
    Codec(CodecError),
    /// The address or name in it is none.
    Name,
    /// This key stands twice or not in order, or it or its value is too long or absent.
    Key(String),
    /// This shape stands under another fingerprint than its own.
    Shape(String),
    /// The root is not that of the keys and values.
    Root,
}

impl fmt::Display for ExportError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExportError::Codec(error) => write!(out, "it is no exported state: {error}"),
            ExportError::Name => out.write_str("the name of the program in it is none"),
            ExportError::Key(key) => write!(
                out,
                "its key {key:?} is out of order, or longer than a key or value may be"
            ),
            ExportError::Shape(shape) => {
                write!(out, "its shape {shape:?} stands under another fingerprint")
            }
            ExportError::Root => {
                out.write_str("its keys and values are not those that its root was made of")
            }
        }
    }
}

impl std::error::Error for ExportError {}

impl From<CodecError> for ExportError {
    fn from(error: CodecError) -> ExportError {
        ExportError::Codec(error)
    }
}

impl Export {
    /// The root of the state.
    pub fn root(&self) -> Hash {
        let mut root = Root::default();
        for (key, stored) in &self.keys {
            root.add(key, Row::identity(stored.row.as_ref()));
        }
        root.finish()
    }

    /// The file.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::format(MAGIC, VERSION);
        writer
            .raw(self.namespace.address.as_bytes())
            .text(self.namespace.name.as_str())
            .raw(&self.line.0)
            .count(self.number)
            .int(self.time_ms)
            .count(self.shapes.len() as u64);
        for (fingerprint, shape) in &self.shapes {
            writer.raw(fingerprint).text(shape);
        }
        writer.count(self.keys.len() as u64);
        for (key, stored) in &self.keys {
            writer
                .text(key)
                .bytes(stored.row.as_ref().map_or(&[], |row| row.value()))
                .flag(stored.due_ms.is_some());
            if let Some(due_ms) = stored.due_ms {
                writer.int(due_ms);
            }
        }
        writer.raw(&self.root().0);
        writer.finish()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It is not one that [`Export::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Export, ExportError> {
        let mut reader = Reader::format(bytes, MAGIC, VERSION)?;
        let address = crate::Address::from_bytes(reader.array()?);
        let name = reader.text()?.parse().map_err(|_| ExportError::Name)?;
        let line = Line(reader.array()?);
        let number = reader.count()?;
        let time_ms = reader.int()?;
        let mut shapes = Shapes::new();
        for _ in 0..reader.count()? {
            let fingerprint = reader.array()?;
            let shape = reader.text()?.to_owned();
            let hash = Hash::tagged("cop shape 1", &[shape.as_bytes()]);
            let is_next = shapes
                .last_key_value()
                .is_none_or(|(last, _)| *last < fingerprint);
            if !hash.0.starts_with(&fingerprint) || !is_next {
                return Err(ExportError::Shape(shape));
            }
            shapes.insert(fingerprint, shape);
        }
        let mut keys: BTreeMap<String, Stored> = BTreeMap::new();
        for _ in 0..reader.count()? {
            let key = reader.text()?.to_owned();
            let value = reader.bytes()?;
            let has_due = reader.flag()?;
            let due_ms = has_due.then(|| reader.int()).transpose()?;
            let is_next = keys.last_key_value().is_none_or(|(last, _)| *last < key);
            if !is_next || key.len() > KEY_BYTES || value.len() > VALUE_BYTES {
                return Err(ExportError::Key(key));
            }
            let row = Some(Row::of(value));
            keys.insert(key, Stored { row, due_ms });
        }
        let root = Hash(reader.array()?);
        reader.end()?;
        let export = Export {
            namespace: Namespace { address, name },
            line,
            number,
            time_ms,
            shapes,
            keys,
        };
        match export.root() == root {
            true => Ok(export),
            false => Err(ExportError::Root),
        }
    }
}
