//! Certificates that are not in order, and what is said of them.

use std::path::Path;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;

/// A certificate and its key for these hosts, in a folder.
struct Made {
    folder: tempfile::TempDir,
    certificate: String,
    key: String,
}

impl Made {
    fn new(hosts: &[&str]) -> Made {
        Made::with(hosts, |_| {})
    }

    fn with(hosts: &[&str], change: impl Fn(&mut CertificateParams)) -> Made {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("hosts");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let made = Made {
            folder: tempfile::tempdir().expect("a folder"),
            certificate: params.self_signed(&key).expect("signed").pem(),
            key: key.serialize_pem(),
        };
        made.write(&made.certificate, &made.key);
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, certificate: &str, key: &str) {
        std::fs::write(self.path("cert.pem"), certificate).expect("written");
        std::fs::write(self.path("key.pem"), key).expect("written");
    }

    fn files(&self) -> CertificateFiles {
        CertificateFiles {
            certificate: self.path("cert.pem"),
            key: self.path("key.pem"),
        }
    }

    fn load(&self) -> Result<(Certificates, Vec<String>), String> {
        Certificates::load(vec![self.files()])
    }

    /// What is said, without the folder.
    fn wrong(&self) -> String {
        let wrong = self.load().expect_err("it is not in order");
        wrong.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

#[test]
fn the_certificate_says_for_whom_it_is() {
    let made = Made::new(&["Example.org", "*.example.org"]);
    let other = Made::new(&["shop.example.org", "other.test"]);
    let files = vec![made.files(), other.files()];
    let (certificates, doubts) = Certificates::load(files).expect("in order");
    assert!(doubts.is_empty(), "{doubts:?}");
    assert_eq!(
        certificates.hosts(),
        [
            "*.example.org",
            "example.org",
            "other.test",
            "shop.example.org"
        ]
    );
    for (host, known) in [
        ("example.org", true),
        ("a.example.org", true),
        ("a.b.example.org", false),
        ("shop.example.org", true),
        ("other.test", true),
        ("a.other.test", false),
        ("org", false),
        ("", false),
    ] {
        assert_eq!(certificates.are_for(host), known, "{host}");
    }
    // The exact name goes before the one with a star.
    let of = |host: &str| {
        certificates
            .shown
            .table(|table| table.find(host).expect("known").cert[0].clone())
    };
    assert_eq!(of("shop.example.org"), of("other.test"));
    assert_ne!(of("shop.example.org"), of("a.example.org"));
}

#[test]
fn what_is_wrong_with_files_is_told_with_what_to_do() {
    let made = Made::new(&["example.org"]);
    let other = Made::new(&["example.org"]);
    let cut = &made.certificate[..made.certificate.len() / 2];
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (certificate, key, expected) in [
        (
            made.certificate.as_str(),
            other.key.as_str(),
            "the key in key.pem is not that of the certificate in cert.pem: were they renewed together?",
        ),
        (
            &made.key,
            &made.certificate,
            "cert.pem holds a private key and no certificate: are `certificate` and `key` the wrong way round?",
        ),
        (
            &made.certificate,
            &made.certificate,
            "key.pem holds a certificate and no private key: are",
        ),
        (
            "",
            &made.key,
            "cert.pem holds no certificate: PEM is meant, with a line -----BEGIN CERTIFICATE-----",
        ),
        (
            &made.certificate,
            "secret",
            "key.pem holds no private key: PEM is meant, with a line -----BEGIN PRIVATE KEY-----",
        ),
        (
            &made.certificate,
            locked,
            "the key in key.pem is locked with a password: the node needs it without (`openssl pkey -in key.pem -out NEW`)",
        ),
        (cut, &made.key, "the certificate in cert.pem is damaged"),
        (
            nonsense,
            &made.key,
            "the first certificate in cert.pem cannot be read",
        ),
    ] {
        made.write(certificate, key);
        let wrong = made.wrong();
        assert!(wrong.starts_with(expected), "{wrong}");
    }
    made.write(&made.certificate, &made.key);
    std::fs::remove_file(made.path("key.pem")).expect("removed");
    assert!(
        made.wrong()
            .starts_with("cannot read the key key.pem: No such file")
            && made
                .wrong()
                .ends_with("relative paths begin in the node's folder"),
        "{}",
        made.wrong()
    );
    std::fs::create_dir(made.path("key.pem")).expect("made");
    assert!(made.wrong().starts_with("cannot read the key key.pem: "));
    let large = vec![b'x'; (1 << 20) + 1];
    std::fs::write(made.path("cert.pem"), large).expect("written");
    assert_eq!(
        made.wrong(),
        "the certificate cert.pem has 1048577 bytes, at most 1048576 are allowed"
    );
    assert!(Certificates::load(Vec::new()).is_err());
    let nameless = Made::new(&[]);
    assert!(
        nameless
            .wrong()
            .starts_with("the certificate in cert.pem names no host")
    );
}

#[test]
fn times_are_doubts_and_no_more() {
    let ended = Made::with(&["example.org"], |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 3, 1);
    });
    let (_, doubts) = ended.load().expect("it can be used");
    let said = &doubts[0];
    assert!(
        said.starts_with("the certificate for example.org in ")
            && said.contains("has expired on 2020-03-01"),
        "{said}"
    );
    let early = Made::with(&["example.org"], |params| {
        params.not_before = date_time_ymd(3000, 1, 1);
    });
    let (_, doubts) = early.load().expect("it can be used");
    assert!(
        doubts[0].contains("is not valid before 3000-01-01: is the clock"),
        "{doubts:?}"
    );

    let soon = Made::with(&["example.org"], |params| {
        params.not_after = date_time_ymd(2030, 1, 8);
    });
    let read = |day: u64| {
        let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(day * 86_400);
        files::read(&soon.files(), now).expect("in order").doubt
    };
    // 2030-01-01 is day 21,915.
    assert_eq!(read(21_914), None);
    assert!(read(21_916).is_some_and(|doubt| doubt.contains("expires on 2030-01-08: renew it")));
}

#[test]
fn renewed_files_are_taken_over_and_broken_ones_are_not() {
    let made = Made::new(&["a.test"]);
    let (certificates, _) = made.load().expect("in order");
    assert_eq!(certificates.renew(false), Renewal::Same);
    assert_eq!(certificates.renew(true), Renewal::Renewed(Vec::new()));

    // Half of a renewal: the key is still the old one.
    let next = Made::new(&["b.test"]);
    let longer = format!("{}\n", next.certificate);
    made.write(&longer, &made.key);
    assert!(
        matches!(certificates.renew(false), Renewal::Refused(wrong) if wrong.contains("renewed together"))
    );
    assert!(certificates.are_for("a.test"));
    assert_eq!(certificates.renew(false), Renewal::Same, "it is said once");

    made.write(&longer, &format!("{}\n", next.key));
    assert_eq!(certificates.renew(false), Renewal::Renewed(Vec::new()));
    assert!(certificates.are_for("b.test") && !certificates.are_for("a.test"));
    remove(&made.path("cert.pem"));
    assert!(
        matches!(certificates.renew(false), Renewal::Refused(wrong) if wrong.contains("No such file"))
    );
    assert!(certificates.are_for("b.test"));
}

fn remove(path: &Path) {
    std::fs::remove_file(path).expect("removed");
}
