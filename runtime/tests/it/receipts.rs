//! Receipts: what a node signs, what is proven by it, and that a lie comes out.

use bytes::Bytes;
use cop_bytecode::TrapKind;
use cop_runtime::engine::Engine;
use cop_runtime::library::ReadyProgram;
use cop_runtime::receipt::asked::{GivenReceipt, ReceiptWanted};
use cop_runtime::receipt::check::{self, AnswerFits, Rerun};
use cop_runtime::receipt::fraud::{self, FraudProof, NoFraud};
use cop_runtime::receipt::leaves::Salt;
use cop_runtime::receipt::opened::{OpenEnd, OpenedReceipt};
use cop_runtime::receipt::{CommitName, Receipt, SignedReceipt, StateSeen};
use cop_runtime::store::lines::Line;
use cop_runtime::{
    Bundle, Cache, Failure, Hash, Namespace, Opener, ProgramRef, RunInfo, WebAnswer, WebRequest,
};
use serde_json::json;

use crate::scripted::{Node, response, trap};
use crate::vectors::{hex, pin};
use crate::{samples, scripted};

const SALT: Salt = Salt([5; 32]);

/// A request that wants a receipt.
fn wanting(target: &str, nonce: &[u8]) -> WebRequest {
    WebRequest {
        receipt: Some(ReceiptWanted {
            nonce: nonce.to_vec(),
            salt: SALT,
            with_root: false,
        }),
        headers: vec![(b"cookie".to_vec(), b"sid=secret".to_vec())],
        ..WebRequest::get(target)
    }
}

/// A node with a program that reads its request, its state and a cookie, and writes where the path says so.
async fn guestbook() -> (Node, ProgramRef) {
    let node = Node::new();
    let program = node
        .publish("guestbook", &["kv"], |ask| {
            let path = ask.path()?;
            ask.text_call("request", "cookie", "sid")?;
            let held = ask.get("k")?.unwrap_or_default();
            match path.as_str() {
                "/trap" => return Err(trap(TrapKind::IndexOutOfBounds, [3, 2])),
                "/write" => drop(ask.set("k", b"12345678.")?),
                _ => {}
            }
            Ok(response(
                200,
                &format!("{path} {}", String::from_utf8_lossy(&held)),
            ))
        })
        .await;
    (node, program)
}

fn info(answer: &Result<WebAnswer, Failure>) -> &RunInfo {
    match answer {
        Ok(answer) => &answer.info,
        Err(failure) => failure.info.as_ref().unwrap(),
    }
}

fn given(answer: &Result<WebAnswer, Failure>) -> &GivenReceipt {
    info(answer).receipt.as_ref().unwrap()
}

async fn ask(
    node: &Node,
    program: &ProgramRef,
    target: &str,
    nonce: &[u8],
) -> Result<WebAnswer, Failure> {
    node.execution
        .run_web(program, wanting(target, nonce))
        .await
}

async fn ready(node: &Node, hash: &Hash) -> ReadyProgram {
    let bytes = node.execution.bundle(hash).await.unwrap().unwrap();
    let bundle = Bundle::decode(&bytes).unwrap();
    ReadyProgram::of_bundle(&*node.engine, &bundle).unwrap()
}

/// The same receipt, told of something else by the same node.
fn told_otherwise(
    node: &Node,
    signed: &SignedReceipt,
    lie: impl FnOnce(&mut Receipt),
) -> SignedReceipt {
    let key =
        cop_runtime::receipt::node_key::load_or_create(node.folder.path()).expect("its own key");
    let mut receipt = signed.receipt().clone();
    lie(&mut receipt);
    receipt.sign(&key).unwrap()
}

#[tokio::test]
async fn a_run_and_a_hit_are_signed_alike() {
    let (node, program) = guestbook().await;
    let fresh = ask(&node, &program, "/", b"1").await;
    let hit = ask(&node, &program, "/", b"2").await;
    assert_eq!(
        (info(&fresh).cache, info(&hit).cache),
        (Cache::Miss, Cache::Hit)
    );
    let (one, other) = (given(&fresh).signed.receipt(), given(&hit).signed.receipt());
    assert_eq!(
        (&one.transcript, &one.outcome),
        (&other.transcript, &other.outcome)
    );
    assert_eq!((&one.nonce[..], &other.nonce[..]), (&b"1"[..], &b"2"[..]));
    assert_eq!(one.node, node.execution.node_key());
    assert_eq!(
        one.state,
        Some(StateSeen {
            read: commit(0),
            root: None,
            made: None
        })
    );
    assert_eq!(one.release.as_ref().unwrap().number, 1);
    let bytes = given(&fresh).signed.encode();
    assert_eq!(
        SignedReceipt::decode(&bytes),
        Ok(given(&fresh).signed.clone())
    );
    // Who asks for none gets none.
    let without = node.execution.run_web(&program, WebRequest::get("/")).await;
    assert_eq!(info(&without).receipt, None);
    // Nor is one made of what is no outcome.
    let nothing = scripted::program("nothing");
    let refused = ask(&node, &nothing, "/", b"").await.unwrap_err();
    assert_eq!(refused.info, None);
}

