//! What a node is set to: the file, the environment, the command line.

use std::fs;

use crate::copc::{command, ran};
use crate::daemon::{Daemon, copd, run};
use crate::http::get;
use crate::publishing::{home, published, text};

/// A flag is named where `copd start` has it.
#[test]
fn flags_that_are_explained_are_there() {
    let (_, help, _) = run(&["start", "--help"]);
    let (_, shown, _) = run(&["config", "show", "--data", "nowhere"]);
    let keys: Vec<&str> = shown
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(keys.len() > 10, "{shown}");
    for key in keys {
        let (_, explained, _) = run(&["config", "explain", key]);
        let flag = format!("--{} ", key.replace('_', "-"));
        let named = explained.contains(&format!("flag      {}\n", flag.trim_end()));
        assert_eq!(named, help.contains(&flag), "{explained}");
    }
}

#[test]
fn settings_are_shown_checked_and_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_str().expect("text");
    let (status, output, _) = run(&["config", "check", "--data", data]);
    assert!(
        status == Some(0) && output.contains("all settings have their defaults"),
        "{output}"
    );
    fs::write(folder.path().join("node.toml"), "cache_mib = 8\n").expect("written");
    let mut show = copd(&["config", "show", "--origin", "--data", data]);
    let shown = show
        .env("COP_ENGINE", "interpreter")
        .output()
        .expect("it runs");
    let shown = String::from_utf8(shown.stdout).expect("text");
    for (line, origin) in [
        ("cache_mib = 8 ", "node.toml:1"),
        ("engine = \"interpreter\" ", "COP_ENGINE"),
        ("http = 2517 ", "default"),
    ] {
        let found = shown.lines().find(|shown| shown.starts_with(line));
        assert!(
            found.is_some_and(|found| found.ends_with(origin)),
            "{line}: {shown}"
        );
    }
    let (status, output, _) = run(&["config", "explain", "cache_mib"]);
    assert!(
        status == Some(0) && output.contains("memory for remembered answers"),
        "{output}"
    );
    let (status, _, errors) = run(&["config", "explain", "cache"]);
    assert!(
        status == Some(1) && errors.contains("no setting `cache`"),
        "{errors}"
    );

    // A node does not start with a setting that it does not understand.
    fs::write(
        folder.path().join("node.toml"),
        "cahce_mib = 8\nworkers = \"many\"\n",
    )
    .expect("written");
    for arguments in [
        ["config", "check", "--data", data],
        ["start", "--http=0", "--data", data],
    ] {
        let (status, output, errors) = run(&arguments);
        assert_eq!((status, output.as_str()), (Some(1), ""), "{errors}");
        assert!(
            errors.contains(
                "node.toml:1:1: there is no setting `cahce_mib`; did you mean `cache_mib`?"
            ),
            "{errors}"
        );
        assert!(
            errors.contains("node.toml:2:11: `workers`: a whole number"),
            "{errors}"
        );
    }
}

#[tokio::test]
async fn a_domain_shows_one_program_as_its_own() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    let told = published(home.path(), data.path(), &["visits"]);
    assert_eq!(node.interrupt().0, Some(0));
    let domains = format!(
        "[domains]\n\"visits.example.org\" = \"{}/visits\"\n",
        text(&told, "/address")
    );
    fs::write(data.path().join("node.toml"), domains).expect("written");
    let node = Daemon::start(data.path());
    let page = get(node.http(), "http://visits.example.org/anything").await;
    assert_eq!(page.body(), "0 visits, cookie none");
    assert!(
        !page.headers().contains_key("content-security-policy"),
        "it has an origin of its own"
    );
    let other = get(node.http(), "http://example.org/anything").await;
    assert_eq!(other.status(), 404);
    let mut list = command(home.path(), &["releases", "visits"]);
    list.env("COP_DATA", data.path());
    assert_eq!(ran(list).well().lines().count(), 1);
}
