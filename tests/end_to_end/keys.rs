//! `copc key`: files, addresses, passwords.

use crate::copc::{command, copc, folder_with, ran};

/// The address in a line of output.
fn address(text: &str) -> &str {
    let at = text.find("cop1").expect("an address");
    &text[at..at + 42]
}

#[test]
fn a_key_is_made_once_listed_and_shown() {
    let folder = folder_with(&[
        ("password", "correct horse\nsecond line\n"),
        ("empty", "\n"),
    ]);
    let at = folder.path();
    assert!(copc(at, &["key", "list"]).errors.contains("copc key new"));
    let made = copc(at, &["key", "new", "--password-file", "password"]);
    assert!(
        made.well().contains(".coputer/keys/default.copkey"),
        "{made:?}"
    );
    let own = address(&made.output).to_owned();
    assert!(own.parse::<cop_runtime::Address>().is_ok());

    let again = copc(at, &["key", "new", "--password-file", "password"]);
    again.refused(1, &["default.copkey", "left alone"]);
    let mut by_environment = command(at, &["key", "new", "work"]);
    by_environment.env("COP_KEY_PASSWORD", "battery staple");
    assert_ne!(address(ran(by_environment).well()), own);

    let list = copc(at, &["key", "list"]);
    let names: Vec<&str> = list
        .well()
        .lines()
        .filter_map(|line| line.split("  ").last())
        .collect();
    assert_eq!(names, ["default", "work"]);
    assert!(list.output.contains(&own));
    let shown = copc(at, &["key", "show"]);
    assert!(
        shown.well().contains(&own) && shown.output.contains("public key  0"),
        "{shown:?}"
    );
    copc(at, &["key", "show", "nobody"]).refused(1, &["nobody.copkey", "copc key new"]);

    // Elsewhere, and not without a password.
    let elsewhere = ["key", "new", "--keys", "elsewhere"];
    copc(at, &elsewhere).refused(1, &["--password-file", "COP_KEY_PASSWORD"]);
    copc(
        at,
        &[&elsewhere[..], &["--password-file", "empty"]].concat(),
    )
    .refused(1, &["empty"]);
    copc(
        at,
        &[&elsewhere[..], &["--password-file", "nothing"]].concat(),
    )
    .refused(1, &["nothing"]);
    assert!(!at.join("elsewhere").exists());
    copc(
        at,
        &[&elsewhere[..], &["--password-file", "password"]].concat(),
    )
    .well();
    assert!(at.join("elsewhere/default.copkey").exists());
}

#[test]
fn a_damaged_key_file_is_named() {
    let folder = folder_with(&[("keys/broken.copkey", "copk, but no key")]);
    let told = copc(folder.path(), &["key", "list", "--keys", "keys"]);
    told.refused(1, &["broken.copkey", "not a whole key file"]);
}
