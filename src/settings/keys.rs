//! The settings, one row each: what it is called, what it means, how it is read and shown.

use std::net::SocketAddr;

use clap::ValueEnum;
use cop_bytecode::limits;
use cop_gateway::journal::Format;
use cop_gateway::tls::CertificateFiles;
use toml::de::DeValue;

use super::{Given, Settings};
use crate::engine::EngineOption;
use crate::listen::Listen;

/// One setting.
pub struct Key {
    /// As it stands in the file.
    pub name: &'static str,
    /// The variable of the environment that says it too.
    pub variable: Option<&'static str>,
    /// What it means, for people.
    pub about: &'static str,
    pub(super) set: fn(&mut Settings, Given<'_>) -> Result<(), String>,
    /// Its value as TOML.
    pub shown: fn(&Settings) -> String,
}

impl Key {
    /// The setting of this name.
    pub fn find(name: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.name == name)
    }
}

/// A number of something, within bounds.
macro_rules! number {
    ($name:literal, $variable:expr, $about:literal, $field:ident, $least:expr, $most:expr, $unit:expr) => {
        Key {
            name: $name,
            variable: $variable,
            about: $about,
            set: |settings, given| {
                let number = given.number($least, $most)? * $unit;
                settings.execution.$field = number
                    .try_into()
                    .map_err(|_| "it is too large for this machine".to_owned())?;
                Ok(())
            },
            shown: |settings| (settings.execution.$field as u64 / $unit).to_string(),
        }
    };
}

const MIB: u64 = 1 << 20;
/// Most MiB that a share of memory or disk may be set to: 1 TiB.
const MIB_MAX: u64 = 1 << 20;

