//! TLS: which certificate, which HTTP, and what is done with requests without it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cop_gateway::tls::{CertificateFiles, Certificates, Renewal};
use cop_gateway::{GatewayConfig, Limits, Management, Secure, Token};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::client::{Client, get};
use crate::double::{Running, address, answer, double, name, observer, start_with};

/// An authority, and the files of a certificate of its own.
struct Authority(rcgen::CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Authority(rcgen::CertifiedIssuer::self_signed(params, key).expect("signed"))
    }

    fn issue(&self, folder: &Path, hosts: &[&str]) -> CertificateFiles {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let files = CertificateFiles {
            certificate: folder.join(format!("{}.pem", hosts[0])),
            key: folder.join(format!("{}.key", hosts[0])),
        };
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(hosts).expect("hosts");
        let certificate = params.signed_by(&key, &self.0).expect("signed");
        std::fs::write(&files.certificate, certificate.pem()).expect("written");
        std::fs::write(&files.key, key.serialize_pem()).expect("written");
        files
    }

    fn connector(&self, protocols: &[&str]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from(self.0.der().to_vec()))
            .expect("a root");
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        TlsConnector::from(Arc::new(config))
    }

    async fn connect(
        &self,
        at: SocketAddr,
        host: &str,
        protocols: &[&str],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(at).await?;
        let name = ServerName::try_from(host.to_owned()).expect("a name");
        self.connector(protocols).connect(name, stream).await
    }

    /// Status line, headers and body of a `GET` over HTTP/1.1.
    async fn get(&self, at: SocketAddr, host: &str, path: &str) -> String {
        let mut stream = self.connect(at, host, &["http/1.1"]).await.expect("TLS");
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        // That it ends with the alert that says so is checked by this.
        stream
            .read_to_string(&mut answer)
            .await
            .expect("an answer to its end");
        answer
    }
}

struct Set {
    authority: Authority,
    folder: tempfile::TempDir,
    certificates: Arc<Certificates>,
    running: Running,
    secure: SocketAddr,
}

async fn set(limits: Limits) -> Set {
    let authority = Authority::new();
    let folder = tempfile::tempdir().expect("a folder");
    let files = vec![
        authority.issue(folder.path(), &["example.org"]),
        authority.issue(folder.path(), &["shop.test", "*.shop.test"]),
    ];
    let (certificates, _) = Certificates::load(files).expect("in order");
    let certificates = Arc::new(certificates);
    let any_port = "127.0.0.1:0".parse().expect("an address");
    let secure = Secure::bind(any_port, certificates.clone(), true)
        .await
        .expect("a free port");
    let program = (address(), name());
    let config = GatewayConfig {
        limits,
        domains: ["example.org", "shop.test"]
            .map(|host| (host.to_owned(), program.clone()))
            .into(),
        secure: Some(secure),
        ..GatewayConfig::default()
    };
    let running = start_with(config, |_, _| Ok(answer("<p>hello</p>"))).await;
    let secure = running.server.secure_address().expect("a second address");
    Set {
        authority,
        folder,
        certificates,
        running,
        secure,
    }
}

#[tokio::test]
async fn each_host_has_its_certificate() {
    let set = set(Limits::default()).await;
    for host in ["example.org", "shop.test"] {
        let answer = set.authority.get(set.secure, host, "/").await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("<p>hello</p>"),
            "{answer}"
        );
    }
    // A name that no certificate is for is shown the first, which the client does not take.
    let other = set.authority.connect(set.secure, "other.test", &[]).await;
    assert!(other.is_err_and(|error| error.to_string().contains("not valid for name")));
    // HTTP/2 is what clients get that offer both.
    let stream = set
        .authority
        .connect(set.secure, "example.org", &["h2", "http/1.1"])
        .await
        .expect("TLS");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .handshake(TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    tokio::spawn(connection);
    let request = Request::get("https://example.org/")
        .body(Empty::<Bytes>::new())
        .expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(
        answer
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes(),
        "<p>hello</p>"
    );
}

