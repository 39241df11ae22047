//! Receipts as an asker gets and checks them, proofs that a node lied, and programs compiled again.

use std::path::Path;

use cop_runtime::receipt::opened::OpenedReceipt;
use cop_runtime::receipt::{Receipt, SignedReceipt, node_key};
use cop_runtime::{Bundle, BundleParts, Hash};
use serde_json::Value;

use crate::copc::{Ran, command, ran};
use crate::daemon::Daemon;
use crate::http::{header, send};
use crate::publishing::{home, published, text};

/// `copc` with this node and its packages.
fn copc(home: &Path, node: &Path, arguments: &[&str]) -> Ran {
    let mut copc = command(home, arguments);
    copc.env("COP_DATA", node)
        .env("COP_PACKAGES", node.join("packages"));
    ran(copc)
}

/// The codes in a heap of `copc verify --json`.
fn codes(told: &Value, heap: &str) -> Vec<String> {
    let rows = told[heap].as_array().expect("a heap");
    rows.iter()
        .map(|row| text(row, "/code").to_owned())
        .collect()
}

/// The opened receipt in a file.
fn opened(path: &Path) -> OpenedReceipt {
    OpenedReceipt::decode(&std::fs::read(path).expect("a file")).expect("an opened receipt")
}

/// A receipt that this node signs though it is not so.
fn lie(node: &Path, signed: &SignedReceipt, change: impl FnOnce(&mut Receipt)) -> SignedReceipt {
    let key = node_key::load_or_create(node).expect("the node's key");
    let mut receipt = signed.receipt().clone();
    change(&mut receipt);
    receipt.sign(&key).expect("signed")
}

#[tokio::test]
async fn an_answer_is_verified_and_what_is_not_proven_is_told() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    let run = |arguments: &[&str]| copc(home.path(), data.path(), arguments);
    let greet = published(home.path(), data.path(), &["greet.cop"]);

    // What depends on the request alone is proven whole, in each form of URL, run or remembered.
    for form in ["/urls/host", "/urls/path", "/urls/pinned"] {
        let url = format!("{}a%20b?c=d", text(&greet, form));
        let told = run(&["verify", &url, "--json"]).json();
        assert_eq!(told["verdict"], "proven", "{told}");
        assert!(codes(&told, "wrong").is_empty(), "{told}");
        let proven = codes(&told, "proven");
        let all = [
            "signature",
            "nonce",
            "request",
            "answers",
            "answer",
            "outcome",
        ];
        assert!(
            all.iter().all(|code| proven.iter().any(|p| p == code)),
            "{told}"
        );
        let has_release = form != "/urls/pinned";
        assert_eq!(proven.iter().any(|p| p == "release"), has_release, "{told}");
    }
    let key = text(
        &run(&["verify", text(&greet, "/urls/host"), "--json"]).json(),
        "/receipt/node",
    )
    .to_owned();
    let page = send(
        node.http(),
        "GET",
        &format!("http://{}/.well-known/coputer/node", node.http()),
        &[],
        "",
    )
    .await;
    assert!(page.body().contains(&key), "the node names its key");
    let url = text(&greet, "/urls/host");
    run(&["verify", url, "--key", &key]).well();
    let other = run(&["verify", url, "--key", &key.replace(&key[2..4], "00")]);
    assert_eq!(other.status, Some(1), "{other:?}");
    assert!(
        other.output.contains("not the key that you named"),
        "{other:?}"
    );
    run(&["verify", url, "--key", "12"]).refused(2, &["66 hexadecimal digits"]);

    // What a program keeps stays closed to a stranger, and is open to the owner.
    let visits = published(home.path(), data.path(), &["visits"]);
    let url = text(&visits, "/urls/host");
    let stranger = run(&["verify", url, "--header", "cookie: who=me"]);
    assert_eq!(stranger.status, Some(3), "{stranger:?}");
    for part in [
        "only the node's word",
        "what the program does with these answers",
        "stays closed",
    ] {
        assert!(stranger.output.contains(part), "{part}: {stranger:?}");
    }
    let file = home.path().join("page.copreceipt");
    let path = file.display().to_string();
    let owner = run(&[
        "verify",
        url,
        "--method",
        "POST",
        "--header",
        "cookie: who=me",
        "--owner",
        "--answers",
        "--save",
        &path,
    ]);
    for part in ["made commit 1", "kv.get \"visits\"", "same to the bit"] {
        assert!(owner.well().contains(part), "{part}: {owner:?}");
    }

    // The root that a receipt names is the one that the owner is told.
    let rooted = run(&["verify", url, "--root", "--json"]).json();
    let root = run(&["state", "root", "visits", "--json"]).json();
    assert_eq!(rooted["receipt"]["state_root"], root["root"], "{rooted}");
    assert_eq!(rooted["receipt"]["commit_read"], 1, "{rooted}");
    assert_eq!(rooted["receipt"]["line"], "0", "{rooted}");

    // The file says the same without the node, and nothing that is changed in it is believed.
    node.interrupt();
    let again = run(&["verify", &path, "--json"]).json();
    assert_eq!(again["verdict"], "proven", "{again}");
    let good = opened(&file);
    let wrong = |changed: OpenedReceipt, code: &str| {
        let file = home.path().join("changed.copreceipt");
        std::fs::write(&file, changed.encode()).expect("written");
        let told = run(&["verify", "changed.copreceipt", "--json"]);
        assert_eq!(told.status, Some(1), "{told:?}");
        assert!(
            codes(&told.json(), "wrong").iter().any(|c| c == code),
            "{told:?}"
        );
    };
    wrong(
        good.clone().with_body("1 visits, cookie you".into()),
        "answer",
    );
    let mut other = good.clone();
    other.leaves.swap(0, 1);
    wrong(other, "answers");
    let mut other = good.clone();
    other.writes = Hash([0; 32]);
    wrong(other, "answer");
    let mut bytes = good.encode();
    let last = bytes.len() - 1;
    bytes[40] ^= 1;
    std::fs::write(&file, &bytes).expect("written");
    run(&["verify", &path]).refused(1, &["signature"]);
    bytes[40] ^= 1;
    std::fs::write(&file, &bytes[..last]).expect("written");
    run(&["verify", &path]).refused(1, &["ends too early"]);
    run(&["verify", "http://127.0.0.1:9/"]).refused(1, &["cannot ask"]);
    run(&["verify", "greet.cop"]).refused(1, &["Cop-Receipt"]);
}

