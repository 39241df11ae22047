//! `files`: a program's own tree of files.
//!
//! Files stand in the program's state under keys of the node's own ([`RESERVED`]), so they are read at a run's snapshot, written
//! with its other writes, or not at all, and are in its history, exports and roots like any value. A file is one key that says
//! what it is, and one for each of its parts:
//!
//! ```text
//!  RESERVED file/PATH         size, hash of the content, links
//!  RESERVED part/PATH\0 000   the first 256 KiB
//!  RESERVED part/PATH\0 001   the next, …; the last is what is left
//! ```
//!
//! A question asks for one of these keys, so a page that shows one file, or a part of it, rests on that alone. Parts are subtrees
//! of BLAKE3: with the *links*, their values in it, the hash of a file that grows is known without reading what was there before.

use std::borrow::Cow;

use blake3::hazmat::{self, ChainingValue, HasherExt, Mode};
use cop_bytecode::limits::WRITE_BYTES;

use crate::codec::{CodecError, Problem, Reader, Writer};
use crate::host::kv::RESERVED;
use crate::store::state::Fingerprint;
use crate::store::writes::{Write, fingerprint};

/// Bytes of each part of a file but the last.
pub const PART_BYTES: usize = 256 << 10;
/// Most bytes of a file.
pub const FILE_BYTES: usize = 64 << 20;
/// Most bytes of a path.
pub const PATH_BYTES: usize = 512;
/// Characters of a part of a file that are shown to people.
const SHOWN_OF_PART: usize = 60;
/// Bytes of a link.
const LINK_BYTES: usize = 32;

/// What the keys of files begin with.
pub const ROOT: &str = "\u{10ffff}file/";
/// What the keys of their parts begin with, behind [`RESERVED`].
const PARTS: &str = "part/";

/// The shape of what is stored of a file.
pub const HEAD_SHAPE: &str = "struct{size:Int;hash:String;links:Bytes;}";
/// The shape of a part.
pub const PART_SHAPE: &str = "Bytes";

/// What is stored of a file beside its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Its bytes.
    pub size: usize,
    /// The BLAKE3 hash of its content, in hex.
    pub hash: String,
    /// The value of each whole part in the tree of that hash.
    links: Vec<ChainingValue>,
}

/// The writes that make a file from one of its parts on what it shall be.
#[derive(Debug)]
pub struct Change {
    /// What is stored of the file.
    pub head: Head,
    /// The parts that are written, with their numbers.
    pub parts: Vec<(usize, Vec<u8>)>,
}

/// The key of a file.
pub fn head_key(path: &str) -> String {
    format!("{ROOT}{path}")
}

/// The key of a part of a file.
pub fn part_key(path: &str, number: usize) -> String {
    format!("{RESERVED}{PARTS}{path}\0{number:03}")
}

/// What a key of the state is called where people see it: a file by its path, a part of it by its number, others as they are.
pub fn shown_key(key: &str) -> String {
    if let Some(path) = key.strip_prefix(ROOT) {
        return format!("file {path:?}");
    }
    match part_of_key(key) {
        Some((path, number)) => format!("part {number} of file {path:?}"),
        None => format!("{key:?}"),
    }
}

/// What a value of the state is like where people see it: of a part of a file the beginning, others as they are.
pub fn shown_value<'a>(key: &str, value: &'a str) -> Cow<'a, str> {
    match value.char_indices().nth(SHOWN_OF_PART) {
        Some((cut, _)) if part_of_key(key).is_some() => Cow::Owned(format!("{}…", &value[..cut])),
        _ => Cow::Borrowed(value),
    }
}

/// The path and the number of the part of a file that has this key.
fn part_of_key(key: &str) -> Option<(&str, &str)> {
    let own = key.strip_prefix(RESERVED)?;
    own.strip_prefix(PARTS)?.split_once('\0')
}