#[tokio::test]
async fn commits_that_were_read_and_made_are_named() {
    let (node, program) = guestbook().await;
    let state = |answer: &Result<WebAnswer, Failure>| given(answer).signed.receipt().state;
    for number in 1..=2 {
        let made = ask(&node, &program, "/write", b"").await;
        let seen = StateSeen {
            read: commit(number - 1),
            root: None,
            made: Some(commit(number)),
        };
        assert_eq!(state(&made), Some(seen));
    }
    let read = ask(&node, &program, "/", b"").await;
    assert_eq!(
        state(&read),
        Some(StateSeen {
            read: commit(2),
            root: None,
            made: None
        })
    );
}

/// A commit of the first line.
fn commit(number: u64) -> CommitName {
    CommitName {
        line: Line::default(),
        number,
    }
}

#[tokio::test]
async fn the_root_is_named_where_it_is_wanted_and_the_line_always() {
    let (node, program) = guestbook().await;
    let namespace = Namespace {
        address: samples::key(1).public().address(),
        name: "guestbook".parse().unwrap(),
    };
    let with_root = |target: &str| {
        let mut request = wanting(target, b"");
        request.receipt.as_mut().unwrap().with_root = true;
        request
    };
    let state = |answer: WebAnswer| answer.info.receipt.unwrap().signed.receipt().state.unwrap();
    let execution = &node.execution;
    for number in 0..3 {
        let root = execution
            .state_root(&namespace, Some(number))
            .await
            .unwrap();
        let made = execution.run_web(&program, with_root("/write")).await;
        let seen = state(made.unwrap());
        assert_eq!((seen.read, seen.root), (commit(number), Some(root.root)));
        assert_eq!(seen.made, Some(commit(number + 1)));
    }
    // Another line begins, and the next commit is of it.
    let export = execution.export_state(&namespace, Some(1)).await.unwrap();
    let imported = execution.import_state(&namespace, &export, true).await;
    let line = imported.unwrap().line;
    let made = execution.run_web(&program, wanting("/write", b"")).await;
    let seen = state(made.unwrap());
    assert_eq!(seen.read, CommitName { line, number: 4 });
    assert_eq!(seen.made, Some(CommitName { line, number: 5 }));
    assert_eq!(seen.root, None);
}

#[tokio::test]
async fn the_asker_sees_what_he_sent_and_the_owner_all() {
    let (node, program) = guestbook().await;
    let answer = ask(&node, &program, "/", b"n").await;
    let run = info(&answer).run;
    let open = |opener| node.execution.opened_receipt(&run, opener);
    let asker = open(Opener::Asker(SALT)).unwrap();
    let owner = open(Opener::Owner {
        with_private: false,
    })
    .unwrap();
    let all = open(Opener::Owner { with_private: true }).unwrap();
    assert_eq!(open(Opener::Asker(Salt([6; 32]))), None);
    let seen = |opened: &OpenedReceipt| {
        let leaves = opened.leaves.iter().map(|leaf| leaf.open().is_some());
        leaves.collect::<Vec<_>>()
    };
    // request.start, request.cookie, kv.get
    assert_eq!(seen(&asker), [true, true, false]);
    assert_eq!(seen(&owner), [true, false, true]);
    assert_eq!(seen(&all), [true, true, true]);
    let body = answer.unwrap().body;
    for opened in [&asker, &owner, &all] {
        assert_eq!(OpenedReceipt::decode(&opened.encode()).as_ref(), Ok(opened));
        assert!(check::leaves_fit(opened));
        assert_eq!(check::answer_fits(opened, Some(&body)), AnswerFits::Yes);
        let other = Bytes::from_static(b"/ another");
        assert_eq!(check::answer_fits(opened, Some(&other)), AnswerFits::No);
        assert_eq!(check::answer_fits(opened, None), AnswerFits::Unknown);
    }
    let whole = all.clone().with_body(body);
    assert_eq!(check::answer_fits(&whole, None), AnswerFits::Yes);
    let ready = ready(&node, &all.signed.receipt().bundle).await;
    assert!(matches!(check::rerun(&all, &ready), Ok(Rerun::Same(_))));
    assert!(matches!(
        check::rerun(&asker, &ready),
        Ok(Rerun::Unknown(_))
    ));
    // Without a receipt there is nothing to open.
    let plain = node.execution.run_web(&program, WebRequest::get("/")).await;
    let plain = info(&plain).run;
    assert_eq!(
        node.execution.opened_receipt(&plain, Opener::Asker(SALT)),
        None
    );
}

