//! The command line of `copd`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};

const AFTER: &str = "\
Try it:
  copd demo                         a throw-away node with the examples; open the URL that it prints
  copd start                        a lasting node in ~/.coputer
  copc publish ./hello              build and sign a program and store it on the running node
  curl http://localhost:2517/       what the node serves

Ports: 2517 serves programs to everyone, 2508 is the management interface of this machine's owner.
Exit status: 0 stopped as asked, 1 could not start or failed, 2 wrong usage.";

/// A Coputer node: runs small programs that are published under a name and a key.
#[derive(Debug, Parser)]
#[command(name = "copd", version, after_help = AFTER, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a throw-away node with the examples published; its folder goes away with it.
    Demo(Options),
    /// Run a lasting node: what is published stays.
    Start(Options),
}

/// Where a node keeps its things and listens.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Folder of the node: store, management token, where it listens [default: ~/.coputer; demo: a throw-away folder]
    #[arg(long, value_name = "DIR", env = "COP_DATA")]
    pub data: Option<PathBuf>,
    /// Where programs are served: PORT, ADDRESS:PORT, or port 0 for a free one [default: 2517; demo: this machine only]
    #[arg(long, value_name = "ADDR", env = "COP_HTTP")]
    pub http: Option<Listen>,
    /// Where the owner's tools reach the node, on this machine only [default: 127.0.0.1:2508]
    #[arg(long, value_name = "ADDR", env = "COP_MANAGEMENT")]
    pub management: Option<Listen>,
}

/// An address to listen on; without a host, which ones depends on what listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    host: Option<IpAddr>,
    pub port: u16,
}

impl Listen {
    /// This port, on the hosts that are usual.
    pub const fn port(port: u16) -> Listen {
        Listen { host: None, port }
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
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
