//! Machine code on disk: a file for each program, which is worth nothing to anyone but the executable that wrote it.
//!
//! What is read here is run, past all checks of the verifier. So each file ends in a keyed hash under a secret that only the node's
//! owner can read, over the key and the content: whoever could write such a file could replace the node as well. A file that is
//! not right is removed and made anew; it is never needed.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use cop_bytecode::Hash;
use cop_vm::CodeStore;
use zeroize::Zeroizing;

/// Name of the folder in the data folder.
pub const CODE_FOLDER: &str = "code";
/// Name of the secret's file in the data folder.
pub const CODE_KEY_FILE: &str = "code.key";
/// Most bytes of a file.
const FILE_MAX: u64 = 17 << 20;
const TAG_BYTES: usize = 32;

/// The files of a node.
pub struct CodeFiles {
    folder: PathBuf,
    secret_path: PathBuf,
    /// Read or made when it is needed first; none if that cannot be done, and nothing is kept.
    secret: OnceLock<Option<Zeroizing<[u8; 32]>>>,
    /// Most bytes of all files.
    bytes_max: u64,
    /// Hash of the executable, found when it is needed first; none if it cannot be read.
    executable: OnceLock<Option<Hash>>,
    /// Held while files are written and removed.
    writing: Mutex<()>,
}

impl CodeFiles {
    /// The files in this data folder, which may take so many bytes. The disk is not touched before something is asked for.
    pub fn new(data_dir: &Path, bytes_max: u64) -> CodeFiles {
        CodeFiles {
            folder: data_dir.join(CODE_FOLDER),
            secret_path: data_dir.join(CODE_KEY_FILE),
            secret: OnceLock::new(),
            bytes_max,
            executable: OnceLock::new(),
            writing: Mutex::new(()),
        }
    }

    /// The same as if another executable used them.
    #[doc(hidden)]
    pub fn with_executable(self, executable: Hash) -> CodeFiles {
        CodeFiles {
            executable: OnceLock::from(Some(executable)),
            ..self
        }
    }

    /// The name of the file: what it depends on besides the content.
    fn name(&self, key: &Hash) -> Option<Hash> {
        let executable = self.executable.get_or_init(hash_of_executable);
        let executable = executable.as_ref()?;
        Some(Hash::tagged("cop code file 1", &[&key.0, &executable.0]))
    }

    fn path(&self, name: &Hash) -> PathBuf {
        self.folder.join(format!("{name}.code"))
    }

    fn tag(&self, name: &Hash, content: &[u8]) -> Result<blake3::Hash> {
        let secret = self
            .secret
            .get_or_init(|| secret(&self.secret_path).ok())
            .as_ref()
            .ok_or_else(|| Error::other("there is no secret"))?;
        let mut hasher = blake3::Hasher::new_keyed(secret);
        hasher.update(&name.0).update(content);
        Ok(hasher.finalize())
    }

    fn read(&self, name: &Hash) -> Result<Vec<u8>> {
        let file = File::open(self.path(name))?;
        let wrong = |what: &str| Error::new(ErrorKind::InvalidData, what.to_owned());
        let size = file.metadata()?.len();
        if size > FILE_MAX {
            return Err(wrong("too large"));
        }
        let mut content = Vec::with_capacity(size as usize);
        (&file).take(FILE_MAX).read_to_end(&mut content)?;
        let end = content.len().checked_sub(TAG_BYTES);
        let (content, tag) = content.split_at(end.ok_or_else(|| wrong("too short"))?);
        let tag: [u8; TAG_BYTES] = tag.try_into().map_err(|_| wrong("too short"))?;
        // This comparison takes as long wherever they differ.
        if self.tag(name, content)? != blake3::Hash::from_bytes(tag) {
            return Err(wrong("not authentic"));
        }
        // What was used last stays longest.
        let _ = file.set_modified(SystemTime::now());
        Ok(content.to_vec())
    }

    fn write(&self, name: &Hash, content: &[u8]) -> Result<()> {
        if content.len() + TAG_BYTES > FILE_MAX as usize {
            return Ok(());
        }
        let tag = self.tag(name, content)?;
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        std::fs::create_dir_all(&self.folder)?;
        self.make_room((content.len() + TAG_BYTES) as u64)?;
        // Under a name of its own first: others see the whole file or none.
        static WRITTEN: AtomicU64 = AtomicU64::new(0);
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let unfinished = format!("{name}.{}-{number}.new", std::process::id());
        let unfinished = self.folder.join(unfinished);
        let mut file =
            private(OpenOptions::new().write(true).create_new(true)).open(&unfinished)?;
        let done = file
            .write_all(content)
            .and_then(|()| file.write_all(tag.as_bytes()))
            .and_then(|()| std::fs::rename(&unfinished, self.path(name)));
        if done.is_err() {
            let _ = std::fs::remove_file(&unfinished);
        }
        done
    }