#[tokio::test]
async fn a_receipt_comes_by_header_and_is_opened_by_its_salt() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    let greet = published(home.path(), data.path(), &["greet.cop"]);
    let url = text(&greet, "/urls/host");
    let plain = send(node.http(), "GET", url, &[], "").await;
    assert_eq!(header(&plain, "cop-receipt"), "");
    let asked = [("cop-verify", "receipt"), ("cop-nonce", "YWJj")];
    let page = send(node.http(), "GET", url, &asked, "").await;
    assert_eq!(
        header(&page, "cop-cache"),
        "hit",
        "a remembered answer is signed too"
    );
    assert_eq!(header(&page, "cache-control"), "no-store");
    let (run, salt) = (header(&page, "cop-run"), header(&page, "cop-salt"));
    let opening = format!("http://{}/.well-known/coputer/receipts/{run}", node.http());
    let status = async |headers: &[(&str, &str)]| {
        let client = coputer::http::HttpClient::default();
        let headers: Vec<(String, String)> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let ask = coputer::http::Ask {
            method: hyper::Method::GET,
            url: &opening,
            bearer: None,
            body: Vec::new(),
            answer_bytes: 1 << 20,
        };
        let answered = client.ask_with(ask, &headers).await.expect("an answer");
        (answered.status.as_u16(), answered.body)
    };
    assert_eq!(status(&[]).await.0, 403);
    assert_eq!(status(&[("cop-salt", "AAAA")]).await.0, 400);
    assert_eq!(status(&[("cop-salt", &"A".repeat(43))]).await.0, 404);
    let (ok, bytes) = status(&[("cop-salt", salt)]).await;
    assert_eq!(ok, 200);
    let receipt = OpenedReceipt::decode(&bytes)
        .expect("an opened receipt")
        .signed;
    assert_eq!(receipt.receipt().nonce, b"abc");
    for wrong in [
        ("cop-verify", "2-of-3"),
        ("cop-nonce", "=="),
        ("cop-salt", "short"),
    ] {
        let headers = [("cop-verify", "receipt"), wrong];
        let headers = if wrong.0 == "cop-verify" {
            &headers[1..]
        } else {
            &headers[..]
        };
        let refused = send(node.http(), "GET", url, headers, "").await;
        assert_eq!(refused.status().as_u16(), 400, "{wrong:?}");
        assert!(refused.body().contains("bad_request"), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_node_that_lies_is_proven_to_have_lied() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    let run = |arguments: &[&str]| copc(home.path(), data.path(), arguments);
    let greet = published(home.path(), data.path(), &["greet.cop"]);
    let url = text(&greet, "/urls/host");
    run(&["verify", url, "--save", "true.copreceipt"]).well();
    node.interrupt();
    let truth = opened(&home.path().join("true.copreceipt"));
    run(&["prove-fraud", "true.copreceipt"]).refused(1, &["comes out as the receipt says"]);

    let mut untrue = truth.clone();
    untrue.signed = lie(data.path(), &truth.signed, |receipt| {
        receipt.outcome = Hash([7; 32])
    });
    std::fs::write(home.path().join("lie.copreceipt"), untrue.encode()).expect("written");
    // Its own parts do not even fit together.
    let found = run(&["verify", "lie.copreceipt"]);
    assert_eq!(found.status, Some(1), "{found:?}");
    assert!(found.output.contains("comes out differently"), "{found:?}");

    for (receipts, file) in [
        (&["lie.copreceipt"][..], "untrue.copfraud"),
        (&["true.copreceipt", "lie.copreceipt"], "two.copfraud"),
    ] {
        let made = run(&[&["prove-fraud", "-o", file], receipts].concat());
        assert!(made.well().contains("signed something untrue"), "{made:?}");
        let checked = run(&["verify", file]);
        assert!(checked.well().contains("fraud:"), "{checked:?}");
        let told = run(&["verify", file, "--json"]).json();
        assert_eq!(
            (&told["ok"], text(&told, "/verdict")),
            (&true.into(), "fraud")
        );
        // Changed in any way, it proves nothing.
        let path = home.path().join(file);
        let mut bytes = std::fs::read(&path).expect("a proof");
        bytes[60] ^= 1;
        std::fs::write(&path, bytes).expect("written");
        assert_eq!(run(&["verify", file]).status, Some(1));
    }
    run(&["prove-fraud", "true.copreceipt", "true.copreceipt"]).refused(1, &["they say the same"]);
}

#[tokio::test]
async fn what_runs_is_what_the_sources_give() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    let run = |arguments: &[&str]| copc(home.path(), data.path(), arguments);
    let visits = published(home.path(), data.path(), &["visits"]);
    let by_name = format!("{}/visits@1", text(&visits, "/address"));
    for which in ["visits", text(&visits, "/bundle"), &by_name] {
        let told = run(&["rebuild", which, "--check"]);
        assert!(told.well().contains("give this very bundle"), "{told:?}");
    }
    node.interrupt();
    run(&["rebuild", "visits", "-o", "again.copb"]).refused(1, &["no node runs"]);
    run(&["rebuild", text(&visits, "/bundle"), "-o", "again.copb"]).well();
    let read = |name: &str| {
        let bytes = std::fs::read(home.path().join(name)).expect("a bundle");
        Bundle::decode(&bytes).expect("a bundle")
    };
    let good = read("again.copb");
    assert_eq!(good.hash().to_string(), text(&visits, "/bundle"));

    // A publisher whose sources say something else than what he had compiled.
    let source = home.path().join("visits/main.cop");
    let code = std::fs::read_to_string(&source).expect("source");
    std::fs::write(&source, code.replace("before + 1", "before + 2")).expect("written");
    run(&["build", "visits", "-o", "other.copb"]).well();
    let other = read("other.copb");
    let mut manifest = good.manifest().clone();
    manifest.package = other.manifest().package;
    let sources = good.sources();
    let forged = Bundle::build(BundleParts {
        manifest,
        interface: other.interface().to_vec(),
        code: other.code().to_vec(),
        source_map: other.source_map().to_vec(),
        sources: sources
            .map(|(path, content)| (path.to_owned(), content.to_vec()))
            .collect(),
        assets: Default::default(),
    })
    .expect("a bundle");
    std::fs::write(home.path().join("forged.copb"), forged.encode()).expect("written");
    let told = run(&["rebuild", "forged.copb", "--check"]);
    assert_eq!(told.status, Some(1), "{told:?}");
    assert!(told.output.contains("another package"), "{told:?}");
    assert_eq!(told.output.matches(" differs\n").count(), 1, "{told:?}");
    assert!(
        told.output.contains("`handle` differs") || told.output.contains("`entry` differs"),
        "{told:?}"
    );
    run(&["rebuild", "cop1x/y", "--check"]).refused(2, &["HASH, NAME, ADDRESS/NAME"]);
}
