//! Publishing what should not be published.

use cop_runtime::records::Revocation;
use cop_runtime::{Failure, FailureCode, SignedRelease};

use crate::samples::{self, Seed};
use crate::scripted::{Node, config, response};

async fn refused(node: &Node, release: &[u8], bundle: &[u8]) -> Failure {
    let before = node.execution.programs(None).unwrap();
    let failure = node.execution.publish(release, bundle).await.unwrap_err();
    assert_eq!(
        node.execution.programs(None).unwrap(),
        before,
        "nothing was stored"
    );
    assert!(failure.hint.is_some(), "{failure}");
    failure
}

fn resigned(signed: &SignedRelease, change: impl Fn(&mut cop_runtime::Release)) -> Vec<u8> {
    let mut release = signed.release().clone();
    change(&mut release);
    release.sign(&samples::key(1)).unwrap().encode()
}

#[tokio::test]
async fn each_kind_of_bad_publication_is_refused() {
    let node = Node::new();
    let bundle = node.bundle("p", &["kv"], |_| Ok(response(200, "")));
    let signed = node.sign("p", &bundle);
    let (release, archive) = (signed.encode(), bundle.encode());
    let check = async |release: &[u8], archive: &[u8], expected: FailureCode| {
        let failure = refused(&node, release, archive).await;
        assert_eq!(failure.code, expected, "{failure}");
    };
    check(b"", &archive, FailureCode::BadSignature).await;
    check(
        &release[..release.len() - 1],
        &archive,
        FailureCode::BadSignature,
    )
    .await;
    let mut renamed = release.clone();
    let name = renamed.iter().rposition(|&b| b == b'p').unwrap();
    renamed[name] = b'q';
    check(&renamed, &archive, FailureCode::BadSignature).await;
    check(
        &resigned(&signed, |r| r.network = samples::hash("x")),
        &archive,
        FailureCode::BadSignature,
    )
    .await;
    check(
        &resigned(&signed, |r| r.bundle = samples::hash("x")),
        &archive,
        FailureCode::BadBundle,
    )
    .await;
    check(
        &resigned(&signed, |r| r.package = samples::hash("x")),
        &archive,
        FailureCode::BadBundle,
    )
    .await;
    check(&release, b"", FailureCode::BadBundle).await;
    check(
        &release,
        &archive[..archive.len() - 1],
        FailureCode::BadBundle,
    )
    .await;
    check(
        &release,
        &samples::bundle().encode(),
        FailureCode::BadBundle,
    )
    .await;
    let mut seed = Seed(3);
    for _ in 0..200 {
        let mut changed = archive.clone();
        let place = seed.below(changed.len());
        changed[place] ^= 1 << seed.below(8);
        check(&release, &changed, FailureCode::BadBundle).await;
    }
    check(
        &resigned(&signed, |r| {
            r.number = 2;
            r.previous = Some(samples::hash("x"));
        }),
        &archive,
        FailureCode::StaleRelease,
    )
    .await;
    assert!(
        !node
            .execution
            .publish(&release, &archive)
            .await
            .unwrap()
            .already
    );
    assert!(
        node.execution
            .publish(&release, &archive)
            .await
            .unwrap()
            .already
    );

    let contradicting = resigned(&signed, |r| r.time_ms += 1);
    let failure = refused(&node, &contradicting, &archive).await;
    assert_eq!(failure.code, FailureCode::StaleRelease);
    assert!(
        failure.detail.contains(&signed.hash().to_string()),
        "{failure}"
    );
    let address = samples::key(1).public().address();
    let evidence = node
        .execution
        .evidence(&address, &"p".parse().unwrap(), 1)
        .unwrap();
    assert_eq!(evidence, Some([release.clone(), contradicting]));

    let second = node.sign("p", &bundle);
    node.execution
        .publish(&second.encode(), &archive)
        .await
        .unwrap();
    check(&release, &archive, FailureCode::StaleRelease).await;
    let listing = node.execution.programs(Some(&address)).unwrap();
    assert_eq!((listing[0].newest.number, listing[0].releases), (2, 2));
    assert_eq!(
        node.execution
            .programs(Some(&samples::key(2).public().address()))
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn limits_and_shares_of_the_node() {
    let mut config = config();
    config.fuel_max = 1_000;
    let node = Node::with_config(config.clone());
    let bundle = node.bundle("p", &[], |_| Ok(response(200, "")));
    let signed = node.sign("p", &bundle);
    let failure = refused(&node, &signed.encode(), &bundle.encode()).await;
    assert_eq!(failure.code, FailureCode::LimitsTooHigh);

    config.fuel_max = 1 << 40;
    config.publisher_quota_bytes = 10;
    let node = Node::with_config(config);
    let bundle = node.bundle("p", &[], |_| Ok(response(200, "")));
    let signed = node.sign("p", &bundle);
    let failure = refused(&node, &signed.encode(), &bundle.encode()).await;
    assert_eq!(failure.code, FailureCode::Quota);
}

#[tokio::test]
async fn a_revoked_key_publishes_nothing_more() {
    let node = Node::new();
    let bundle = node.bundle("p", &[], |_| Ok(response(200, "")));
    let signed = node.sign("p", &bundle);
    node.execution
        .publish(&signed.encode(), &bundle.encode())
        .await
        .unwrap();
    let revocation = |network| {
        Revocation {
            network,
            key: samples::key(1).public(),
            reason: "stolen".to_owned(),
            time_ms: 5,
        }
        .sign(&samples::key(1))
    };
    let elsewhere = revocation(samples::hash("other"));
    assert_eq!(
        node.execution.keep_record(&elsewhere).unwrap_err().code,
        FailureCode::BadSignature
    );
    assert_eq!(
        node.execution.keep_record(b"copx").unwrap_err().code,
        FailureCode::BadSignature
    );
    node.execution
        .keep_record(&revocation(samples::hash("network")))
        .unwrap();
    let next = node.sign("p", &bundle);
    let failure = refused(&node, &next.encode(), &bundle.encode()).await;
    assert_eq!(failure.code, FailureCode::BadSignature);
    assert!(failure.detail.contains("stolen"), "{failure}");
}