    /// Removes files, the least recently used first, until there is room for so many bytes.
    fn make_room(&self, bytes: u64) -> Result<()> {
        let mut files = Vec::new();
        for file in std::fs::read_dir(&self.folder)? {
            let file = file?;
            // One that goes meanwhile takes no room.
            if let Ok(metadata) = file.metadata() {
                let used_at = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push((used_at, file.path(), metadata.len()));
            }
        }
        files.sort();
        let mut all: u64 = files.iter().map(|(.., size)| size).sum();
        for (_, path, size) in files {
            if all + bytes <= self.bytes_max {
                break;
            }
            std::fs::remove_file(path)?;
            all -= size;
        }
        Ok(())
    }
}

impl CodeStore for CodeFiles {
    fn get(&self, key: &Hash) -> Option<Vec<u8>> {
        let name = self.name(key)?;
        match self.read(&name) {
            Ok(content) => Some(content),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(_) => {
                let _ = std::fs::remove_file(self.path(&name));
                None
            }
        }
    }

    fn put(&self, key: &Hash, content: &[u8]) {
        if let Some(name) = self.name(key) {
            // Without the file the code is made again.
            let _ = self.write(&name, content);
        }
    }

    fn remove(&self, key: &Hash) {
        if let Some(name) = self.name(key) {
            let _ = std::fs::remove_file(self.path(&name));
        }
    }
}

