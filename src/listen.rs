//! Where something listens, as people write it, and what they are told when that does not work.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::str::FromStr;

/// The port of the gateway when none is named.
pub const HTTP_PORT: u16 = 2517;
/// The port of the gateway for TLS when none is named: the one that browsers take.
pub const HTTPS_PORT: u16 = 443;

/// An address to listen on; without a host, which ones depends on what listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    host: Option<IpAddr>,
    /// The port; 0 stands for a free one.
    pub port: u16,
}

impl Listen {
    /// This port, on the hosts that are usual.
    pub const fn port(port: u16) -> Listen {
        Listen { host: None, port }
    }

    /// The usual port, or any if it is taken: whoever tries something out should not have to look for what holds a port.
    pub fn free_or_any(port: u16) -> Listen {
        match TcpListener::bind(Listen::port(port).or_loopback()) {
            Ok(_) => Listen::port(port),
            Err(_) => Listen::port(0),
        }
    }

    /// On this machine only, unless a host was named.
    pub fn or_loopback(self) -> SocketAddr {
        SocketAddr::new(
            self.host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            self.port,
        )
    }

    /// On all addresses of both kinds, unless a host was named.
    pub fn or_all(self) -> SocketAddr {
        SocketAddr::new(
            self.host.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
            self.port,
        )
    }
}

impl fmt::Display for Listen {
    /// As TOML has it: a port alone needs no quotes.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            None => write!(out, "{}", self.port),
            Some(host) => write!(out, "\"{}\"", SocketAddr::new(host, self.port)),
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Listen, String> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Listen {
                host: Some(address.ip()),
                port: address.port(),
            });
        }
        let (host, port) = match text.rsplit_once(':') {
            None | Some(("", _)) => (None, text.trim_start_matches(':')),
            Some(("localhost", port)) => (Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), port),
            Some((host, _)) => {
                return Err(format!(
                    "`{host}` is not an IP address; write 127.0.0.1:2517, [::1]:2517, localhost:2517 or 2517"
                ));
            }
        };
        let port = port
            .parse()
            .map_err(|_| format!("`{port}` is not a port (0 to 65535, 0 for a free one)"))?;
        Ok(Listen { host, port })
    }
}

/// What an operator is told when an address cannot be listened on, and by which flag to choose another.
pub fn cannot_listen(what: &str, flag: &str, address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "the {what} cannot listen on {address}: the port is in use, perhaps by another node; choose another with {flag} ADDR (0 for any free port)"
            )
        }
        io::ErrorKind::InvalidInput => {
            format!("the {what} cannot listen on {address}: {error} ({flag} ADDR)")
        }
        io::ErrorKind::PermissionDenied => {
            format!(
                "the {what} cannot listen on {address}: not permitted; ports below 1024 need rights, choose another with {flag} ADDR"
            )
        }
        _ => format!(
            "the {what} cannot listen on {address}: {error} ({flag} ADDR chooses another address)"
        ),
    }
}

/// The host to write into links: a name under which labels work, where the gateway listens on this machine.
pub fn public_host(address: SocketAddr) -> String {
    let ip = address.ip().to_canonical();
    if ip.is_unspecified() || ip.is_loopback() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_given_up_for_a_free_one() {
        let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = holder.local_addr().expect("its address").port();
        assert_eq!(Listen::free_or_any(port).port, 0);
        drop(holder);
        assert_eq!(Listen::free_or_any(port).port, port);
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, expected) in [
            ("2517", "127.0.0.1:2517"),
            (":0", "127.0.0.1:0"),
            ("localhost:80", "127.0.0.1:80"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(
                text.parse::<Listen>()
                    .map(|listen| listen.or_loopback().to_string()),
                Ok(expected.to_owned())
            );
        }
        assert_eq!(Listen::port(2517).or_all().to_string(), "[::]:2517");
        for text in [
            "",
            "x",
            "example.org:80",
            "127.0.0.1:x",
            "70000",
            "::1:80:x",
        ] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
