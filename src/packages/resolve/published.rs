//! Published packages: which bundle one is, and whether everybody agrees.

use super::*;

impl Packages<'_> {
    /// A published package that the project or one beside it names.
    pub(super) fn published(
        &self,
        state: &mut State,
        published: &Published,
    ) -> Result<Found, Box<Missing>> {
        let name = published.to_string();
        let locked = state
            .used
            .get(&name)
            .or_else(|| self.old.entries.get(&name));
        if let Some(Some(locked)) = locked.copied() {
            self.check_lock(published, &locked)?;
            return self.locked(state, published, locked);
        }
        if self.is_locked {
            return refuse(
                Fault::Lock
                    .error(format!("`{LOCK}` has no entry for `{name}`"))
                    .note("`--locked` lets nothing be added to it")
                    .help(format!(
                        "run `copc check` without `--locked`, and commit `{LOCK}`"
                    )),
            );
        }
        let fault = |error| unavailable(&name, error);
        let (hash, package) = match &published.which {
            Which::Bundle(hash) => (parse_hash(hash)?, None),
            Which::Release(number) => {
                let (address, called) = parse_publisher(published)?;
                let signed = self.fetcher.release(&address, &called, *number);
                let signed = signed.map_err(|error| {
                    let newest = self.newest(published, &address, &called, &error);
                    let mut missing = *fault(error);
                    if let Some(newest) = newest {
                        missing.message = missing
                            .message
                            .help(format!("the newest release there is `{}`", newest.short()));
                        missing.instead = Some(newest.to_string());
                    }
                    Box::new(missing)
                })?;
                (signed.release().bundle, Some(signed.release().package))
            }
        };
        let bundle = self.fetcher.bundle(&hash).map_err(fault)?;
        let found = bundle.manifest().package;
        if let Some(signed) = package.filter(|signed| *signed != found) {
            return refuse(
                Fault::Untrue
                    .error(format!("`{name}` is not what its publisher signed"))
                    .note(format!(
                        "the release names the package {signed}, its bundle holds {found}"
                    )),
            );
        }
        let locked = Locked {
            bundle: hash,
            package: found,
        };
        self.keep(state, published, locked, bundle)
    }

    /// The newest release of a package, one of whose releases is not there.
    fn newest(
        &self,
        published: &Published,
        address: &Address,
        name: &ProgramName,
        error: &FetchError,
    ) -> Option<Published> {
        if error.is_untrue {
            return None;
        }
        let newest = self.fetcher.newest_release(address, name).ok()?;
        Some(Published {
            which: Which::Release(newest.release().number),
            ..published.clone()
        })
    }

    /// Whether the lock file says of a package what its publisher does, as far as this machine knows.
    fn check_lock(&self, published: &Published, locked: &Locked) -> Result<(), Box<Missing>> {
        let (signed, signed_package) = match &published.which {
            Which::Bundle(hash) => (parse_hash(hash)?, None),
            Which::Release(number) => {
                let (address, name) = parse_publisher(published)?;
                match self.fetcher.known_release(&address, &name, *number) {
                    Some(signed) => (signed.release().bundle, Some(signed.release().package)),
                    None => return Ok(()),
                }
            }
        };
        if signed == locked.bundle && signed_package.is_none_or(|package| package == locked.package)
        {
            return Ok(());
        }
        let error = Fault::Lock.error(format!(
            "`{LOCK}` and the publisher disagree about `{published}`"
        ));
        refuse(error
            .note(format!("`{LOCK}` names the bundle {}, the publisher {signed}", locked.bundle))
            .help(format!(
                "if you did not change `{LOCK}`, somebody did: look at its history; to take what the publisher signed, remove that entry"
            )))
    }

    /// A published package whose bundle is known by its hash.
    pub(super) fn locked(
        &self,
        state: &mut State,
        published: &Published,
        locked: Locked,
    ) -> Result<Found, Box<Missing>> {
        let name = published.to_string();
        if let Some(prefix) = state.prefixes.get(&locked.bundle).cloned() {
            enter(state, &name, Some(locked))?;
            return Ok(Found::Package(prefix));
        }
        let bundle = self.fetcher.bundle(&locked.bundle);
        let bundle = bundle.map_err(|error| unavailable(&name, error))?;
        let found = bundle.manifest().package;
        if found != locked.package {
            return refuse(
                Fault::Lock
                    .error(format!(
                        "`{LOCK}` names another package than `{name}` holds"
                    ))
                    .note(format!(
                        "`{LOCK}` names the package {}, its bundle holds {found}",
                        locked.package
                    ))
                    .help(format!(
                        "restore `{LOCK}` from version control, or remove it"
                    )),
            );
        }
        self.keep(state, published, locked, bundle)
    }

    /// Takes a published package in: with its lock file, which becomes a part of ours.
    fn keep(
        &self,
        state: &mut State,
        published: &Published,
        locked: Locked,
        bundle: Bundle,
    ) -> Result<Found, Box<Missing>> {
        let spelled = published.to_string();
        enter(state, &spelled, Some(locked))?;
        if let Some(prefix) = state.prefixes.get(&locked.bundle) {
            return Ok(Found::Package(prefix.clone()));
        }
        let name = match &published.which {
            Which::Release(_) => published.short(),
            Which::Bundle(hash) => {
                let shown: String = hash.chars().take(HASH_SHOWN).collect();
                format!("{}#{shown}", published.name)
            }
        };
        let lock = match bundle.file(&source(LOCK)) {
            None => LockFile::default(),
            Some(bytes) => LockFile::parse(&String::from_utf8_lossy(bytes)).map_err(|error| {
                Fault::Untrue
                    .error(format!("the lock file of `{spelled}` cannot be read"))
                    .note(format!("line {}: {}", error.line, error.why))
                    .help("ask its author to publish it again")
            })?,
        };
        for (other, locked) in &lock.entries {
            if locked.is_some() {
                enter(state, other, *locked)
                    .map_err(|fault| fault.message.note(format!("named by `{spelled}`")))?;
            }
        }
        let sizes = bundle.files().map(|(_, _, content)| content.len() as u64);
        state.size += sizes.sum::<u64>();
        if state.size > PACKAGES_BYTES_MAX {
            return refuse(Fault::TooMany.error(format!(
                "the packages of a program have at most {} MiB, and `{spelled}` is more",
                PACKAGES_BYTES_MAX >> 20
            )));
        }
        let archive = Arc::new(Archive {
            bundle,
            lock,
            prefix: format!("{spelled}/"),
            name,
        });
        let known = read_archive(&archive, "")?;
        state.prefixes.insert(locked.bundle, archive.prefix.clone());
        state.packages.insert(archive.prefix.clone(), known);
        Ok(Found::Package(archive.prefix.clone()))
    }
}

