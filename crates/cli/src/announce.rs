//! What a server says on standard output once it can be reached.

use std::io::{self, Write};
use std::net::SocketAddr;

/// Says where it listens and whether with TLS, and `hint`, a line that makes something of an address to try.
pub(crate) fn announce(addresses: &[(SocketAddr, bool)], hint: impl FnOnce(SocketAddr, bool) -> String) {
    let mut stdout = io::stdout().lock();
    // A service may have no standard output; it serves all the same.
    for (address, has_tls) in addresses {
        drop(writeln!(stdout, "listening on {address}{}", if *has_tls { " with TLS" } else { "" }));
        tracing::debug!(%address, tls = has_tls, "listening");
    }
    if let Some((first, has_tls)) = addresses.first() {
        drop(writeln!(stdout, "{}", hint(reachable(*first), *has_tls)));
    }
    drop(stdout.flush());
}

/// An address to connect to: all addresses of a machine are no address.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_try_is_one_that_can_be_connected_to() {
        for (bound, tried) in [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:2", "[::1]:2"), ("10.0.0.1:3", "10.0.0.1:3")] {
            assert_eq!(reachable(bound.parse().expect("valid")).to_string(), tried);
        }
    }
}
