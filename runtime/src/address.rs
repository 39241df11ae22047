//! Who publishes, and under which name.
//!
//! An address is bech32m with the human part `cop` over the first 20 bytes of BLAKE3 of the publisher's compressed public key:
//! 42 characters, so that `NAME-ADDRESS` fits one DNS label, and a checksum that catches every mistake in up to four
//! characters. A record that must be verified carries the whole key; the address alone only names it.
//!
//! ```text
//! cop 1 qqqq…(32 characters, 160 bits)… cccccc
//! └─┬┘ │ └── first 20 bytes of the hash    └── checksum of human part and data
//!   │  separator
//!   human part
//! ```

use std::fmt;
use std::str::FromStr;

/// Length of an address as text.
pub const ADDRESS_LENGTH: usize = 42;
/// Longest program name, in bytes.
pub const NAME_LENGTH_MAX: usize = 20;

const HUMAN_PART: &str = "cop";
const CHARSET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const BECH32M: u32 = 0x2bc8_30a3;
const DATA_LENGTH: usize = 32;

/// A publisher: the short form of a secp256k1 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address([u8; 20]);

impl Address {
    /// The address of a compressed public key.
    pub fn of_key(compressed_key: &[u8; 33]) -> Address {
        let hash = blake3::hash(compressed_key);
        let mut short = [0u8; 20];
        short.copy_from_slice(&hash.as_bytes()[..20]);
        Address(short)
    }

    /// The address with these 20 bytes.
    pub fn from_bytes(bytes: [u8; 20]) -> Address {
        Address(bytes)
    }

    /// The 20 bytes that the text encodes.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 20 bytes are 32 groups of five bits exactly, so nothing is padded.
        let mut values = [0; DATA_LENGTH + 6];
        let mut places = values.iter_mut();
        let mut bits = 0u32;
        let mut count = 0;
        for byte in self.0 {
            bits = ((bits & 0xff) << 8) | u32::from(byte);
            count += 8;
            while count >= 5 {
                count -= 5;
                if let Some(place) = places.next() {
                    *place = ((bits >> count) & 31) as u8;
                }
            }
        }
        let (data, tail) = values.split_at_mut(DATA_LENGTH);
        let checksum = checksum(HUMAN_PART, data, &[0; 6]) ^ BECH32M;
        for (place, value) in tail.iter_mut().enumerate() {
            *value = ((checksum >> (5 * (5 - place))) & 31) as u8;
        }
        // Written at once: it is in a header of every answer.
        let text = values.map(|value| CHARSET[usize::from(value)]);
        out.write_str(HUMAN_PART)?;
        out.write_str("1")?;
        out.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Why a text is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// It does not have 42 characters.
    Length(usize),
    /// It does not begin with `cop1`.
    Prefix,
    /// The character at this place (from 0) is never part of an address.
    Character(usize),
    /// The checksum does not match: at least one character is wrong.
    Checksum,
}

impl fmt::Display for AddressError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddressError::Length(length) => write!(
                out,
                "an address has {ADDRESS_LENGTH} characters, this text has {length}"
            ),
            AddressError::Prefix => out.write_str("an address begins with `cop1`"),
            AddressError::Character(place) => write!(
                out,
                "character {} of the address is never part of one (after `cop1` only 023456789acdefghjklmnpqrstuvwxyz are)",
                place + 1
            ),
            AddressError::Checksum => {
                out.write_str("the address has a typing mistake: its checksum does not match")
            }
        }
    }
}

impl std::error::Error for AddressError {}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        if text.len() != ADDRESS_LENGTH {
            return Err(AddressError::Length(text.chars().count()));
        }
        let data = text
            .strip_prefix(HUMAN_PART)
            .and_then(|rest| rest.strip_prefix('1'))
            .ok_or(AddressError::Prefix)?;
        let mut values = Vec::with_capacity(data.len());
        for (place, character) in data.bytes().enumerate() {
            let value = CHARSET
                .iter()
                .position(|&other| other == character)
                .ok_or(AddressError::Character(place + HUMAN_PART.len() + 1))?;
            values.push(value as u8);
        }
        let (values, tail) = values.split_at(DATA_LENGTH);
        if checksum(HUMAN_PART, values, tail) != BECH32M {
            return Err(AddressError::Checksum);
        }
        let mut bytes = [0u8; 20];
        let mut bits = 0u32;
        let mut count = 0;
        let mut filled = 0;
        for &value in values {
            bits = ((bits & 0xff) << 5) | u32::from(value);
            count += 5;
            if count >= 8 {
                count -= 8;
                bytes[filled] = (bits >> count) as u8;
                filled += 1;
            }
        }
        Ok(Address(bytes))
    }
}

