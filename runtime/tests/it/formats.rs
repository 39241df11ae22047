//! Bytes that nobody's encoder wrote.

use std::collections::BTreeMap;

use cop_runtime::bundle::{BundleError, PathProblem, check_path, file_hash, source_hash};
use cop_runtime::codec::{Problem, Writer};
use cop_runtime::records::{Latest, RecordError, Revocation, Successor};
use cop_runtime::release::{OutOfOrder, ReleaseError, Standing, standing};
use cop_runtime::{Bundle, Hash, Manifest, RecordedRun, SignedRelease, WebRequest};

use crate::samples::{self, Seed};
use crate::scripted::{Node, response};

#[test]
fn a_bundle_survives_the_round_trip_and_nothing_else_does() {
    let bundle = samples::bundle();
    let bytes = bundle.encode();
    let decoded = Bundle::decode(&bytes).unwrap();
    assert_eq!(decoded, bundle);
    assert_eq!(decoded.encode(), bytes);
    for length in 0..bytes.len() {
        assert!(Bundle::decode(&bytes[..length]).is_err(), "cut at {length}");
    }
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << bit;
            // A changed letter of an asset's path makes another bundle, with another hash.
            if let Ok(other) = Bundle::decode(&changed) {
                assert_ne!(other.hash(), bundle.hash(), "bit {bit} of byte {place}");
                assert_eq!(other.encode(), changed);
            }
        }
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(Bundle::decode(&longer).is_err());
}

#[test]
fn garbage_is_no_bundle() {
    let mut seed = Seed(1);
    for _ in 0..2_000 {
        let length = seed.below(200);
        let mut bytes = seed.bytes(length);
        assert!(Bundle::decode(&bytes).is_err());
        bytes.splice(0..0, *b"copb\x01");
        assert!(Bundle::decode(&bytes).is_err());
    }
    let too_large = vec![0; (32 << 20) + 1];
    assert_eq!(
        Bundle::decode(&too_large),
        Err(BundleError::TooLarge((32 << 20) + 1))
    );
}

/// An archive with exactly these entries, whatever they are.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::format(b"copb", 1);
    writer.count(entries.len() as u64);
    for (path, content) in entries {
        writer
            .text(path)
            .count(content.len() as u64)
            .raw(&file_hash(content).0);
    }
    for (_, content) in entries {
        writer.raw(content);
    }
    writer.finish()
}

/// What decoding says of a bundle that has one more file with this path, at its right place.
fn with_path(path: &str) -> Result<Bundle, BundleError> {
    let bundle = samples::bundle();
    let mut entries: Vec<(&str, &[u8])> = bundle.files().map(|(p, _, c)| (p, &c[..])).collect();
    let place = entries.partition_point(|(other, _)| *other < path);
    entries.insert(place, (path, b""));
    Bundle::decode(&archive(&entries))
}

#[test]
fn bad_paths_are_refused() {
    let long = format!("assets/{}", "x".repeat(249));
    for (path, problem) in [
        ("", PathProblem::Length),
        (&long, PathProblem::Length),
        ("/etc/passwd", PathProblem::Absolute),
        ("assets//x", PathProblem::Absolute),
        ("assets/", PathProblem::Absolute),
        ("assets/../../x", PathProblem::Dots),
        ("assets/./x", PathProblem::Dots),
        ("assets/a\\b", PathProblem::Character),
        ("C:/x", PathProblem::Character),
        ("assets/\u{e9}", PathProblem::Character),
        ("assets/a\0b", PathProblem::Character),
        ("assets/a\nb", PathProblem::Character),
        ("assets/x.", PathProblem::Ending),
        ("assets/x /y", PathProblem::Ending),
    ] {
        match with_path(path) {
            Err(BundleError::Path { problem: found, .. }) => assert_eq!(found, problem, "{path:?}"),
            other => panic!("{path:?}: {other:?}"),
        }
    }
    assert!(matches!(
        with_path("other"),
        Err(BundleError::Unexpected(_))
    ));
    assert!(matches!(with_path("manifest"), Err(BundleError::Order(_))));
    for colliding in [
        "assets/STYLE.css",
        "assets/style.css/x",
        "assets/Style.css/x",
    ] {
        let error = with_path(colliding).unwrap_err();
        assert!(
            matches!(error, BundleError::Collision(..)),
            "{colliding}: {error:?}"
        );
    }
    assert!(with_path("assets/more.css").is_ok());
    assert_eq!(check_path(&"x".repeat(255)), Ok(()));
}

