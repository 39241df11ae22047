//! Publishers' keys: secp256k1, signed with deterministic nonces, kept in files that only a password opens.
//!
//! A key file, version 1, is 158 bytes:
//!
//! ```text
//!  0    4    5        21        45          78                  126          158
//!  ├────┼────┼────────┼─────────┼───────────┼───────────────────┼────────────┤
//!  "copk"  1   salt 16  nonce 24  public 33   secret 32 + tag 16   checksum 32
//! ```
//! The secret is encrypted with XChaCha20-Poly1305 under argon2id(password, salt; 19 MiB, 2 passes, 1 lane); everything before
//! it is authenticated with it. The public key is readable without the password, so that keys can be listed. The checksum tells
//! a damaged file from a wrong password: it protects against accidents, the tag against people.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use cop_bytecode::Hash;
use k256::ProjectivePoint;
use k256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use k256::ecdsa::{Signature, SigningKey, VerifyingKey};
use k256::elliptic_curve::point::AffineCoordinates;
use zeroize::{Zeroize, Zeroizing};

use crate::address::{Address, ProgramName};

const MAGIC: &[u8; 4] = b"copk";
const VERSION: u8 = 1;
const PUBLIC_AT: usize = 45;
const SECRET_AT: usize = 78;
const CHECKSUM_AT: usize = 126;
const FILE_LENGTH: usize = 158;
const CHECKSUM_TAG: &str = "cop key file 1";
const EXTENSION: &str = "copkey";
const ARGON2_MEMORY_KIB: u32 = 19 * 1024;
const ARGON2_PASSES: u32 = 2;
const ARGON2_LANES: u32 = 1;

/// A compressed secp256k1 public key that lies on the curve.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 33]);

impl PublicKey {
    /// The key with these compressed bytes, if they are a point of the curve in its one compressed form.
    pub fn from_bytes(bytes: [u8; 33]) -> Option<PublicKey> {
        let key = VerifyingKey::from_sec1_bytes(&bytes).ok()?;
        // SEC 1 knows a second form of 33 bytes; a key has one form only, since hashes are made of it.
        (key.to_sec1_point(true).as_bytes() == bytes).then_some(PublicKey(bytes))
    }

    /// The compressed bytes.
    pub fn as_bytes(&self) -> &[u8; 33] {
        &self.0
    }

    /// Its short form.
    pub fn address(&self) -> Address {
        Address::of_key(&self.0)
    }

    /// Whether `signature` is this key's over `hash`. A signature with a high S is refused, so each has one form only.
    pub fn verify(&self, hash: &Hash, signature: &[u8; 64]) -> bool {
        let Ok(key) = VerifyingKey::from_sec1_bytes(&self.0) else {
            return false;
        };
        let Ok(signature) = Signature::from_slice(signature) else {
            return false;
        };
        signature.normalize_s() == signature && key.verify_prehash(&hash.0, &signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// A secret key. It is wiped from memory when dropped, and never shown.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// A new key from the system's randomness.
    pub fn generate() -> Result<SecretKey, KeyError> {
        loop {
            let mut bytes = Zeroizing::new([0u8; 32]);
            random(&mut *bytes)?;
            // Fails only for numbers beyond the order of the curve: once in 2^128.
            if let Some(key) = SecretKey::from_bytes(&bytes) {
                return Ok(key);
            }
        }
    }

    /// The key with this number, unless it is 0 or beyond the order of the curve.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<SecretKey> {
        SigningKey::from_slice(bytes).ok().map(SecretKey)
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 33];
        bytes.copy_from_slice(self.0.verifying_key().to_sec1_point(true).as_bytes());
        PublicKey(bytes)
    }

    /// Signs a tagged hash: ECDSA with the nonce of RFC 6979, low S. Equal input gives equal bytes.
    pub fn sign(&self, hash: &Hash) -> [u8; 64] {
        let signature: Signature = self
            .0
            .sign_prehash(&hash.0)
            .expect("a hash of 32 bytes can be signed");
        let mut bytes = [0; 64];
        bytes.copy_from_slice(&signature.normalize_s().to_bytes());
        bytes
    }
}

impl SecretKey {
    /// What only this key and the other one together give: the x of their common point.
    pub(crate) fn shared_with(&self, other: &PublicKey) -> Option<Zeroizing<[u8; 32]>> {
        let other = VerifyingKey::from_sec1_bytes(&other.0).ok()?;
        let point = ProjectivePoint::from(*other.as_affine()) * **self.0.as_nonzero_scalar();
        Some(Zeroizing::new(point.to_affine().x().into()))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SecretKey({})", self.public().address())
    }
}

