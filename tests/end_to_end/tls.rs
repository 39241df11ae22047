//! A node with a certificate: from node.toml to a page over TLS, renewed without a restart, and what is said of one that is not
//! in order.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::daemon::{Daemon, run};
use crate::http::{get, header};
use crate::publishing::{home, published, text};

/// Writes a certificate for `example.org` with its key into a node's folder; it is its own authority.
fn certificate(folder: &Path, ends: i32) -> CertificateDer<'static> {
    let mut params = CertificateParams::new(["example.org".to_owned()]).expect("a host");
    params.not_after = date_time_ymd(ends, 1, 1);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("signed");
    fs::write(folder.join("cert.pem"), certificate.pem()).expect("written");
    fs::write(folder.join("key.pem"), key.serialize_pem()).expect("written");
    certificate.der().clone()
}

/// What `GET /` of `example.org` says over TLS, to whom trusts this certificate.
fn asked(at: SocketAddr, trusted: &CertificateDer<'static>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("example.org").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut stream = StreamOwned::new(connection, TcpStream::connect(at)?);
    stream.write_all(b"GET /a HTTP/1.1\r\nhost: example.org\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[tokio::test]
async fn a_page_is_served_over_tls_and_its_certificate_renewed() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    let told = published(home.path(), data.path(), &["greet.cop"]);
    assert_eq!(node.interrupt().0, Some(0));

    let first = certificate(data.path(), 2300);
    // A port that is free now; another process may take it meanwhile, which no test can rule out.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let at = free.local_addr().expect("its address");
    drop(free);
    fs::write(
        data.path().join("node.toml"),
        format!(
            "https = \"{at}\"\nredirect_to_https = true\n\n[[tls]]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n\n\
             [domains]\n\"example.org\" = \"{}/greet\"\n",
            text(&told, "/address"),
        ),
    )
    .expect("written");
    let folder = data.path().to_str().expect("text");
    let (status, output, errors) = run(&["config", "check", "--data", folder]);
    assert_eq!((status, errors.as_str()), (Some(0), ""), "{output}");
    let node = Daemon::start(data.path());
    let answer = asked(at, &first).expect("an answer");
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("first /a"),
        "{answer}"
    );
    let plain = get(node.http(), "http://example.org/a").await;
    assert_eq!(plain.status().as_u16(), 308);
    assert_eq!(
        header(&plain, "location"),
        format!("https://example.org:{}/a", at.port())
    );

    // Renewed while it runs, and told so by the signal; a broken one changes nothing.
    let second = certificate(data.path(), 2301);
    let hangup = || {
        let told = Command::new("kill")
            .args(["-HUP", &node.pid().to_string()])
            .stdout(Stdio::null())
            .status();
        assert!(told.expect("kill runs").success());
    };
    hangup();
    let begun = Instant::now();
    while asked(at, &second).is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "it is never taken over"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    fs::write(data.path().join("key.pem"), "nothing").expect("written");
    hangup();
    let begun = Instant::now();
    // Nothing is to be seen from outside, so its own words are waited for; they come within the time between two looks.
    while begun.elapsed() < Duration::from_secs(1) {
        assert!(asked(at, &second).is_ok());
        std::thread::sleep(Duration::from_millis(100));
    }
    let (status, output, _) = node.interrupt();
    assert_eq!(status, Some(0));
    for words in [
        "TLS         example.org, port",
        "The certificates were read again.",
        "are not in order; the old ones are kept.",
        "key.pem holds no private key",
    ] {
        assert!(output.contains(words), "{words}: {output}");
    }
}

#[test]
fn a_certificate_that_is_not_in_order_is_told_before_and_at_the_start() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().to_str().expect("text");
    let set = |text: &str| fs::write(data.path().join("node.toml"), text).expect("written");
    let tls = "[[tls]]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n";
    let check = ["config", "check", "--data", folder];
    let start = [
        "start",
        "--http=127.0.0.1:0",
        "--management=127.0.0.1:0",
        "--https=127.0.0.1:0",
        "--data",
        folder,
    ];
    for (settings, expected) in [
        (
            "https = 443\n",
            "`https` needs a certificate; in node.toml: [[tls]]",
        ),
        ("redirect_to_https = true\n", "needs a certificate"),
        (tls, "cert.pem: No such file"),
    ] {
        set(settings);
        for arguments in [&check[..], &start] {
            let (status, output, errors) = run(arguments);
            assert_eq!((status, output.as_str()), (Some(1), ""), "{arguments:?}");
            assert!(errors.contains(expected), "{errors}");
        }
    }
    // One that has expired is an error for whoever asks, and no reason to serve nobody.
    certificate(data.path(), 2020);
    let (status, _, errors) = run(&check);
    assert!(
        status == Some(1) && errors.contains("has expired on 2020-01-01"),
        "{errors}"
    );
    let node = Daemon::with(data.path(), &["start", "--https=127.0.0.1:0"]);
    let (status, _, errors) = node.interrupt();
    assert!(
        status == Some(0) && errors.starts_with("warning: the certificate for example.org"),
        "{errors}"
    );
}