/// All settings.
pub const KEYS: &[Key] = &[
    Key {
        name: "http",
        variable: Some("COP_HTTP"),
        about: "where programs are served: a port, or \"ADDRESS:PORT\"; port 0 is a free one",
        set: |settings, given| {
            settings.http = Some(given.listen()?);
            Ok(())
        },
        shown: |settings| listen(settings.http, "2517"),
    },
    Key {
        name: "https",
        variable: Some("COP_HTTPS"),
        about: "where programs are served over TLS, with the certificates of `tls`: a port, or \"ADDRESS:PORT\"",
        set: |settings, given| {
            settings.https = Some(given.listen()?);
            Ok(())
        },
        shown: |settings| listen(settings.https, "443"),
    },
    Key {
        name: "tls",
        variable: None,
        about: "certificates, each a table [[tls]] with the files `certificate` and `key` in PEM; whom they are for stands in them",
        set: |settings, given| {
            settings.tls = certificates(given)?;
            Ok(())
        },
        shown: |settings| {
            let rows = settings.tls.iter().map(|files| {
                let (certificate, key) = (&files.certificate, &files.key);
                format!("{{ certificate = {certificate:?}, key = {key:?} }}")
            });
            format!("[{}]", rows.collect::<Vec<_>>().join(", "))
        },
    },
    Key {
        name: "redirect_to_https",
        variable: Some("COP_REDIRECT_TO_HTTPS"),
        about: "requests without TLS for a host that a certificate is for are sent to it over TLS",
        set: |settings, given| {
            settings.redirect_to_https = given.truth()?;
            Ok(())
        },
        shown: |settings| settings.redirect_to_https.to_string(),
    },
    Key {
        name: "management",
        variable: Some("COP_MANAGEMENT"),
        about: "where the owner's tools reach the node; beyond loopback only with a certificate in `tls`",
        set: |settings, given| {
            settings.management = Some(given.listen()?);
            Ok(())
        },
        shown: |settings| listen(settings.management, "2508"),
    },
    Key {
        name: "domains",
        variable: None,
        about: "hosts that show one program each as their own: a table of \"HOST\" = \"ADDRESS/NAME\"",
        set: domains,
        shown: |settings| {
            let domains = settings.domains.iter();
            let rows =
                domains.map(|(host, (address, name))| format!("{host:?} = \"{address}/{name}\""));
            format!("{{ {} }}", rows.collect::<Vec<_>>().join(", "))
        },
    },
    Key {
        name: "reach",
        variable: Some("COP_REACH"),
        about: "private addresses with their ports that programs may ask by host/http; what is on the internet needs no entry",
        set: |settings, given| {
            settings.reach = given
                .texts()?
                .iter()
                .map(|text| address(text))
                .collect::<Result<_, _>>()?;
            Ok(())
        },
        shown: |settings| {
            format!(
                "{:?}",
                settings
                    .reach
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
            )
        },
    },
    Key {
        name: "engine",
        variable: Some("COP_ENGINE"),
        about: "what runs the programs: \"auto\" compiles what is used much, \"interpreter\" never does, \"jit\" does before the first run",
        set: |settings, given| {
            let engine = EngineOption::from_str(&given.text()?, false);
            settings.engine =
                engine.map_err(|_| "`auto`, `interpreter` or `jit` is meant".to_owned())?;
            Ok(())
        },
        shown: |settings| {
            let value = settings.engine.to_possible_value();
            format!(
                "{:?}",
                value.map_or(String::new(), |value| value.get_name().to_owned())
            )
        },
    },
    Key {
        name: "log_level",
        variable: Some("COP_LOG_LEVEL"),
        about: "what is printed of what happens: \"error\", \"warn\", \"info\" or \"debug\"; copd log-level changes it while the node runs",
        set: |settings, given| {
            settings.log.level = given.text()?.parse()?;
            Ok(())
        },
        shown: |settings| format!("{:?}", settings.log.level.as_str()),
    },
    Key {
        name: "log_format",
        variable: Some("COP_LOG_FORMAT"),
        about: "how it is printed: \"text\", \"json\", or \"auto\": text on a terminal and JSON otherwise",
        set: |settings, given| {
            settings.log.format = log_format(&given.text()?)?;
            Ok(())
        },
        shown: |settings| {
            let format = match settings.log.format {
                None => "auto",
                Some(Format::Text) => "text",
                Some(Format::Json) => "json",
            };
            format!("{format:?}")
        },
    },
    Key {
        name: "access_log",
        variable: None,
        about: "whether each answer is printed: true or false",
        set: |settings, given| {
            settings.log.access = given.truth()?;
            Ok(())
        },
        shown: |settings| settings.log.access.to_string(),
    },
    number!(
        "self_check",
        Some("COP_SELF_CHECK"),
        "one run in so many is done again in the other engine, to see that both agree; 0 for none",
        self_check,
        0,
        u32::MAX.into(),
        1
    ),
    number!(
        "workers",
        None,
        "threads that run programs; 0 is two per core, and at least four",
        workers,
        0,
        4096,
        1
    ),
    number!(
        "queue",
        None,
        "runs that may wait for a worker; 0 is 128 per worker",
        queue,
        0,
        1 << 20,
        1
    ),
    number!(
        "fuel_max",
        None,
        "most fuel of a run that a release may ask for",
        fuel_max,
        1,
        limits::FUEL_MAX,
        1
    ),
    number!(
        "memory_max_mib",
        None,
        "most memory of a run that a release may ask for, in MiB",
        memory_max_bytes,
        1,
        limits::MEMORY_MAX / MIB,
        MIB
    ),
    number!(
        "publisher_mib",
        None,
        "room in the store for the programs of one publisher, in MiB",
        publisher_quota_bytes,
        1,
        MIB_MAX,
        MIB
    ),
    number!(
        "state_mib",
        None,
        "room in the store for what one program keeps, in MiB",
        state_quota_bytes,
        1,
        MIB_MAX,
        MIB
    ),
    number!(
        "history_mib",
        None,
        "past commits of one program that are kept to look back at, in MiB",
        history_bytes,
        0,
        MIB_MAX,
        MIB
    ),
    number!(
        "cache_mib",
        None,
        "memory for remembered answers, in MiB; 0 for none",
        cache_bytes,
        0,
        MIB_MAX,
        MIB
    ),
    number!(
        "assets_mib",
        None,
        "memory for files that are served as they are, in MiB",
        assets_bytes,
        0,
        MIB_MAX,
        MIB
    ),
    number!(
        "records_mib",
        None,
        "memory for the records of the last runs, in MiB",
        transcripts_bytes,
        0,
        MIB_MAX,
        MIB
    ),
    number!(
        "code_mib",
        None,
        "memory for machine code, in MiB",
        code_bytes,
        0,
        MIB_MAX,
        MIB
    ),
];