/// Adds an entry to what the lock file is to say.
pub(super) fn enter(
    state: &mut State,
    name: &str,
    locked: Option<Locked>,
) -> Result<(), Box<Missing>> {
    match state.used.get(name) {
        Some(known) if *known == locked => return Ok(()),
        Some(Some(known)) => {
            let bundles = locked.map_or(String::new(), |other| {
                format!("{} and {}", known.bundle, other.bundle)
            });
            return refuse(
                Fault::Untrue
                    .error(format!("two bundles are called `{name}`"))
                    .note(format!(
                        "{bundles}: their publisher signed both, or somebody's lock file is forged"
                    ))
                    .help("ask the authors of the packages that use it which one is meant"),
            );
        }
        _ => {}
    }
    if state.used.len() >= MAX_PACKAGES {
        return refuse(
            Fault::TooMany.error(format!("a program has at most {MAX_PACKAGES} packages")),
        );
    }
    state.used.insert(name.to_owned(), locked);
    Ok(())
}

fn parse_hash(hash: &str) -> Result<Hash, Box<Missing>> {
    hash.parse().map_err(|error| {
        Fault::Absent
            .error(format!("`{hash}` is no hash: {error}"))
            .into()
    })
}

fn parse_publisher(published: &Published) -> Result<(Address, ProgramName), Box<Missing>> {
    let address = published.address.parse::<Address>().map_err(|error| {
        Fault::Absent
            .error(format!("`{}` is no address", published.address))
            .note(error.to_string())
            .help("copy the whole address again, `cop1` and all: 42 characters")
    })?;
    let name = published.name.parse::<ProgramName>().map_err(|error| {
        Fault::Absent.error(format!(
            "`{}` cannot name a package: {error}",
            published.name
        ))
    })?;
    Ok((address, name))
}

/// Says that a package cannot be had.
fn unavailable(name: &str, error: FetchError) -> Box<Missing> {
    let FetchError {
        is_untrue,
        why,
        help,
    } = error;
    let diagnostic = match is_untrue {
        true => Fault::Untrue.error(format!("what came is not `{name}`")),
        false => Fault::Absent.error(format!("`{name}` cannot be had")),
    };
    diagnostic.note(why).help(help).into()
}
