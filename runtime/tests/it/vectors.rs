//! Files that pin every format: what is published once must be read, and hash alike, for ever.

use std::path::PathBuf;

use cop_bytecode::TrapKind;
use cop_runtime::bundle::file_hash;
use cop_runtime::codec::Writer;
use cop_runtime::engine::{Engine, Limits};
use cop_runtime::host::HostCall;
use cop_runtime::host::request::{self, RequestView};
use cop_runtime::records::{Latest, Revocation, Successor};
use cop_runtime::{Address, Doubles, Hash, WebRequest};
use serde_json::{Value, json};

use crate::samples;
use crate::scripted::{Node, response, trap};

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares with the file of this name, or writes it.
pub fn pin(name: &str, value: &Value) {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors")).join(name);
    let text = format!("{value:#}\n");
    if std::env::var_os("COP_UPDATE_VECTORS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let known = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(
        serde_json::from_str::<Value>(&known).unwrap(),
        *value,
        "{name} is not what this build makes; if that is meant, run with COP_UPDATE_VECTORS=1"
    );
}

#[test]
fn addresses_and_hashes() {
    let addresses: Vec<Value> = (1..=5)
        .map(|seed| {
            let public = samples::key(seed).public();
            json!({
                "secret": hex(&[seed; 32]),
                "key": hex(public.as_bytes()),
                "address": public.address().to_string(),
            })
        })
        .collect();
    let short: Vec<Value> = [[0; 20], [0xff; 20]]
        .into_iter()
        .map(|bytes| json!({"bytes": hex(&bytes), "address": Address::from_bytes(bytes).to_string()}))
        .collect();
    let hashes: Vec<Value> = [[0; 32], [0xff; 32], [0x5a; 32]]
        .into_iter()
        .map(|bytes| json!({"bytes": hex(&bytes), "text": Hash(bytes).to_string()}))
        .collect();
    pin(
        "address/address.json",
        &json!({"keys": addresses, "short": short, "hashes": hashes}),
    );
}

#[test]
fn bundles() {
    let bundle = samples::bundle();
    let files: Vec<Value> = bundle
        .files()
        .map(|(path, hash, content)| {
            assert_eq!(hash, file_hash(content));
            json!({"path": path, "hash": hash.to_string(), "content": hex(content)})
        })
        .collect();
    pin(
        "bundle/bundle.json",
        &json!({
            "files": files,
            "sources": bundle.manifest().sources.to_string(),
            "hash": bundle.hash().to_string(),
            "bytes": hex(&bundle.encode()),
        }),
    );
}

#[test]
fn releases() {
    let first = samples::release(1, None).sign(&samples::key(1)).unwrap();
    let second = samples::release(2, Some(first.hash()))
        .sign(&samples::key(1))
        .unwrap();
    let releases: Vec<Value> = [first, second]
        .iter()
        .map(|signed| {
            json!({
                "number": signed.release().number,
                "hash": signed.hash().to_string(),
                "bytes": hex(&signed.encode()),
            })
        })
        .collect();
    pin(
        "release/release.json",
        &json!({"secret": hex(&[1; 32]), "releases": releases}),
    );
}

#[test]
fn records() {
    let latest = Latest {
        network: samples::hash("network"),
        address: samples::key(1).public().address(),
        name: "hello".parse().unwrap(),
        number: 7,
        bundle: samples::hash("bundle"),
        time_ms: 1_700_000_000_000,
        home: samples::key(2).public(),
    };
    let latest_bytes = latest.sign(&samples::key(2));
    assert_eq!(Latest::decode(&latest_bytes), Ok(latest));

    let successor = Successor {
        network: samples::hash("network"),
        old: samples::key(1).public(),
        new: samples::key(2).public(),
        time_ms: 1,
    };
    let successor_bytes = successor.sign(&samples::key(1), &samples::key(2));
    assert_eq!(Successor::decode(&successor_bytes), Ok(successor));

    let revocation = Revocation {
        network: samples::hash("network"),
        key: samples::key(1).public(),
        reason: "lost the laptop".to_owned(),
        time_ms: 2,
    };
    let revocation_bytes = revocation.sign(&samples::key(1));
    assert_eq!(Revocation::decode(&revocation_bytes), Ok(revocation));

    pin(
        "release/records.json",
        &json!({
            "latest": hex(&latest_bytes),
            "successor": hex(&successor_bytes),
            "revocation": hex(&revocation_bytes),
        }),
    );
}

#[test]
fn leaves() {
    let leaves = |write: &dyn Fn(&mut Writer)| {
        let mut writer = Writer::new();
        write(&mut writer);
        hex(&writer.finish())
    };
    pin(
        "data/leaves.json",
        &json!({
            "()": leaves(&|_| {}),
            "true": leaves(&|w| { w.flag(true); }),
            "-1": leaves(&|w| { w.int(-1); }),
            "300": leaves(&|w| { w.int(300); }),
            "\"é\"": leaves(&|w| { w.text("é"); }),
            "None: String?": leaves(&|w| { w.optional_text(None); }),
            "Some(\"\")": leaves(&|w| { w.optional_text(Some("")); }),
            "[\"a\", \"bc\"]": leaves(&|w| { w.texts(&["a", "bc"]); }),
            "200 bytes of 0": leaves(&|w| { w.bytes(&[0; 200]); }),
        }),
    );
}