/// Code depends on how things of this very executable lie in memory.
fn hash_of_executable() -> Option<Hash> {
    // The one that runs, also when its file was replaced since.
    let path = match cfg!(target_os = "linux") {
        true => PathBuf::from("/proc/self/exe"),
        false => std::env::current_exe().ok()?,
    };
    let mut hasher = blake3::Hasher::new();
    let mut file = File::open(path).ok()?;
    let mut part = vec![0; 1 << 16];
    loop {
        match file.read(&mut part).ok()? {
            0 => return Some(Hash(*hasher.finalize().as_bytes())),
            count => hasher.update(&part[..count]),
        };
    }
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// The secret in this file, readable by its owner only. One that is not right is made anew: no file is authentic then.
fn secret(path: &Path) -> Result<Zeroizing<[u8; 32]>> {
    let mut secret = Zeroizing::new([0; 32]);
    if let Ok(mut file) = File::open(path)
        && is_private(&file)
        && file.metadata()?.len() == 32
        && file.read_exact(&mut *secret).is_ok()
    {
        return Ok(secret);
    }
    getrandom::fill(&mut *secret)
        .map_err(|error| Error::other(format!("no random numbers: {error}")))?;
    let unfinished = path.with_extension("key.new");
    let _ = std::fs::remove_file(&unfinished);
    let mut file = private(OpenOptions::new().write(true).create_new(true)).open(&unfinished)?;
    file.write_all(&*secret)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    Ok(secret)
}

/// Whether nobody but the owner can read or write it. What others could read is a secret no more.
fn is_private(file: &File) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.metadata()
            .is_ok_and(|metadata| metadata.permissions().mode() & 0o077 == 0)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Hash = Hash([7; 32]);

    fn files(folder: &Path) -> CodeFiles {
        let files = CodeFiles::new(folder, 1 << 20);
        files.with_executable(Hash([1; 32]))
    }

    fn the_file(folder: &Path) -> PathBuf {
        let mut found = std::fs::read_dir(folder.join(CODE_FOLDER)).expect("a folder");
        let path = found.next().expect("a file").expect("readable").path();
        assert!(found.next().is_none(), "one file");
        path
    }

    #[test]
    fn what_was_written_is_read_by_the_next_process() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(files(folder.path()).get(&KEY), None);
        files(folder.path()).put(&KEY, b"code");
        assert_eq!(files(folder.path()).get(&KEY), Some(b"code".to_vec()));
        files(folder.path()).put(&KEY, b"other");
        assert_eq!(files(folder.path()).get(&KEY), Some(b"other".to_vec()));
        files(folder.path()).remove(&KEY);
        assert_eq!(files(folder.path()).get(&KEY), None);
    }

    #[test]
    fn a_file_that_was_changed_anywhere_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = files(folder.path());
        files.put(&KEY, b"some code");
        let path = the_file(folder.path());
        let whole = std::fs::read(&path).expect("readable");
        for bit in 0..8 * whole.len() {
            let mut turned = whole.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, turned).expect("writable");
            assert_eq!(files.get(&KEY), None, "bit {bit}");
            assert!(!path.exists());
        }
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).expect("writable");
            assert_eq!(files.get(&KEY), None, "{length} bytes");
        }
        let longer = [&whole[..], b"x"].concat();
        std::fs::write(&path, longer).expect("writable");
        assert_eq!(files.get(&KEY), None);
        let file = File::create(&path).expect("writable");
        file.set_len(FILE_MAX + 1).expect("writable");
        assert_eq!(files.get(&KEY), None);
        std::fs::write(&path, &whole).expect("writable");
        assert_eq!(files.get(&KEY), Some(b"some code".to_vec()));
    }

    #[test]
    fn a_file_is_of_one_program_one_executable_and_one_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        files(folder.path()).put(&KEY, b"code");
        let path = the_file(folder.path());
        let whole = std::fs::read(&path).expect("readable");

        // Of another program, though it lies under that one's name.
        let other = Hash([8; 32]);
        let there = files(folder.path());
        let name = there.name(&other).expect("a name");
        std::fs::write(there.path(&name), &whole).expect("writable");
        assert_eq!(there.get(&other), None);

        let replaced = CodeFiles::new(folder.path(), 1 << 20);
        let replaced = replaced.with_executable(Hash([2; 32]));
        assert_eq!(replaced.get(&KEY), None);
        let name = replaced.name(&KEY).expect("a name");
        std::fs::write(replaced.path(&name), &whole).expect("writable");
        assert_eq!(replaced.get(&KEY), None);

        assert!(path.exists());
        std::fs::remove_file(folder.path().join(CODE_KEY_FILE)).expect("there");
        assert_eq!(files(folder.path()).get(&KEY), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_that_others_can_read_is_made_anew() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        files(folder.path()).put(&KEY, b"code");
        let secret = folder.path().join(CODE_KEY_FILE);
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(mode(&secret) & 0o777, 0o600);
        assert_eq!(mode(&the_file(folder.path())) & 0o777, 0o600);
        let readable = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&secret, readable).expect("its owner");
        assert_eq!(files(folder.path()).get(&KEY), None);
        assert_eq!(mode(&secret) & 0o777, 0o600);
        std::fs::write(&secret, "short").expect("writable");
        files(folder.path()).put(&KEY, b"code");
        assert_eq!(files(folder.path()).get(&KEY), Some(b"code".to_vec()));
    }

    #[test]
    fn the_least_recently_used_files_go_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = CodeFiles::new(folder.path(), 3 * 1_100);
        let files = files.with_executable(Hash([1; 32]));
        let key = |n: u8| Hash([n; 32]);
        let content = [5; 1_000];
        for n in 0..3 {
            files.put(&key(n), &content);
            let name = files.name(&key(n)).expect("a name");
            let file = File::options().write(true).open(files.path(&name));
            let age = std::time::Duration::from_secs(100 - u64::from(n));
            let then = SystemTime::now() - age;
            file.expect("there").set_modified(then).expect("writable");
        }
        assert!(files.get(&key(0)).is_some());
        files.put(&key(3), &content);
        let kept: Vec<u8> = (0..4).filter(|n| files.get(&key(*n)).is_some()).collect();
        assert_eq!(kept, [0, 2, 3]);
        // One that is too large for all of it takes their place and stays alone.
        files.put(&key(4), &[5; 5_000]);
        let kept: Vec<u8> = (0..5).filter(|n| files.get(&key(*n)).is_some()).collect();
        assert_eq!(kept, [4]);
    }

    #[test]
    fn two_that_write_the_same_file_leave_a_whole_one() {
        let folder = tempfile::tempdir().expect("a folder");
        // The secret is there before both look for it.
        files(folder.path()).put(&KEY, &[1; 10_000]);
        std::thread::scope(|scope| {
            for byte in [1u8, 2] {
                let files = files(folder.path());
                scope.spawn(move || {
                    for _ in 0..50 {
                        files.put(&KEY, &[byte; 10_000]);
                        let read = files.get(&KEY).expect("one of them");
                        assert!(read == [1; 10_000] || read == [2; 10_000]);
                    }
                });
            }
        });
    }
}