/// The BCH checksum of bech32 over the human part, the data and six more values.
fn checksum(human_part: &str, values: &[u8], tail: &[u8]) -> u32 {
    const GENERATOR: [u32; 5] = [
        0x3b6a_57b2,
        0x2650_8e6d,
        0x1ea1_19fa,
        0x3d42_33dd,
        0x2a14_62b3,
    ];
    let human = human_part.bytes();
    let expanded = human
        .clone()
        .map(|byte| byte >> 5)
        .chain([0])
        .chain(human.map(|byte| byte & 31));
    let mut sum = 1u32;
    for value in expanded
        .chain(values.iter().copied())
        .chain(tail.iter().copied())
    {
        let top = sum >> 25;
        sum = ((sum & 0x01ff_ffff) << 5) ^ u32::from(value);
        for (bit, generator) in GENERATOR.iter().enumerate() {
            if (top >> bit) & 1 == 1 {
                sum ^= generator;
            }
        }
    }
    sum
}

/// The name of a program: 1 to 20 of `[a-z0-9-]`, no hyphen first, last or doubled.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgramName(String);

impl ProgramName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProgramName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for ProgramName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Why a text is not a program name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// It has no characters, or more than 20.
    Length(usize),
    /// It has a character other than `a-z`, `0-9` and `-`.
    Character(char),
    /// A hyphen stands first, last or next to another.
    Hyphen,
}

impl fmt::Display for NameError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Length(0) => out.write_str("a program name cannot be empty"),
            NameError::Length(length) => write!(
                out,
                "a program name has at most {NAME_LENGTH_MAX} characters, this one has {length}"
            ),
            NameError::Character(character) => write!(
                out,
                "a program name is made of a-z, 0-9 and `-`; it cannot hold {character:?}"
            ),
            NameError::Hyphen => out
                .write_str("a hyphen cannot stand first, last or twice in a row in a program name"),
        }
    }
}

impl std::error::Error for NameError {}

impl FromStr for ProgramName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<ProgramName, NameError> {
        if let Some(wrong) = text
            .chars()
            .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-'))
        {
            return Err(NameError::Character(wrong));
        }
        if text.is_empty() || text.len() > NAME_LENGTH_MAX {
            return Err(NameError::Length(text.len()));
        }
        if text.starts_with('-') || text.ends_with('-') || text.contains("--") {
            return Err(NameError::Hyphen);
        }
        Ok(ProgramName(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seed: u8) -> Address {
        let mut key = [seed; 33];
        key[0] = 2;
        Address::of_key(&key)
    }

    #[test]
    fn text_round_trips() {
        for seed in 0..100 {
            let address = sample(seed);
            let text = address.to_string();
            assert_eq!(text.len(), ADDRESS_LENGTH);
            assert_eq!(text.parse(), Ok(address));
        }
    }

    /// Valid strings of the specification of bech32m (BIP 350).
    #[test]
    fn checksum_is_the_published_one() {
        for text in [
            "a1lqfn3a",
            "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
            "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
            "?1v759aa",
        ] {
            let (human, data) = text.rsplit_once('1').unwrap();
            let values: Vec<u8> = data
                .bytes()
                .map(|c| CHARSET.iter().position(|&o| o == c).unwrap() as u8)
                .collect();
            assert_eq!(checksum(human, &values, &[]), BECH32M, "{text}");
        }
    }

    #[test]
    fn every_wrong_letter_is_caught() {
        let text = sample(1).to_string();
        for place in 0..text.len() {
            for &letter in CHARSET.iter().chain(b"BIO1bio-.A") {
                let mut changed = text.clone().into_bytes();
                if changed[place] == letter {
                    continue;
                }
                changed[place] = letter;
                let changed = String::from_utf8(changed).unwrap();
                assert!(changed.parse::<Address>().is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn swapped_neighbours_and_other_lengths_are_caught() {
        let text = sample(2).to_string();
        for place in 4..text.len() - 1 {
            let mut changed = text.clone().into_bytes();
            changed.swap(place, place + 1);
            if changed != text.as_bytes() {
                assert!(
                    String::from_utf8(changed)
                        .unwrap()
                        .parse::<Address>()
                        .is_err()
                );
            }
        }
        assert_eq!(text[..41].parse::<Address>(), Err(AddressError::Length(41)));
        assert_eq!("".parse::<Address>(), Err(AddressError::Length(0)));
        assert_eq!(
            text.to_ascii_uppercase().parse::<Address>(),
            Err(AddressError::Prefix)
        );
    }

    #[test]
    fn names() {
        for good in ["a", "hello", "a-b-c", "x1", "0", "abcdefghijklmnopqrst"] {
            assert_eq!(good.parse::<ProgramName>().unwrap().as_str(), good);
        }
        let check = |text: &str, error| assert_eq!(text.parse::<ProgramName>(), Err(error));
        check("", NameError::Length(0));
        check("abcdefghijklmnopqrstu", NameError::Length(21));
        check("Hello", NameError::Character('H'));
        check("a_b", NameError::Character('_'));
        check("é", NameError::Character('é'));
        check("-a", NameError::Hyphen);
        check("a-", NameError::Hyphen);
        check("a--b", NameError::Hyphen);
    }
}