/// What two gateways must answer alike.
#[test]
fn requests() {
    let paths: Vec<Value> = [
        "",
        "/",
        "x",
        "*",
        "/a/./b/../c",
        "/..",
        "/a/..",
        "/a/b/..",
        "/a/%2e%2E/b",
        "/a//b/",
        "/%7euser/%41",
        "/a%2fb%c3%a9",
        "/a b<",
        "/a:b@c;d=e,f",
        "/%",
        "/%zz",
        "/%4",
    ]
    .into_iter()
    .map(|path| {
        let canonical = request::canonical_path(path.as_bytes()).ok();
        json!({"path": path, "canonical": canonical})
    })
    .collect();
    let segments: Vec<Value> = [
        "/a%2Fb", "/%ff", "/%00", "/%0d%0a", "/%7f", "/%c2%85", "/%c3%a9", "/%",
    ]
    .into_iter()
    .map(|path| {
        let accepted = RequestView::new(&WebRequest::get(path)).is_ok();
        json!({"path": path, "accepted": accepted})
    })
    .collect();
    let methods: Vec<Value> = ["get", "HEAD", "Purge", "", "A B", "G\u{e9}T"]
        .into_iter()
        .map(|method| {
            let canonical = request::canonical_method(method.as_bytes()).ok();
            json!({"method": method, "canonical": canonical})
        })
        .collect();

    let target = "/p?a=1&b=%41+%2B&a=2&c&=d&e=%zz%&f=%ff&f=x&g=h=i&&%61=3&+k=v";
    let headers = [
        ("Accept", " text/html "),
        ("accept", "x/y\t"),
        ("X-Empty", ""),
        ("X-Bytes", "\u{e9}"),
        ("Cookie", "a=1; b=2;c = 3"),
        ("cookie", "a=4; d=e=f"),
        ("Connection", "close, X-Hop"),
        ("X-Hop", "1"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "3"),
    ];
    let mut sent = WebRequest::get(target);
    sent.headers = headers
        .iter()
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect();
    sent.body = bytes::Bytes::from_static("caf\u{e9}".as_bytes());
    let view = RequestView::new(&sent).unwrap();
    let mut answers = Vec::new();
    for (call, names) in [
        (
            HostCall::RequestQuery,
            &["a", "b", "c", "", "e", "f", "g", " k", "x"][..],
        ),
        (HostCall::RequestQueryAll, &["a", "f", "x"]),
        (
            HostCall::RequestHeader,
            &[
                "accept",
                "ACCEPT",
                "x-empty",
                "x-bytes",
                "cookie",
                "connection",
                "x-hop",
                "x-forwarded-for",
                "transfer-encoding",
                "content-length",
                "absent",
            ],
        ),
        (HostCall::RequestCookie, &["a", "b", "c ", "d", "A"]),
    ] {
        for name in names {
            let mut argument = Writer::new();
            argument.text(name);
            let answer = view.answer(call, &argument.finish()).unwrap();
            answers.push(json!([call.names().1, name, hex(&answer)]));
        }
    }
    for call in [
        HostCall::RequestStart,
        HostCall::RequestText,
        HostCall::RequestBody,
    ] {
        answers.push(json!([
            call.names().1,
            "",
            hex(&view.answer(call, b"").unwrap())
        ]));
    }
    pin(
        "request/request.json",
        &json!({
            "paths": paths,
            "segments": segments,
            "methods": methods,
            "request": {"target": target, "headers": headers, "body": hex(&sent.body)},
            "answers": answers,
        }),
    );
}

/// A run of a program written in Rust: transcript and outcome have these hashes for ever.
#[test]
fn runs() {
    let node = Node::new();
    let bundle = node.bundle("pinned", &["kv"], |ask| {
        let path = ask.path()?;
        ask.query("q")?;
        ask.get("k")?;
        ask.set("k", path.as_bytes())?;
        ask.text_call("log", "append", "a line")?;
        match path.as_str() {
            "/trap" => Err(trap(TrapKind::IndexOutOfBounds, [3, 2])),
            "/abort" => ask.call("run", "abort", &response(403, "no")),
            _ => Ok(response(200, "yes")),
        }
    });
    let program = node.engine.load(bundle.interface(), bundle.code()).unwrap();
    let limits = Limits {
        fuel: 1_000,
        memory_bytes: 1 << 20,
    };
    let runs: Vec<Value> = ["/", "/trap", "/abort"]
        .into_iter()
        .map(|path| {
            let request = WebRequest::get(&format!("{path}?q=1"));
            let record = Doubles::empty()
                .run_request(&*program, &request, limits)
                .unwrap();
            json!({
                "path": path,
                "transcript": record.transcript.hash().to_string(),
                "outcome": record.outcome_hash().to_string(),
            })
        })
        .collect();
    pin("run/run.json", &json!(runs));
}