#[tokio::test]
async fn a_trap_is_signed_and_comes_again() {
    let (node, program) = guestbook().await;
    let answer = ask(&node, &program, "/trap", b"").await;
    let owner = Opener::Owner { with_private: true };
    let opened = node.execution.opened_receipt(&info(&answer).run, owner);
    let opened = opened.unwrap();
    assert!(matches!(opened.end, OpenEnd::Closed(_)));
    assert_eq!(check::answer_fits(&opened, None), AnswerFits::Unknown);
    let ready = ready(&node, &opened.signed.receipt().bundle).await;
    assert!(matches!(check::rerun(&opened, &ready), Ok(Rerun::Same(_))));
}

#[tokio::test]
async fn a_receipt_changed_in_any_bit_is_refused() {
    let (node, program) = guestbook().await;
    let answer = ask(&node, &program, "/", b"a nonce").await;
    let bytes = given(&answer).signed.encode();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(SignedReceipt::decode(&changed).is_err(), "bit {bit}");
    }
    for cut in 0..bytes.len() {
        assert!(SignedReceipt::decode(&bytes[..cut]).is_err());
    }
}

#[tokio::test]
async fn two_words_about_one_run_are_a_proof() {
    let (node, program) = guestbook().await;
    let answer = ask(&node, &program, "/", b"n").await;
    let truth = given(&answer).signed.clone();
    let lie = told_otherwise(&node, &truth, |receipt| {
        receipt.outcome = samples::hash("lie")
    });
    let proof = FraudProof::of_two(truth.clone(), lie.clone()).unwrap();
    let other_way = FraudProof::of_two(lie.clone(), truth.clone()).unwrap();
    assert_eq!(proof.encode(), other_way.encode());
    assert_eq!(FraudProof::decode(&proof.encode()), Ok(proof.clone()));
    assert_eq!(proof.node(), node.execution.node_key());
    // Nothing else is one.
    let other = |change: fn(&mut Receipt)| {
        let other = told_otherwise(&node, &lie, change);
        FraudProof::of_two(truth.clone(), other).unwrap_err()
    };
    assert_eq!(other(|r| r.nonce = vec![]), NoFraud::Different("the nonce"));
    assert_eq!(
        other(|r| r.entry = "main".to_owned()),
        NoFraud::Different("the entry point")
    );
    assert_eq!(
        other(|r| r.revision += 1),
        NoFraud::Different("the revision")
    );
    assert_eq!(
        other(|r| r.limits.fuel += 1),
        NoFraud::Different("the limit of fuel or memory")
    );
    assert_eq!(
        other(|r| r.transcript = r.outcome),
        NoFraud::Different("what the run was told (or its salt)")
    );
    let again = told_otherwise(&node, &truth, |receipt| receipt.time_ms += 1);
    assert_eq!(
        FraudProof::of_two(truth.clone(), again),
        Err(NoFraud::Agree)
    );
    let mut stranger = lie.receipt().clone();
    stranger.node = samples::key(9).public();
    let stranger = stranger.sign(&samples::key(9)).unwrap();
    assert_eq!(FraudProof::of_two(truth, stranger), Err(NoFraud::Keys));
}

#[tokio::test]
async fn an_outcome_that_the_program_does_not_have_is_a_proof() {
    let (node, program) = guestbook().await;
    let answer = ask(&node, &program, "/", b"n").await;
    let owner = Opener::Owner { with_private: true };
    let opened = node.execution.opened_receipt(&info(&answer).run, owner);
    let opened = opened.unwrap();
    let ready = ready(&node, &opened.signed.receipt().bundle).await;
    assert_eq!(fraud::untrue(&opened, &ready).unwrap(), Err(NoFraud::True));
    let mut lie = opened.clone();
    lie.signed = told_otherwise(&node, &opened.signed, |receipt| {
        receipt.outcome = samples::hash("lie");
    });
    let what = fraud::untrue(&lie, &ready).unwrap().unwrap();
    assert!(what.contains(&samples::hash("lie").to_string()), "{what}");
    let proof = FraudProof::Untrue(Box::new(lie));
    assert_eq!(FraudProof::decode(&proof.encode()), Ok(proof));
    // A node that leaves a question out of what it signs has lied as well.
    let mut short = opened.clone();
    short.leaves.pop();
    assert_eq!(fraud::untrue(&short, &ready).unwrap(), Err(NoFraud::Leaves));
    let hashes: Vec<Hash> = short.leaves.iter().map(|leaf| leaf.hash()).collect();
    short.signed = told_otherwise(&node, &opened.signed, |receipt| {
        receipt.transcript = cop_runtime::receipt::leaves::root(&hashes);
    });
    assert!(fraud::untrue(&short, &ready).unwrap().is_ok());
    // With an answer kept closed nothing can be said.
    let asker = node
        .execution
        .opened_receipt(&info(&answer).run, Opener::Asker(SALT))
        .unwrap();
    assert_eq!(
        fraud::untrue(&asker, &ready).unwrap(),
        Err(NoFraud::Closed(1))
    );
    let unproven = FraudProof::Untrue(Box::new(asker));
    assert!(FraudProof::decode(&unproven.encode()).is_err());
}

