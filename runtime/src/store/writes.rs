//! What a run does to the keys of its store. Some writes say what a key shall hold; others, *blind changes*, say how what it
//! holds shall change. The latter read nothing, so they meet no conflict: whoever commits applies them to the value of the day.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use cop_bytecode::Hash;
use cop_bytecode::limits::VALUE_BYTES;

use crate::codec::{CodecError, Problem, Reader, Writer};

/// Writes of one run: one for each key that it wrote.
pub type Writes = BTreeMap<String, Write>;

/// What a run does to one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// It shall hold this value.
    Put {
        /// The stored value: fingerprint of its shape and leaves.
        value: Vec<u8>,
        /// How long, in seconds from the commit; for good if it is not said.
        seconds: Option<i64>,
    },
    /// It shall hold nothing.
    Remove,
    /// The `Int` in it shall be so much greater; nothing counts as 0.
    Add(i64),
    /// The `String` in it shall be longer by this; nothing counts as empty.
    Append(String),
}

/// Why a blind change cannot be applied to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// `kv.add` to what is no `Int`.
    NoInt,
    /// `kv.append` to what is no `String`.
    NoString,
    /// The sum is no `Int`.
    Overflow,
    /// The text would be longer than a value may be: so many bytes.
    TooLong(usize),
}

impl fmt::Display for Misfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::NoInt => out.write_str("what is stored there is no `Int`"),
            Misfit::NoString => out.write_str("what is stored there is no `String`"),
            Misfit::Overflow => out.write_str("the sum would be outside `Int`"),
            Misfit::TooLong(bytes) => write!(
                out,
                "a value of the store has at most {VALUE_BYTES} bytes, this one would have {bytes}"
            ),
        }
    }
}

static INT: LazyLock<[u8; 8]> = LazyLock::new(|| fingerprint("Int"));
static STRING: LazyLock<[u8; 8]> = LazyLock::new(|| fingerprint("String"));

/// The fingerprint of a shape that is a name.
pub fn fingerprint(shape: &str) -> [u8; 8] {
    let hash = Hash::tagged("cop shape 1", &[shape.as_bytes()]);
    std::array::from_fn(|at| hash.0[at])
}

/// The shape of what blind changes make, by its fingerprint. They tell no shape, and need not: there are but two.
pub fn blind_shape(fingerprint: &[u8; 8]) -> Option<&'static str> {
    match fingerprint {
        int if *int == *INT => Some("Int"),
        string if *string == *STRING => Some("String"),
        _ => None,
    }
}

impl Write {
    /// A value that stays.
    pub fn put(value: impl Into<Vec<u8>>) -> Write {
        Write::Put {
            value: value.into(),
            seconds: None,
        }
    }

    /// The bytes that it brings along.
    pub fn size_bytes(&self) -> usize {
        match self {
            Write::Put { value, .. } => value.len(),
            Write::Remove => 0,
            Write::Add(_) => size_of::<i64>(),
            Write::Append(text) => text.len(),
        }
    }

    /// What the key holds after it, if it held `before`.
    pub fn applied(&self, before: Option<&[u8]>) -> Result<Option<Vec<u8>>, Misfit> {
        match self {
            Write::Put { value, .. } => Ok(Some(value.clone())),
            Write::Remove => Ok(None),
            Write::Add(delta) => added(before, *delta).map(Some),
            Write::Append(text) => appended(before, text).map(Some),
        }
    }

    /// This write and then the other as one.
    pub fn then(self, next: Write) -> Result<Write, Misfit> {
        match (self, next) {
            (_, next @ (Write::Put { .. } | Write::Remove)) => Ok(next),
            (Write::Put { value, seconds }, change) => Ok(Write::Put {
                value: change.applied(Some(&value))?.unwrap_or_default(),
                seconds,
            }),
            (Write::Remove, change) => Ok(Write::put(change.applied(None)?.unwrap_or_default())),
            (Write::Add(one), Write::Add(other)) => one
                .checked_add(other)
                .map(Write::Add)
                .ok_or(Misfit::Overflow),
            (Write::Append(one), Write::Append(other)) => {
                let text = one + &other;
                if text.len() > VALUE_BYTES {
                    return Err(Misfit::TooLong(text.len()));
                }
                Ok(Write::Append(text))
            }
            (Write::Add(_), Write::Append(_)) => Err(Misfit::NoString),
            (Write::Append(_), Write::Add(_)) => Err(Misfit::NoInt),
        }
    }