/// What can go wrong with keys and their files.
#[derive(Debug)]
pub enum KeyError {
    /// The file or folder cannot be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        cause: std::io::Error,
    },
    /// There is no key of this name.
    Unknown {
        /// Where it would be.
        path: PathBuf,
    },
    /// There is a key of this name already.
    Exists {
        /// Where it is.
        path: PathBuf,
    },
    /// The file is not a key file, or was cut or changed.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The password does not open it.
    WrongPassword {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no randomness, or no memory for hashing the password.
    System(String),
}

impl fmt::Display for KeyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::File { path, cause } => write!(out, "cannot use {}: {cause}", path.display()),
            KeyError::Unknown { path } => write!(
                out,
                "there is no key at {}; `copc key new` makes one",
                path.display()
            ),
            KeyError::Exists { path } => write!(
                out,
                "there is a key at {} already, and it was left alone; choose another name",
                path.display()
            ),
            KeyError::Damaged { path, detail } => write!(
                out,
                "{} is not a whole key file: {detail}; restore it from a copy",
                path.display()
            ),
            KeyError::WrongPassword { path } => {
                write!(out, "the password does not open {}", path.display())
            }
            KeyError::System(detail) => out.write_str(detail),
        }
    }
}

impl std::error::Error for KeyError {}

/// A folder of key files, one per name.
#[derive(Clone, Debug)]
pub struct KeyStore {
    folder: PathBuf,
}

/// A key that is in the folder, as far as it shows without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// Name of the key on this machine.
    pub name: String,
    /// The public key.
    pub public: PublicKey,
    /// The file.
    pub path: PathBuf,
}

impl KeyStore {
    /// The keys in this folder. Nothing is read or made yet.
    pub fn new(folder: impl Into<PathBuf>) -> KeyStore {
        KeyStore {
            folder: folder.into(),
        }
    }

    /// Where the key of this name lies.
    pub fn path(&self, name: &ProgramName) -> PathBuf {
        self.folder.join(format!("{name}.{EXTENSION}"))
    }

    /// Makes a new key and its file, readable by its owner only. A key that exists is never overwritten.
    pub fn create(&self, name: &ProgramName, password: &str) -> Result<SecretKey, KeyError> {
        let key = SecretKey::generate()?;
        self.save(name, &key, password)?;
        Ok(key)
    }

    /// Writes a key's file. A key that exists is never overwritten.
    pub fn save(
        &self,
        name: &ProgramName,
        key: &SecretKey,
        password: &str,
    ) -> Result<(), KeyError> {
        let path = self.path(name);
        let at = |path: &Path| {
            let path = path.to_owned();
            move |cause| KeyError::File { path, cause }
        };
        std::fs::create_dir_all(&self.folder).map_err(at(&self.folder))?;
        if path.exists() {
            return Err(KeyError::Exists { path });
        }
        let mut salt_and_nonce = [0; 40];
        random(&mut salt_and_nonce)?;
        let bytes = seal(key, password, &salt_and_nonce)?;
        // Written whole under another name first: a full disk leaves no half key. The link fails if the name was taken since.
        let unfinished = self.folder.join(format!("{name}.{EXTENSION}.new"));
        let written = write_private(&unfinished, &bytes).map_err(at(&unfinished));
        let linked = written.and_then(|()| {
            std::fs::hard_link(&unfinished, &path).map_err(|cause| match cause.kind() {
                std::io::ErrorKind::AlreadyExists => KeyError::Exists { path: path.clone() },
                _ => KeyError::File {
                    path: path.clone(),
                    cause,
                },
            })
        });
        // The unfinished file is of no use in either case, and whether it can be removed changes nothing.
        let _ = std::fs::remove_file(&unfinished);
        linked
    }

    /// The keys of the folder in order of name. A folder that does not exist has none.
    pub fn list(&self) -> Result<Vec<KeyEntry>, KeyError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => {
                return Err(KeyError::File {
                    path: self.folder.clone(),
                    cause,
                });
            }
        };
        let mut keys = Vec::new();
        for entry in entries {
            let path = entry
                .map_err(|cause| KeyError::File {
                    path: self.folder.clone(),
                    cause,
                })?
                .path();
            let is_key = path.extension().is_some_and(|e| e == EXTENSION);
            let name = path.file_stem().and_then(|stem| stem.to_str());
            if let (true, Some(name)) = (is_key, name) {
                let bytes = read_whole(&path)?;
                keys.push(KeyEntry {
                    name: name.to_owned(),
                    public: public_part(&path, &bytes)?,
                    path,
                });
            }
        }
        keys.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(keys)
    }

    /// Decrypts the key of this name.
    pub fn open(&self, name: &ProgramName, password: &str) -> Result<SecretKey, KeyError> {
        let path = self.path(name);
        let bytes = read_whole(&path)?;
        unseal(&path, &bytes, password)
    }
}