/// The fingerprints of the shapes of what is stored, with the shapes.
pub fn shapes() -> [(Fingerprint, &'static str); 2] {
    [HEAD_SHAPE, PART_SHAPE].map(|shape| (fingerprint(shape), shape))
}

/// The path that `files.info` and `files.remove` take.
pub fn path_argument(argument: &[u8]) -> Result<&str, CodecError> {
    let mut reader = Reader::new(argument);
    let path = reader.text()?;
    reader.end()?;
    Ok(path)
}

/// The path and the number of the part that `files.part` takes.
pub fn part_argument(argument: &[u8]) -> Result<(&str, i64), CodecError> {
    let mut reader = Reader::new(argument);
    let part = (reader.text()?, reader.int()?);
    reader.end()?;
    Ok(part)
}

/// The path and the bytes that `files.write` and `files.append` take.
pub fn write_argument(argument: &[u8]) -> Result<(&str, &[u8]), CodecError> {
    let mut reader = Reader::new(argument);
    let write = (reader.text()?, reader.bytes()?);
    reader.end()?;
    Ok(write)
}

/// What is wrong with a path.
pub fn bad_path(path: &str) -> Option<String> {
    let why = if path.len() > PATH_BYTES {
        format!(
            "a path has at most {PATH_BYTES} bytes, this one has {}",
            path.len()
        )
    } else if path.is_empty() {
        "it is empty".to_owned()
    } else if path.starts_with('/') || path.ends_with('/') || path.contains("//") {
        "names stand between single `/`, with none before the first or behind the last".to_owned()
    } else if path.split('/').any(|name| name == "." || name == "..") {
        "`.` and `..` are no names of files".to_owned()
    } else if path.chars().any(|c| c.is_control() || c == '\\') {
        "names have no control characters and no `\\`".to_owned()
    } else {
        return None;
    };
    let shown: String = path.chars().take(80).collect();
    Some(format!("{shown:?} is no path of a file: {why}"))
}

/// Why a file of this size is not written.
pub fn too_large(path: &str, size: usize) -> Option<String> {
    (size > FILE_BYTES)
        .then(|| format!("a file has at most {FILE_BYTES} bytes, {path:?} would have {size}"))
}

/// The stored form of a part.
pub fn part_write(part: &[u8]) -> Write {
    let mut writer = Writer::new();
    writer.raw(&fingerprint(PART_SHAPE)).bytes(part);
    Write::put(writer.finish())
}

/// The bytes of a stored part.
pub fn part_of_stored(stored: &[u8]) -> Result<&[u8], CodecError> {
    let mut reader = Reader::new(stored);
    reader.array::<8>()?;
    let part = reader.bytes()?;
    reader.end()?;
    Ok(part)
}

impl Head {
    /// How many parts the file has.
    pub fn parts(&self) -> usize {
        self.size.div_ceil(PART_BYTES)
    }

    /// The number of the part that an addition changes, if that is one which is there.
    pub fn open_part(&self) -> Option<usize> {
        (!self.size.is_multiple_of(PART_BYTES)).then_some(self.size / PART_BYTES)
    }

    /// The file with this behind it. `open` is what its open part holds.
    pub fn extended(&self, open: &[u8], added: &[u8]) -> Change {
        if added.is_empty() && self.size > 0 {
            return Change {
                head: self.clone(),
                parts: Vec::new(),
            };
        }
        let first = self.size / PART_BYTES;
        let tail = [open, added].concat();
        let mut links = self.links.clone();
        links.truncate(first);
        let mut parts = Vec::new();
        for (at, part) in tail.chunks(PART_BYTES).enumerate() {
            let number = first + at;
            if part.len() == PART_BYTES {
                links.push(link(number, part));
            }
            parts.push((number, part.to_vec()));
        }
        let last = match parts.last() {
            Some((_, last)) => last.as_slice(),
            None => &[],
        };
        let size = first * PART_BYTES + tail.len();
        let head = Head {
            size,
            hash: hash_of(size, &links, last).to_hex().to_string(),
            links,
        };
        Change { head, parts }
    }

    /// The stored form.
    pub fn write(&self) -> Write {
        let mut writer = Writer::new();
        writer
            .raw(&fingerprint(HEAD_SHAPE))
            .int(self.size as i64)
            .text(&self.hash)
            .bytes(&self.links.concat());
        Write::put(writer.finish())
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// It is not one that [`Head::write`] gives.
    pub fn of_stored(stored: &[u8]) -> Result<Head, CodecError> {
        let mut reader = Reader::new(stored);
        reader.array::<8>()?;
        let (size, hash, links) = (reader.int()?, reader.text()?, reader.bytes()?);
        reader.end()?;
        let (links, rest) = links.as_chunks::<LINK_BYTES>();
        match usize::try_from(size) {
            // A link for each whole part: what is added later is hashed with them.
            Ok(size)
                if size <= FILE_BYTES && links.len() == size / PART_BYTES && rest.is_empty() =>
            {
                Ok(Head {
                    size,
                    hash: hash.to_owned(),
                    links: links.to_vec(),
                })
            }
            _ => Err(CodecError {
                offset: 0,
                problem: Problem::Value,
            }),
        }
    }
}

/// The value of a whole part in the tree of the hash.
fn link(number: usize, part: &[u8]) -> ChainingValue {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset((number * PART_BYTES) as u64);
    hasher.update(part);
    hasher.finalize_non_root()
}

/// The hash of a file of which these are the links of all whole parts, and the bytes of the last part.
fn hash_of(size: usize, links: &[ChainingValue], last: &[u8]) -> blake3::Hash {
    let count = size.div_ceil(PART_BYTES);
    if count <= 1 {
        return blake3::hash(last);
    }
    let mut links = links.to_vec();
    if links.len() < count {
        links.push(link(count - 1, last));
    }
    let (left, right) = halves(size, &links);
    hazmat::merge_subtrees_root(&left, &right, Mode::Hash)
}

/// The values of both halves of a tree over more than one part.
fn halves(size: usize, links: &[ChainingValue]) -> (ChainingValue, ChainingValue) {
    // Whole parts, since a part is a power of two, and there is more than one.
    let left_bytes = hazmat::left_subtree_len(size as u64) as usize;
    let (left, right) = links.split_at(left_bytes / PART_BYTES);
    (merged(left_bytes, left), merged(size - left_bytes, right))
}

fn merged(size: usize, links: &[ChainingValue]) -> ChainingValue {
    match links {
        [one] => *one,
        _ => {
            let (left, right) = halves(size, links);
            hazmat::merge_subtrees_non_root(&left, &right, Mode::Hash)
        }
    }
}

// One run can write a part and what is said of a file, whatever else the limits of the edition become.
const _: () = assert!(PART_BYTES * 2 < WRITE_BYTES && FILE_BYTES / PART_BYTES <= 1_000);

#[cfg(test)]
mod tests {
    use super::*;

    fn content(size: usize) -> Vec<u8> {
        (0..size).map(|at| (at * 31 % 251) as u8).collect()
    }

    /// Whatever a file grew by, its hash is that of its content, and its parts are its content.
    #[test]
    fn the_hash_of_a_file_is_that_of_its_content() {
        let sizes = [
            0,
            1,
            PART_BYTES - 1,
            PART_BYTES,
            PART_BYTES + 1,
            2 * PART_BYTES,
            3 * PART_BYTES + 7,
            5 * PART_BYTES,
        ];
        for before in sizes {
            for added in sizes {
                let whole = content(before + added);
                let first = Head::default().extended(&[], &whole[..before]);
                let mut parts = first.parts;
                let open = match first.head.open_part() {
                    Some(number) => parts[number].1.clone(),
                    None => Vec::new(),
                };
                let second = first.head.extended(&open, &whole[before..]);
                if let Some((first, _)) = second.parts.first() {
                    parts.truncate(*first);
                }
                parts.extend(second.parts);
                let expected = blake3::hash(&whole).to_hex().to_string();
                assert_eq!(second.head.hash, expected, "{before} and {added}");
                assert_eq!(second.head.size, whole.len());
                assert_eq!(second.head.parts(), parts.len());
                let numbers: Vec<usize> = parts.iter().map(|(number, _)| *number).collect();
                assert!(numbers.into_iter().eq(0..parts.len()));
                let joined = parts.into_iter().flat_map(|(_, part)| part);
                assert!(joined.eq(whole));
                let Write::Put { value, .. } = second.head.write() else {
                    panic!("a head is put");
                };
                assert_eq!(Head::of_stored(&value), Ok(second.head));
            }
        }
    }

    /// State may have been imported from what somebody wrote.
    #[test]
    fn links_belong_to_the_size() {
        let part = [0; LINK_BYTES];
        for (size, links) in [
            (PART_BYTES as i64, &[][..]),
            (1, &part[..]),
            (PART_BYTES as i64, &part[1..]),
            (-1, &[]),
            (i64::MAX, &[]),
        ] {
            let mut writer = Writer::new();
            writer.raw(&fingerprint(HEAD_SHAPE)).int(size).text("");
            writer.bytes(links);
            assert!(Head::of_stored(&writer.finish()).is_err());
        }
    }

    #[test]
    fn paths_are_checked() {
        for good in ["a", "a/b.txt", "Fotos/été.jpg", ".hidden", "a b"] {
            assert_eq!(bad_path(good), None, "{good}");
        }
        let long = "x".repeat(PATH_BYTES + 1);
        let bad = [
            "", "/a", "a/", "a//b", ".", "a/../b", "a/.", "a\0", "a\nb", "a\\b", &long,
        ];
        for bad in bad {
            let why = bad_path(bad).unwrap_or_else(|| panic!("{bad:?}"));
            assert!(why.contains("is no path of a file: "), "{why}");
        }
    }

    #[test]
    fn keys_are_told_to_people() {
        assert_eq!(shown_key("a\""), "\"a\\\"\"");
        assert_eq!(shown_key(&head_key("a/b")), "file \"a/b\"");
        assert_eq!(shown_key(&part_key("a/b", 7)), "part 007 of file \"a/b\"");
        let out = format!("{RESERVED}out/x");
        assert_eq!(shown_key(&out), format!("{out:?}"));
        let long = "é".repeat(100);
        assert_eq!(shown_value("a", &long), long);
        assert_eq!(shown_value(&part_key("a", 0), "b\"1\""), "b\"1\"");
        let cut = format!("{}…", "é".repeat(60));
        assert_eq!(shown_value(&part_key("a", 0), &long), cut);
    }
}