#[tokio::test]
async fn requests_without_tls_are_sent_to_it() {
    let set = set(Limits::default()).await;
    let plain = set.running.at();
    let sent = get(plain, "example.org:80", "/a%20b?c=d", &[]).await;
    let place = format!("https://example.org:{}/a%20b?c=d", set.secure.port());
    assert_eq!(
        (sent.status, sent.header("location")),
        (308, Some(place.as_str()))
    );
    // Hosts without a certificate stay where they are.
    assert_eq!(
        get(plain, &set.running.own_host(), "/", &[]).await.status,
        200
    );
    assert_eq!(get(plain, "127.0.0.1", "/", &[]).await.status, 200);
    // On the port of TLS, whoever speaks without is told so.
    let mut client = Client::connect(set.secure).await;
    client
        .send("GET / HTTP/1.1\r\nhost: example.org\r\n\r\n")
        .await;
    let told = client.reply(false).await.expect("words");
    assert!(
        told.status == 400 && told.text().contains("write https:// instead of http://"),
        "{told:?}"
    );
}

#[tokio::test]
async fn certificates_are_renewed_without_a_restart() {
    let set = set(Limits::default()).await;
    let mut before = set
        .authority
        .connect(set.secure, "example.org", &["http/1.1"])
        .await
        .expect("TLS");
    let other = Authority::new();
    other.issue(set.folder.path(), &["example.org"]);
    assert_eq!(set.certificates.renew(true), Renewal::Renewed(Vec::new()));
    assert!(
        set.authority
            .connect(set.secure, "example.org", &[])
            .await
            .is_err(),
        "the old authority"
    );
    assert!(
        other
            .get(set.secure, "example.org", "/")
            .await
            .starts_with("HTTP/1.1 200")
    );
    // What is open stays open.
    before
        .write_all(b"GET / HTTP/1.1\r\nhost: example.org\r\n\r\n")
        .await
        .expect("sent");
    let mut answer = [0; 12];
    before.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[tokio::test]
async fn a_handshake_that_is_never_finished_is_cut_off() {
    let set = set(Limits {
        header_time: Duration::from_millis(300),
        ..Limits::default()
    })
    .await;
    for bytes in [
        &b""[..],
        b"\x16",
        b"\x16\x03\x01\x02\x00\x01",
        b"\x16\x03\x01\x00\x05hello",
    ] {
        let mut client = Client::connect(set.secure).await;
        client.send(bytes).await;
        let ended = tokio::time::timeout(Duration::from_secs(20), client.ends()).await;
        assert!(ended.is_ok(), "{bytes:?} waits for ever");
    }
    assert!(
        set.authority
            .get(set.secure, "example.org", "/")
            .await
            .contains("hello")
    );
}

#[tokio::test]
async fn management_elsewhere_needs_tls() {
    let set = set(Limits::default()).await;
    let everywhere: SocketAddr = "0.0.0.0:0".parse().expect("an address");
    let folder = tempfile::tempdir().expect("a folder");
    let token = Token::load_or_create(&folder.path().join("token")).expect("a token");
    let refused = Management::start(
        everywhere,
        token.clone(),
        "n",
        "p",
        double(),
        None,
        observer(),
    )
    .await;
    assert!(refused.is_err_and(|error| error.to_string().contains("[[tls]]")));
    let server = Management::start(
        everywhere,
        token,
        "n",
        "p",
        double(),
        Some(set.certificates.clone()),
        observer(),
    )
    .await
    .expect("a free port");
    let at = SocketAddr::new([127, 0, 0, 1].into(), server.address().port());
    // By TLS under its name, and as ever from this machine.
    let answer = set.authority.get(at, "example.org", "/v1/health").await;
    assert!(
        answer.starts_with("HTTP/1.1 403") && answer.contains("token is missing"),
        "{answer}"
    );
    let page = set.authority.get(at, "example.org", "/ui/").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    let local = get(at, "localhost", "/v1/health", &[]).await;
    assert!(local.text().contains("token is missing"));
    // A name that is nobody's certificate may be anybody's DNS; and without TLS, so may be any name.
    assert!(
        get(at, "example.org", "/v1/health", &[])
            .await
            .text()
            .contains("management is for this machine")
    );
}