#[tokio::test]
async fn a_node_keeps_its_key() {
    let (node, _) = guestbook().await;
    let key = node.execution.node_key();
    assert_eq!(node.restart().await.execution.node_key(), key);
}

/// Receipts, opened receipts and proofs have these bytes for ever.
#[test]
fn receipts_have_these_bytes() {
    let node = Node::new();
    let bundle = node.bundle("pinned", &["kv"], |ask| {
        ask.path()?;
        ask.get("k")?;
        Ok(response(200, "yes"))
    });
    let program = node.engine.load(bundle.interface(), bundle.code()).unwrap();
    let limits = cop_runtime::engine::Limits {
        fuel: 1_000,
        memory_bytes: 1 << 20,
    };
    let record = cop_runtime::Doubles::empty()
        .run_request(&*program, &WebRequest::get("/a"), limits)
        .unwrap();
    let key = samples::key(7);
    let hashes = cop_runtime::receipt::leaves::leaf_hashes(&record.transcript, &SALT);
    let receipt = |bundle_only: bool| Receipt {
        network: samples::hash("network"),
        edition: 1,
        revision: 1,
        program: bundle.manifest().package,
        bundle: bundle.hash(),
        release: (!bundle_only).then(|| cop_runtime::receipt::ReleaseName {
            address: samples::key(1).public().address(),
            name: "pinned".parse().unwrap(),
            number: 3,
            hash: samples::hash("release"),
        }),
        entry: "handle".to_owned(),
        limits,
        transcript: cop_runtime::receipt::leaves::root(&hashes),
        outcome: record.outcome_hash(),
        fuel_used: record.fuel_used,
        peak_memory_bytes: record.peak_memory_bytes,
        state: (!bundle_only).then_some(StateSeen {
            read: CommitName {
                line: Line([3; 8]),
                number: 300,
            },
            root: Some(samples::hash("root")),
            made: Some(CommitName {
                line: Line([3; 8]),
                number: 301,
            }),
        }),
        node: key.public(),
        time_ms: 1_800_000_000_000,
        nonce: b"nonce".to_vec(),
    };
    let signed = receipt(false).sign(&key).unwrap();
    let given = GivenReceipt {
        signed: signed.clone(),
        salt: SALT,
    };
    let opened = OpenedReceipt::of(&given, &record, |q| {
        q.kind == cop_runtime::host::HostCall::RequestStart
    });
    let lie = Receipt {
        outcome: samples::hash("lie"),
        ..receipt(false)
    };
    let proof = FraudProof::of_two(signed.clone(), lie.sign(&key).unwrap()).unwrap();
    let pinned = receipt(true).sign(&key).unwrap();
    let leaves: Vec<String> = hashes.iter().map(Hash::to_string).collect();
    let body = Bytes::from_static(b"yes");
    let files = [
        ("receipt", signed.encode()),
        ("receipt-of-a-bundle", pinned.encode()),
        ("opened", opened.encode()),
        ("opened-with-body", opened.clone().with_body(body).encode()),
        ("contradiction", proof.encode()),
    ];
    if std::env::var_os("COP_UPDATE_VECTORS").is_some() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/receipt");
        std::fs::create_dir_all(folder).unwrap();
        for (name, bytes) in &files {
            std::fs::write(format!("{folder}/{name}"), bytes).unwrap();
        }
    }
    let mut pins = json!({
        "secret": hex(&[7; 32]),
        "salt": hex(&SALT.0),
        "leaf_salts": [hex(&SALT.of_leaf(0)), hex(&SALT.of_leaf(1))],
        "leaves": leaves,
        "transcript_root": signed.receipt().transcript.to_string(),
        "outcome": signed.receipt().outcome.to_string(),
        "receipt_hash": signed.hash().to_string(),
    });
    for (name, bytes) in &files {
        pins[*name] = json!(hex(bytes));
    }
    pin("run/receipt.json", &pins);
}
