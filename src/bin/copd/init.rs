//! `copd init`: a data folder with its settings and keys, and what to do next.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use cop_gateway::Token;
use cop_runtime::receipt::node_key;
use coputer::node_file::{TOKEN_FILE, default_data_dir};
use coputer::settings::{FILE, KEYS, Settings};

use crate::arguments::InitOptions;
use crate::say::say;

/// Makes the folder, or prints the unit for systemd.
///
/// # Errors
/// A message for the operator.
pub fn init(options: &InitOptions) -> Result<(), String> {
    let folder = options.data.clone().or_else(default_data_dir);
    let folder =
        folder.ok_or("there is no home folder for the node's data; name one with --data DIR")?;
    let folder = std::path::absolute(&folder).unwrap_or(folder);
    if options.systemd {
        say!("{}", unit(&folder)?);
        return Ok(());
    }
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| format!("cannot write {}: {error}", path.display())
    };
    let settings = folder.join(FILE);
    if settings.exists() {
        return Err(format!(
            "{} is there already; copd start uses it, copd config check reads it",
            settings.display()
        ));
    }
    make_folder(&folder).map_err(at(&folder))?;
    let key = folder.join(node_key::NODE_KEY_FILE);
    let token = folder.join(TOKEN_FILE);
    let public = node_key::load_or_create(&folder).map_err(at(&key))?;
    Token::load_or_create(&token).map_err(at(&token))?;
    // Last, and whole or not at all: this is the file by which a folder counts as made.
    let written = tempfile::NamedTempFile::new_in(&folder).and_then(|mut file| {
        file.write_all(commented().as_bytes())?;
        file.as_file().sync_all()?;
        Ok(file.persist_noclobber(&settings)?)
    });
    written.map_err(at(&settings))?;
    say!(
        "Settings    {} (all have their defaults)",
        settings.display()
    );
    say!(
        "Node key    {} ({:?}); it signs receipts: keep it",
        key.display(),
        public.public()
    );
    say!("Token       {}", token.display());
    let data = match default_data_dir().as_ref() == Some(&folder) {
        true => String::new(),
        false => format!(" --data {}", folder.display()),
    };
    say!("Next        copd start{data}");
    say!(
        "            copd init --systemd{data} > ~/.config/systemd/user/copd.service   (to have it started by systemd)"
    );
    Ok(())
}

#[cfg(unix)]
fn make_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)
}

/// All settings with their meanings and defaults, none of them set.
fn commented() -> String {
    let defaults = Settings::default();
    let mut text = String::from(
        "# Settings of this node. Lines that begin with # are the defaults; `copd config check` reads the file, and a node\n\
         # does not start with one that it does not understand. Variables of the environment (COP_…) and flags win over it.\n",
    );
    for key in KEYS {
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "\n# {}\n# {} = {}\n",
            key.about,
            key.name,
            (key.shown)(&defaults)
        );
    }
    text
}

/// A unit for the user's own systemd: no root is needed, and what the node may do is narrowed.
fn unit(folder: &Path) -> Result<String, String> {
    let executable: PathBuf = std::env::current_exe()
        .map_err(|error| format!("cannot find out where copd is: {error}"))?;
    let quoted = |path: &Path| {
        let text = path.display().to_string();
        // Within quotes systemd reads `\`, `"` and `%` in a way of its own.
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('%', "%%")
    };
    Ok(format!(
        "# copd init --systemd > ~/.config/systemd/user/copd.service\n\
         # systemctl --user enable --now copd; loginctl enable-linger   (so that it runs without anybody logged in)\n\
         [Unit]\n\
         Description=Coputer node\n\
         Documentation=man:copd(1)\n\
         After=network-online.target\n\
         \n\
         [Service]\n\
         ExecStart=\"{}\" start --data \"{}\"\n\
         Restart=on-failure\n\
         RestartSec=2\n\
         # Open requests get ten seconds.\n\
         TimeoutStopSec=30\n\
         LimitNOFILE=16384\n\
         NoNewPrivileges=yes\n\
         PrivateTmp=yes\n\
         UMask=0077\n\
         \n\
         [Install]\n\
         WantedBy=default.target",
        quoted(&executable),
        quoted(folder)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commented_defaults_are_the_defaults() {
        let all: String = commented()
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .filter(|line| {
                KEYS.iter()
                    .any(|key| line.starts_with(&format!("{} = ", key.name)))
            })
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(all.lines().count(), KEYS.len());
        for text in [commented(), all] {
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::write(folder.path().join(FILE), &text).expect("written");
            let read = Settings::of(folder.path(), |_| None).expect(&text);
            for key in KEYS {
                assert_eq!((key.shown)(&read), (key.shown)(&Settings::default()));
            }
        }
    }
}