fn random(bytes: &mut [u8]) -> Result<(), KeyError> {
    getrandom::fill(bytes)
        .map_err(|cause| KeyError::System(format!("the system gives no randomness: {cause}")))
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let _ = std::fs::remove_file(path);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn read_whole(path: &Path) -> Result<Vec<u8>, KeyError> {
    std::fs::read(path).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => KeyError::Unknown {
            path: path.to_owned(),
        },
        _ => KeyError::File {
            path: path.to_owned(),
            cause,
        },
    })
}

fn cipher(password: &str, salt: &[u8]) -> Result<XChaCha20Poly1305, KeyError> {
    let params = Params::new(ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES, Some(32))
        .expect("the parameters of version 1 are valid");
    let mut key = Zeroizing::new([0u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut *key)
        .map_err(|cause| KeyError::System(format!("cannot hash the password: {cause}")))?;
    Ok(XChaCha20Poly1305::new((&*key).into()))
}

fn seal(key: &SecretKey, password: &str, salt_and_nonce: &[u8; 40]) -> Result<Vec<u8>, KeyError> {
    let mut file = Vec::with_capacity(FILE_LENGTH);
    file.extend_from_slice(MAGIC);
    file.push(VERSION);
    file.extend_from_slice(salt_and_nonce);
    file.extend_from_slice(key.public().as_bytes());
    let mut secret = key.0.to_bytes();
    let sealed = cipher(password, &salt_and_nonce[..16])?
        .encrypt(
            &nonce(&salt_and_nonce[16..]),
            Payload {
                msg: &secret,
                aad: &file,
            },
        )
        .map_err(|_| KeyError::System("cannot encrypt the key".to_owned()))?;
    secret.as_mut_slice().zeroize();
    file.extend_from_slice(&sealed);
    let checksum = Hash::tagged(CHECKSUM_TAG, &[&file]);
    file.extend_from_slice(&checksum.0);
    Ok(file)
}

fn nonce(bytes: &[u8]) -> XNonce {
    let mut array = [0; 24];
    array.copy_from_slice(bytes);
    array.into()
}

/// Checks everything that can be checked without the password.
fn public_part(path: &Path, bytes: &[u8]) -> Result<PublicKey, KeyError> {
    let damaged = |detail: String| KeyError::Damaged {
        path: path.to_owned(),
        detail,
    };
    if !bytes.starts_with(MAGIC) {
        return Err(damaged("it does not begin with `copk`".to_owned()));
    }
    if bytes.get(4).is_some_and(|&version| version != VERSION) {
        return Err(damaged(format!(
            "it has version {} of the format, which is not known here",
            bytes[4]
        )));
    }
    if bytes.len() != FILE_LENGTH {
        return Err(damaged(format!(
            "it has {} bytes instead of {FILE_LENGTH}",
            bytes.len()
        )));
    }
    if Hash::tagged(CHECKSUM_TAG, &[&bytes[..CHECKSUM_AT]]).0 != bytes[CHECKSUM_AT..] {
        return Err(damaged("its checksum does not match".to_owned()));
    }
    let mut public = [0; 33];
    public.copy_from_slice(&bytes[PUBLIC_AT..SECRET_AT]);
    PublicKey::from_bytes(public)
        .ok_or_else(|| damaged("its public key is not on the curve".to_owned()))
}

fn unseal(path: &Path, bytes: &[u8], password: &str) -> Result<SecretKey, KeyError> {
    let public = public_part(path, bytes)?;
    let wrong = || KeyError::WrongPassword {
        path: path.to_owned(),
    };
    let opened = cipher(password, &bytes[5..21])?
        .decrypt(
            &nonce(&bytes[21..PUBLIC_AT]),
            Payload {
                msg: &bytes[SECRET_AT..CHECKSUM_AT],
                aad: &bytes[..SECRET_AT],
            },
        )
        .map_err(|_| wrong())?;
    let opened = Zeroizing::new(opened);
    let mut secret = Zeroizing::new([0; 32]);
    secret.copy_from_slice(&opened);
    let key = SecretKey::from_bytes(&secret).ok_or_else(wrong)?;
    if key.public() != public {
        return Err(KeyError::Damaged {
            path: path.to_owned(),
            detail: "its public key is not that of its secret key".to_owned(),
        });
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> ProgramName {
        "me".parse().unwrap()
    }

    fn sample_key() -> SecretKey {
        SecretKey::from_bytes(&[7; 32]).unwrap()
    }

    #[test]
    fn a_key_is_made_listed_and_opened() {
        let folder = tempfile::tempdir().unwrap();
        let store = KeyStore::new(folder.path().join("keys"));
        assert_eq!(store.list().unwrap(), []);
        let key = store.create(&name(), "pass word").unwrap();
        let opened = store.open(&name(), "pass word").unwrap();
        assert_eq!(opened.public(), key.public());
        let listed = store.list().unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(
            (listed[0].name.as_str(), listed[0].public),
            ("me", key.public())
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(store.path(&name()))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(matches!(
            store.create(&name(), "x"),
            Err(KeyError::Exists { .. })
        ));
        assert_eq!(
            store.open(&name(), "pass word").unwrap().public(),
            key.public()
        );
        assert!(matches!(
            store.open(&"other".parse().unwrap(), "x"),
            Err(KeyError::Unknown { .. })
        ));
    }

    #[test]
    fn each_kind_of_bad_file_has_its_own_message() {
        let folder = tempfile::tempdir().unwrap();
        let store = KeyStore::new(folder.path());
        store.save(&name(), &sample_key(), "right").unwrap();
        let path = store.path(&name());
        let good = std::fs::read(&path).unwrap();
        let check = |bytes: &[u8], password: &str, expected: &str| {
            let error = unseal(&path, bytes, password).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(&good, "wrong", "password does not open");
        check(&good[..100], "right", "has 100 bytes instead of 158");
        check(b"", "right", "does not begin with `copk`");
        check(b"cop", "right", "does not begin with `copk`");
        for place in 5..FILE_LENGTH {
            let mut changed = good.clone();
            changed[place] ^= 1;
            check(&changed, "right", "checksum does not match");
        }
        let mut newer = good.clone();
        newer[4] = 2;
        check(&newer, "right", "version 2");
    }

    /// Who can write the file can make the checksum match, but not the tag.
    #[test]
    fn a_forged_public_key_is_refused() {
        let sealed = seal(&sample_key(), "p", &[3; 40]).unwrap();
        let mut forged = sealed[..CHECKSUM_AT].to_vec();
        let other = SecretKey::from_bytes(&[8; 32]).unwrap().public();
        forged[PUBLIC_AT..SECRET_AT].copy_from_slice(other.as_bytes());
        let checksum = Hash::tagged(CHECKSUM_TAG, &[&forged]);
        forged.extend_from_slice(&checksum.0);
        assert!(matches!(
            unseal(Path::new("f"), &forged, "p"),
            Err(KeyError::WrongPassword { .. })
        ));
    }

    #[test]
    fn signatures_are_deterministic_and_have_one_form() {
        let key = sample_key();
        let hash = Hash::tagged("t", &[b"message"]);
        let signature = key.sign(&hash);
        assert_eq!(signature, key.sign(&hash));
        assert!(key.public().verify(&hash, &signature));
        assert!(
            !key.public()
                .verify(&Hash::tagged("t", &[b"other"]), &signature)
        );
        assert!(
            !SecretKey::from_bytes(&[9; 32])
                .unwrap()
                .public()
                .verify(&hash, &signature)
        );

        let high = {
            let low = Signature::from_slice(&signature).unwrap();
            let s = -*low.s().as_ref();
            let r: [u8; 32] = signature[..32].try_into().unwrap();
            let s: [u8; 32] = s.to_bytes().into();
            [r, s].concat()
        };
        assert!(!key.public().verify(&hash, &high.try_into().unwrap()));
        assert!(!key.public().verify(&hash, &[0; 64]));
        assert!(!key.public().verify(&hash, &[0xff; 64]));
        assert_eq!(PublicKey::from_bytes([0; 33]), None);
        let mut other_form = *key.public().as_bytes();
        other_form[0] = 5;
        assert_eq!(PublicKey::from_bytes(other_form), None);
        assert_eq!(SecretKey::from_bytes(&[0; 32]).map(|_| ()), None);
    }
}