#[test]
fn order_counts_and_contents_are_checked() {
    let bundle = samples::bundle();
    let entries: Vec<(&str, &[u8])> = bundle.files().map(|(p, _, c)| (p, &c[..])).collect();
    assert_eq!(archive(&entries), bundle.encode());

    let mut swapped = entries.clone();
    swapped.swap(0, 1);
    assert!(matches!(
        Bundle::decode(&archive(&swapped)),
        Err(BundleError::Order(_))
    ));
    for gone in ["manifest", "package.copi", "package.copc", "source.map"] {
        let without: Vec<_> = entries
            .iter()
            .copied()
            .filter(|(p, _)| *p != gone)
            .collect();
        assert_eq!(
            Bundle::decode(&archive(&without)),
            Err(BundleError::Missing(gone))
        );
    }
    let without_source: Vec<_> = entries
        .iter()
        .copied()
        .filter(|(p, _)| *p != "sources/main.cop")
        .collect();
    assert_eq!(
        Bundle::decode(&archive(&without_source)),
        Err(BundleError::Sources)
    );

    let mut many = Writer::format(b"copb", 1);
    many.count(10_001);
    assert_eq!(
        Bundle::decode(&many.finish()),
        Err(BundleError::TooManyFiles(10_001))
    );

    let mut over_long = bundle.encode();
    over_long.splice(5..6, [over_long[5] | 0x80, 0]);
    match Bundle::decode(&over_long) {
        Err(BundleError::Codec(error)) => assert_eq!(error.problem, Problem::Number),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_bundle_hash_depends_on_every_path_and_content() {
    let mut seen = std::collections::BTreeSet::from([samples::bundle().hash()]);
    let mut changed = samples::parts();
    changed.assets = BTreeMap::from([("style2.css".to_owned(), b"body { }".to_vec())]);
    assert!(seen.insert(Bundle::build(changed).unwrap().hash()));
    let mut changed = samples::parts();
    changed.code.push(0);
    assert!(seen.insert(Bundle::build(changed).unwrap().hash()));
    let mut changed = samples::parts();
    changed.sources.insert("x.cop".to_owned(), vec![]);
    assert_eq!(
        Bundle::build(changed.clone()).unwrap_err(),
        BundleError::Sources
    );
    changed.manifest.sources = source_hash(
        changed
            .sources
            .iter()
            .map(|(p, c)| (p.as_str(), c.as_slice())),
    );
    assert!(seen.insert(Bundle::build(changed).unwrap().hash()));
}

#[test]
fn manifests_are_strict() {
    let good = samples::parts().manifest;
    let bytes = good.encode();
    assert_eq!(Manifest::decode(&bytes).unwrap(), good);
    for length in 0..bytes.len() {
        assert!(Manifest::decode(&bytes[..length]).is_err());
    }
    for origins in [vec![], vec!["https://a.org".to_owned()]] {
        let unrecorded = Manifest {
            records_runs: false,
            origins,
            ..good.clone()
        };
        let bytes = unrecorded.encode();
        assert_eq!(Manifest::decode(&bytes), Ok(unrecorded));
    }
    let check = |change: &dyn Fn(&mut Manifest)| {
        let mut changed = good.clone();
        change(&mut changed);
        assert!(Manifest::decode(&changed.encode()).is_err(), "{changed:?}");
    };
    check(&|m| m.capabilities.reverse());
    check(&|m| m.capabilities = vec!["kv".to_owned(); 2]);
    check(&|m| m.origins = vec!["https://a.org".to_owned(); 2]);
    check(&|m| m.origins = vec!["https://A.org".to_owned()]);
    check(&|m| m.origins = vec!["https://a.org:443".to_owned()]);
    check(&|m| m.origins = vec!["https://a.org/x".to_owned()]);
    check(&|m| m.capabilities = vec!["KV".to_owned()]);
    check(&|m| m.fuel = 0);
    check(&|m| m.fuel = 1_000_000_000_001);
    check(&|m| m.memory_bytes = (128 << 20) + 1);
    check(&|m| m.compiler = String::new());
    check(&|m| m.compiler = "a\u{7f}".to_owned());
}

#[test]
fn a_release_is_bound_to_everything_in_it() {
    let signed = samples::release(1, None).sign(&samples::key(1)).unwrap();
    let bytes = signed.encode();
    assert_eq!(SignedRelease::decode(&bytes).unwrap(), signed);
    for length in 0..bytes.len() {
        assert!(SignedRelease::decode(&bytes[..length]).is_err());
    }
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        assert!(SignedRelease::decode(&changed).is_err(), "byte {place}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(SignedRelease::decode(&longer).is_err());

    // The same signature under another name, number or network.
    let signature = &bytes[bytes.len() - 64..];
    for change in [
        (|r| r.name = "other".parse().unwrap()) as fn(&mut cop_runtime::Release),
        |r| {
            r.number = 2;
            r.previous = Some(samples::hash("x"));
        },
        |r| r.network = samples::hash("other"),
        |r| r.key = samples::key(2).public(),
    ] {
        let mut other = samples::release(1, None);
        change(&mut other);
        let signer = if other.key == samples::key(1).public() {
            1
        } else {
            2
        };
        let mut forged = other.sign(&samples::key(signer)).unwrap().encode();
        let body = forged.len() - 64;
        forged[body..].copy_from_slice(signature);
        assert_eq!(SignedRelease::decode(&forged), Err(ReleaseError::Signature));
    }
    assert_eq!(
        samples::release(1, None).sign(&samples::key(2)),
        Err(ReleaseError::Signature)
    );
}

#[test]
fn impossible_releases_cannot_be_signed() {
    let check = |change: &dyn Fn(&mut cop_runtime::Release), expected| {
        let mut release = samples::release(1, None);
        change(&mut release);
        assert_eq!(release.sign(&samples::key(1)), Err(expected));
    };
    check(&|r| r.number = 0, ReleaseError::Number);
    check(&|r| r.number = 2, ReleaseError::Number);
    check(&|r| r.previous = Some(Hash([0; 32])), ReleaseError::Number);
    check(&|r| r.capabilities.reverse(), ReleaseError::Capabilities);
    check(&|r| r.fuel = 0, ReleaseError::Limits);
    check(&|r| r.memory_bytes = u64::MAX, ReleaseError::Limits);
    check(&|r| r.homes.reverse(), ReleaseError::Homes);
}

#[test]
fn the_order_of_releases() {
    let sign = |release: cop_runtime::Release| release.sign(&samples::key(1)).unwrap();
    let first = sign(samples::release(1, None));
    let second = sign(samples::release(2, Some(first.hash())));
    let third = sign(samples::release(3, Some(second.hash())));
    let mut other = samples::release(2, Some(first.hash()));
    other.time_ms += 1;
    let other_second = sign(other);

    assert_eq!(standing(&first, None, None), Ok(Standing::Next));
    assert_eq!(
        standing(&second, None, None),
        Err(OutOfOrder::Gap { newest: 0 })
    );
    let at_1 = Some((1, first.hash()));
    let at_2 = Some((2, second.hash()));
    assert_eq!(
        standing(&first, at_1, Some(first.hash())),
        Ok(Standing::Already)
    );
    assert_eq!(standing(&second, at_1, None), Ok(Standing::Next));
    assert_eq!(
        standing(&third, at_1, None),
        Err(OutOfOrder::Gap { newest: 1 })
    );
    assert_eq!(
        standing(&first, at_2, Some(first.hash())),
        Err(OutOfOrder::Stale { newest: 2 })
    );
    assert_eq!(
        standing(&first, at_2, None),
        Err(OutOfOrder::Stale { newest: 2 })
    );
    assert_eq!(
        standing(&other_second, at_2, Some(second.hash())),
        Err(OutOfOrder::Contradiction {
            known: second.hash()
        })
    );
    let at_other = Some((2, other_second.hash()));
    assert_eq!(
        standing(&third, at_other, None),
        Err(OutOfOrder::Previous {
            newest: other_second.hash()
        })
    );
    let last = sign(samples::release(u64::MAX, Some(second.hash())));
    assert_eq!(
        standing(&last, at_2, None),
        Err(OutOfOrder::Gap { newest: 2 })
    );
}

#[test]
fn records_are_strict() {
    let revocation = Revocation {
        network: samples::hash("network"),
        key: samples::key(1).public(),
        reason: String::new(),
        time_ms: 0,
    };
    let bytes = revocation.sign(&samples::key(1));
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        assert!(Revocation::decode(&changed).is_err(), "byte {place}");
        assert!(Revocation::decode(&bytes[..place]).is_err());
    }
    assert_eq!(
        Revocation::decode(&revocation.sign(&samples::key(2))),
        Err(RecordError::Signature)
    );
    let own = Successor {
        network: samples::hash("network"),
        old: samples::key(1).public(),
        new: samples::key(1).public(),
        time_ms: 0,
    };
    assert_eq!(
        Successor::decode(&own.sign(&samples::key(1), &samples::key(1))),
        Err(RecordError::Content)
    );
    // A signature of one kind of record is of no use under another.
    assert!(Latest::decode(&bytes).is_err());
    assert!(Successor::decode(&bytes).is_err());
}

/// Nothing that reads strangers' bytes may panic, and what it accepts has one spelling.
#[test]
fn garbage_is_read_calmly() {
    use cop_runtime::WebRequest;
    use cop_runtime::codec::Reader;
    use cop_runtime::host::HostCall;
    use cop_runtime::host::kv::Scan;
    use cop_runtime::host::request::{RequestView, canonical_path};
    use cop_runtime::host::response::Response;

    let mut seed = Seed(5);
    let samples = [
        samples::parts().manifest.encode(),
        samples::release(1, None)
            .sign(&samples::key(1))
            .unwrap()
            .encode(),
        b"/a/../b/%41?x=%zz&y+z=%ff".to_vec(),
        {
            let mut response = Writer::new();
            response
                .int(200)
                .count(1)
                .text("a")
                .text("b")
                .count(1)
                .text("c")
                .text("body");
            response.finish()
        },
    ];
    for round in 0..5_000 {
        let mut bytes = samples[round % samples.len()].clone();
        for _ in 0..=seed.below(4) {
            let place = seed.below(bytes.len());
            match seed.below(4) {
                0 => bytes[place] = seed.next() as u8,
                1 => bytes.truncate(place.max(1)),
                2 => bytes.insert(place, seed.next() as u8),
                _ => bytes[place] ^= 1 << seed.below(8),
            }
        }
        if let Ok(manifest) = Manifest::decode(&bytes) {
            assert_eq!(manifest.encode(), bytes);
        }
        if let Ok(release) = SignedRelease::decode(&bytes) {
            assert_eq!(release.encode(), bytes);
        }
        if let Ok(path) = canonical_path(&bytes) {
            assert_eq!(canonical_path(path.as_bytes()).as_ref(), Ok(&path));
            assert!(path.starts_with('/') && path.is_ascii());
            assert!(path.split('/').all(|part| part != "." && part != ".."));
        }
        if let Ok(response) = Response::from_leaves(&bytes) {
            assert!((200..600).contains(&response.status));
            assert!(
                response
                    .headers
                    .iter()
                    .all(|(_, value)| !value.contains(['\r', '\n']))
            );
        }
        let mut request = WebRequest::get("/");
        request.target = bytes.clone();
        request.headers = vec![
            (bytes.clone(), bytes.clone()),
            (b"cookie".to_vec(), bytes.clone()),
        ];
        if let Ok(view) = RequestView::new(&request) {
            for &call in HostCall::ALL {
                view.answer(call, &bytes);
                view.answer(call, b"\x01x");
            }
        }
        for call in [HostCall::KvKeys, HostCall::KvRange, HostCall::FilesList] {
            let _ = Scan::from_leaves(call, &bytes);
        }
        let _ = Reader::new(&bytes).texts();
        let _ = Latest::decode(&bytes);
        let _ = Successor::decode(&bytes);
        let _ = Revocation::decode(&bytes);
    }
}

/// What is cut, longer or changed is no recorded run, or another one.
#[tokio::test]
async fn a_recorded_run_survives_the_round_trip_and_nothing_else_does() {
    let node = Node::new();
    let page = node
        .publish("page", &["kv"], |ask| {
            ask.path()?;
            ask.query("v")?;
            ask.get("k")?;
            Ok(response(200, "hello"))
        })
        .await;
    let request = WebRequest::get("/?v=1");
    let answer = node.execution.run_web(&page, request).await.unwrap();
    let recorded = node.execution.recorded_run(&answer.info.run, true).unwrap();
    let bytes = recorded.encode();
    assert_eq!(RecordedRun::decode(&bytes), Ok(recorded));
    for length in 0..bytes.len() {
        assert!(RecordedRun::decode(&bytes[..length]).is_err(), "{length}");
    }
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        if let Ok(other) = RecordedRun::decode(&changed) {
            assert_eq!(other.encode(), changed);
        }
    }
    let longer = [bytes, vec![0]].concat();
    assert!(RecordedRun::decode(&longer).is_err());
}