    /// The canonical bytes, as they stand in the name of an outcome.
    pub fn write_into(&self, writer: &mut Writer) {
        match self {
            Write::Remove => writer.byte(0),
            Write::Put {
                value,
                seconds: None,
            } => writer.byte(1).bytes(value),
            Write::Put {
                value,
                seconds: Some(seconds),
            } => writer.byte(2).bytes(value).int(*seconds),
            Write::Add(delta) => writer.byte(3).int(*delta),
            Write::Append(text) => writer.byte(4).text(text),
        };
    }

    /// Reads what [`Write::write_into`] writes.
    pub fn read_from(reader: &mut Reader<'_>) -> Result<Write, CodecError> {
        let offset = reader.offset();
        Ok(match reader.byte()? {
            0 => Write::Remove,
            1 => Write::put(reader.bytes()?),
            2 => Write::Put {
                value: reader.bytes()?.to_vec(),
                seconds: Some(reader.int()?),
            },
            3 => Write::Add(reader.int()?),
            4 => Write::Append(reader.text()?.to_owned()),
            _ => {
                let problem = Problem::Value;
                return Err(CodecError { offset, problem });
            }
        })
    }
}

fn added(before: Option<&[u8]>, delta: i64) -> Result<Vec<u8>, Misfit> {
    let stored = match before {
        None => 0,
        Some(value) => {
            let number = value.strip_prefix(&INT[..]).ok_or(Misfit::NoInt)?;
            i64::from_le_bytes(number.try_into().map_err(|_| Misfit::NoInt)?)
        }
    };
    let sum = stored.checked_add(delta).ok_or(Misfit::Overflow)?;
    Ok([&INT[..], &sum.to_le_bytes()].concat())
}

fn appended(before: Option<&[u8]>, more: &str) -> Result<Vec<u8>, Misfit> {
    let stored = match before {
        None => "",
        Some(value) => {
            let leaves = value.strip_prefix(&STRING[..]).ok_or(Misfit::NoString)?;
            let mut reader = Reader::new(leaves);
            reader.text().map_err(|_| Misfit::NoString)?
        }
    };
    let mut writer = Writer::new();
    writer.raw(&STRING[..]).text(&format!("{stored}{more}"));
    let value = writer.finish();
    if value.len() > VALUE_BYTES {
        return Err(Misfit::TooLong(value.len()));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(number: i64) -> Vec<u8> {
        added(None, number).unwrap()
    }

    fn string(text: &str) -> Vec<u8> {
        appended(None, text).unwrap()
    }

    /// Two writes as one do what both do one after the other, whatever the key held.
    #[test]
    fn writes_join() {
        let held = [None, Some(int(5)), Some(string("ab")), Some(vec![1, 2, 3])];
        let writes = [
            Write::put(int(7)),
            Write::put(string("x")),
            Write::Put {
                value: int(1),
                seconds: Some(3),
            },
            Write::Remove,
            Write::Add(2),
            Write::Add(-9),
            Write::Append("cd".to_owned()),
        ];
        for before in &held {
            let before = before.as_deref();
            for one in &writes {
                for other in &writes {
                    let apart = one
                        .applied(before)
                        .and_then(|between| other.applied(between.as_deref()));
                    let joined = one.clone().then(other.clone());
                    let joined = joined.and_then(|both| both.applied(before));
                    match (&apart, &joined) {
                        (Ok(apart), Ok(joined)) => assert_eq!(apart, joined),
                        (Err(_), Err(_)) => {}
                        // What a later value replaces need not have fitted.
                        (Err(_), Ok(_)) => {
                            assert!(matches!(other, Write::Put { .. } | Write::Remove));
                        }
                        (Ok(_), Err(_)) => panic!("{one:?} then {other:?}"),
                    }
                }
            }
        }
    }

    #[test]
    fn changes_that_do_not_fit_are_told_apart() {
        let add = |delta, before: &[u8]| Write::Add(delta).applied(Some(before));
        assert_eq!(add(1, &int(41)), Ok(Some(int(42))));
        assert_eq!(add(1, &string("41")), Err(Misfit::NoInt));
        assert_eq!(add(1, &int(i64::MAX)), Err(Misfit::Overflow));
        assert_eq!(Write::Add(i64::MIN).applied(None), Ok(Some(int(i64::MIN))));
        let append =
            |text: &str, before: &[u8]| Write::Append(text.to_owned()).applied(Some(before));
        assert_eq!(append("c", &string("ab")), Ok(Some(string("abc"))));
        assert_eq!(append("c", &int(1)), Err(Misfit::NoString));
        let room = VALUE_BYTES - 8 - 3;
        assert!(append(&"x".repeat(room), &string("")).is_ok());
        assert_eq!(
            append(&"x".repeat(room + 1), &string("")),
            Err(Misfit::TooLong(VALUE_BYTES + 1))
        );
    }
}