impl Given<'_> {
    fn text(self) -> Result<String, String> {
        match self {
            Given::Text(text) => Ok(text.to_owned()),
            Given::Toml(DeValue::String(text)) => Ok(text.to_string()),
            Given::Toml(_) => Err("a text in quotes is meant".to_owned()),
        }
    }

    fn texts(self) -> Result<Vec<String>, String> {
        match self {
            Given::Text(text) => Ok(text.split(',').map(|part| part.trim().to_owned()).collect()),
            Given::Toml(DeValue::Array(values)) => {
                let texts = values
                    .iter()
                    .map(|value| Given::Toml(value.get_ref()).text());
                texts.collect()
            }
            Given::Toml(_) => self.text().map(|text| vec![text]),
        }
    }

    fn truth(self) -> Result<bool, String> {
        match self {
            Given::Text("true") | Given::Toml(DeValue::Boolean(true)) => Ok(true),
            Given::Text("false") | Given::Toml(DeValue::Boolean(false)) => Ok(false),
            _ => Err("`true` or `false` is meant".to_owned()),
        }
    }

    fn number(self, least: u64, most: u64) -> Result<u64, String> {
        let number = match self {
            Given::Text(text) => text.replace('_', "").parse().ok(),
            Given::Toml(DeValue::Integer(digits)) => {
                u64::from_str_radix(&digits.as_str().replace('_', ""), digits.radix()).ok()
            }
            Given::Toml(_) => None,
        };
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| format!("a whole number from {least} to {most} is meant"))
    }

    /// A port may stand without quotes.
    fn listen(self) -> Result<Listen, String> {
        match self {
            Given::Toml(DeValue::Integer(digits)) => digits.as_str().parse(),
            _ => self.text()?.parse(),
        }
    }
}

fn listen(listen: Option<Listen>, usual: &str) -> String {
    match listen {
        None => usual.to_owned(),
        Some(listen) => listen.to_string(),
    }
}

/// How what happens is printed; `None` for `auto`.
///
/// # Errors
/// It is none of the three.
pub fn log_format(text: &str) -> Result<Option<Format>, String> {
    match text {
        "auto" => Ok(None),
        "text" => Ok(Some(Format::Text)),
        "json" => Ok(Some(Format::Json)),
        _ => Err(format!(
            "`{text}` is no format: auto, text or json is meant"
        )),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not an address with a port, such as 10.0.0.7:8080"))
}

fn certificates(given: Given<'_>) -> Result<Vec<CertificateFiles>, String> {
    let meant = || "tables [[tls]] with `certificate` and `key` are meant".to_owned();
    let Given::Toml(DeValue::Array(tables)) = given else {
        return Err(meant());
    };
    let read = |value: &DeValue<'_>| {
        let DeValue::Table(table) = value else {
            return Err(meant());
        };
        let (mut certificate, mut key) = (None, None);
        for (name, value) in table.iter() {
            let file = match name.get_ref().as_ref() {
                "certificate" => &mut certificate,
                "key" => &mut key,
                other => {
                    return Err(format!(
                        "there is no `{other}` there, only `certificate` and `key`"
                    ));
                }
            };
            let text = Given::Toml(value.get_ref()).text();
            *file = Some(text.map_err(|why| format!("`{}`: {why}", name.get_ref()))?);
        }
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(CertificateFiles {
                certificate: certificate.into(),
                key: key.into(),
            }),
            (Some(certificate), None) => Err(format!("the certificate {certificate} has no `key`")),
            (None, Some(key)) => Err(format!("the key {key} has no `certificate`")),
            (None, None) => Err(meant()),
        }
    };
    tables.iter().map(|table| read(table.get_ref())).collect()
}

fn domains(settings: &mut Settings, given: Given<'_>) -> Result<(), String> {
    let Given::Toml(DeValue::Table(table)) = given else {
        return Err("a table of \"HOST\" = \"ADDRESS/NAME\" is meant".to_owned());
    };
    for (host, program) in table.iter() {
        let host: &str = host.get_ref();
        let is_host = host.split('.').all(|label| {
            let allowed =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            (1..=63).contains(&label.len()) && label.bytes().all(allowed)
        });
        if !is_host || host.len() > 253 {
            return Err(format!(
                "`{host}` is not a host as requests name it: lower case, without scheme, port or path"
            ));
        }
        let meant = || format!("`{host}` shows `ADDRESS/NAME`, such as \"cop1…/shop\"");
        let program = Given::Toml(program.get_ref()).text().map_err(|_| meant())?;
        let (address, name) = program.split_once('/').ok_or_else(meant)?;
        let address = address
            .parse()
            .map_err(|error| format!("`{host}`: `{address}` is no address: {error}"))?;
        let name = name
            .parse()
            .map_err(|error| format!("`{host}`: `{name}` is no name: {error}"))?;
        settings.domains.insert(host.to_owned(), (address, name));
    }
    Ok(())
}
