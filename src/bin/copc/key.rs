//! `copc key`: publishers' keys, and where their passwords come from.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use cop_runtime::keys::{KeyEntry, KeyError};
use cop_runtime::{KeyStore, ProgramName, SecretKey};
use coputer::node_file::default_data_dir;
use zeroize::Zeroizing;

use crate::arguments::{KeyCommand, KeyPlace, PasswordOptions};
use crate::ended::{Complaint, Ended};
use crate::say;

/// The folder of keys within that of the user.
const FOLDER: &str = "keys";
/// The key that is taken when none is named.
const USUAL: &str = "default";
/// Where scripts put a password.
const PASSWORD: &str = "COP_KEY_PASSWORD";

impl From<KeyError> for Complaint {
    fn from(error: KeyError) -> Complaint {
        Complaint::Failed(error.to_string())
    }
}

/// Makes, lists or shows keys.
pub fn key(command: &KeyCommand) -> Result<Ended, Complaint> {
    match command {
        KeyCommand::New {
            name,
            place,
            password,
        } => new(name, place, password),
        KeyCommand::List { place } => list(place),
        KeyCommand::Show { name, place } => show(name, place),
    }
}

fn new(
    name: &ProgramName,
    place: &KeyPlace,
    password: &PasswordOptions,
) -> Result<Ended, Complaint> {
    let store = KeyStore::new(folder(place)?);
    let path = store.path(name);
    // Before the password is asked for, not after.
    if path.exists() {
        return Err(KeyError::Exists { path }.into());
    }
    let password = new_password(password)?;
    let key = store.create(name, &password)?;
    say::out(&format!(
        "{} the key `{name}` is in {}\n\
         Your address is {}: programs that you publish are found under it.\n\
         Keep a copy of the file and of its password: without them nobody can publish under this address.\n",
        say::green("ok:"),
        path.display(),
        say::bold(&key.public().address().to_string()),
    ));
    Ok(Ended::Well)
}

fn list(place: &KeyPlace) -> Result<Ended, Complaint> {
    let folder = folder(place)?;
    let keys = KeyStore::new(&folder).list()?;
    if keys.is_empty() {
        say::note(&format!(
            "there are no keys in {}; `copc key new` makes one",
            folder.display()
        ));
    }
    for KeyEntry { name, public, .. } in keys {
        say::out(&format!("{}  {name}\n", public.address()));
    }
    Ok(Ended::Well)
}

fn show(name: &ProgramName, place: &KeyPlace) -> Result<Ended, Complaint> {
    let store = KeyStore::new(folder(place)?);
    let KeyEntry { public, path, .. } = find(&store, name)?;
    say::out(&format!(
        "address     {}\npublic key  {public:?}\nfile        {}\n",
        public.address(),
        path.display()
    ));
    Ok(Ended::Well)
}

fn folder(place: &KeyPlace) -> Result<PathBuf, Complaint> {
    let usual = || default_data_dir().map(|folder| folder.join(FOLDER));
    place.keys.clone().or_else(usual).ok_or_else(|| {
        Complaint::Failed(
            "there is no home folder for the keys; name one with --keys DIR".to_owned(),
        )
    })
}

fn find(store: &KeyStore, name: &ProgramName) -> Result<KeyEntry, Complaint> {
    let wanted = |entry: &KeyEntry| entry.name == name.as_str();
    let path = store.path(name);
    let found = store.list()?.into_iter().find(wanted);
    found.ok_or_else(|| KeyError::Unknown { path }.into())
}

/// The key to sign with: the one that is named, else `default`, else the only one. It is still closed.
pub fn choose(
    place: &KeyPlace,
    name: Option<&ProgramName>,
) -> Result<(KeyStore, KeyEntry), Complaint> {
    let folder = folder(place)?;
    let store = KeyStore::new(&folder);
    if let Some(name) = name {
        let entry = find(&store, name)?;
        return Ok((store, entry));
    }
    let mut keys = store.list()?;
    let chosen = match keys.iter().position(|entry| entry.name == USUAL) {
        Some(usual) => usual,
        None if keys.len() == 1 => 0,
        None if keys.is_empty() => {
            return Err(Complaint::Failed(format!(
                "there is no key in {} yet; `copc key new` makes one",
                folder.display()
            )));
        }
        None => {
            let names: Vec<&str> = keys.iter().map(|entry| entry.name.as_str()).collect();
            return Err(Complaint::Usage(format!(
                "there are several keys, {}; say which with --key NAME",
                names.join(", ")
            )));
        }
    };
    Ok((store, keys.swap_remove(chosen)))
}

/// Opens a key with the password that is given or typed.
pub fn open(
    store: &KeyStore,
    entry: &KeyEntry,
    options: &PasswordOptions,
) -> Result<SecretKey, Complaint> {
    let name: ProgramName = entry.name.parse().map_err(|_| {
        Complaint::Failed(format!(
            "the key file {} has a name that no key can have; rename it",
            entry.path.display()
        ))
    })?;
    let password = match given_password(options)? {
        Some(password) => password,
        None => ask(&format!("Password of the key `{name}`: "))?,
    };
    Ok(store.open(&name, &password)?)
}

fn new_password(options: &PasswordOptions) -> Result<Zeroizing<String>, Complaint> {
    let password = match given_password(options)? {
        Some(password) => password,
        None => {
            let password = ask("Password for the new key: ")?;
            if *ask("The same again: ")? != *password {
                return Err(Complaint::Failed(
                    "the two passwords differ, and no key was made; try again".to_owned(),
                ));
            }
            password
        }
    };
    if password.is_empty() {
        return Err(Complaint::Failed(
            "the password is empty, and no key was made; choose one".to_owned(),
        ));
    }
    Ok(password)
}

/// The password from a file or from the environment, if there is one.
fn given_password(options: &PasswordOptions) -> Result<Option<Zeroizing<String>>, Complaint> {
    match &options.password_file {
        Some(path) => first_line(path).map(Some),
        None => match std::env::var(PASSWORD) {
            Ok(password) => Ok(Some(Zeroizing::new(password))),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(Complaint::Failed(format!(
                "the password in {PASSWORD} is not UTF-8 text"
            ))),
        },
    }
}

fn first_line(path: &Path) -> Result<Zeroizing<String>, Complaint> {
    let text = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|cause| {
            Complaint::Failed(format!(
                "cannot read the password file {}: {cause}",
                path.display()
            ))
        })?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or("").to_owned()))
}

fn ask(question: &str) -> Result<Zeroizing<String>, Complaint> {
    if !std::io::stdin().is_terminal() {
        return Err(Complaint::Failed(format!(
            "the key's password is needed, and there is no terminal to ask for it; name it with --password-file FILE or put it into {PASSWORD}"
        )));
    }
    rpassword::prompt_password(question)
        .map(Zeroizing::new)
        .map_err(|cause| Complaint::Failed(format!("cannot read the password: {cause}")))
}
