//! Connections to addresses that a user has chosen: never to this server itself, to what only its machine may reach, or
//! to networks that the operator forbids.
//!
//! The address that a name stands for is looked at when the connection is made, so a name that means something else by
//! then leads nowhere.

mod network;

use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;

pub use network::Network;

/// Makes connections.
#[derive(Clone, Debug)]
pub struct Guard {
    bound: SocketAddr,
    refused: Vec<Network>,
}

/// Why there is no connection. Of several addresses of one name the last one counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("{0}")]
    Unresolved(String),
    #[error("{0}")]
    Unreachable(String),
    #[error("{0} may not be connected to")]
    Refused(IpAddr),
    #[error("this server may not be connected to")]
    Own,
}

impl Guard {
    /// `bound`: the address that the server listens on.
    pub fn new(bound: SocketAddr, refused: Vec<Network>) -> Self {
        Self { bound, refused }
    }

    /// `host`: a name or an address, without brackets. Not bounded in time.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, Failure> {
        let found = tokio::net::lookup_host((host, port)).await;
        let found = found.map_err(|error| Failure::Unresolved(format!("{host}: {error}")))?;
        let mut last = Failure::Unresolved(format!("{host} has no address"));
        for address in found {
            if !self.admits(address) {
                last = Failure::Refused(address.ip());
                continue;
            }
            match TcpStream::connect(address).await {
                // Whatever the address is called, at its other end this very server must not be.
                Ok(stream) if is_own(&stream, self.bound.port()) => last = Failure::Own,
                Ok(stream) => return Ok(stream),
                Err(error) => last = Failure::Unreachable(format!("{address}: {error}")),
            }
        }
        Err(last)
    }

    fn admits(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        let own = address.port() == self.bound.port() && (ip.is_loopback() || ip == self.bound.ip());
        !own && !is_never_meant(ip) && !self.refused.iter().any(|network| network.contains(ip))
    }
}

fn is_own(stream: &TcpStream, port: u16) -> bool {
    match (stream.local_addr(), stream.peer_addr()) {
        (Ok(local), Ok(peer)) => peer.port() == port && local.ip().to_canonical() == peer.ip().to_canonical(),
        _ => false,
    }
}

/// Addresses at which nobody is who could be meant: that of no host, of many hosts, and link-local ones, where clouds hand
/// out the credentials of their machines.
fn is_never_meant(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() || ip.is_link_local(),
        IpAddr::V6(ip) => {
            let metadata_of_aws = ip.segments()[..2] == [0xFD00, 0x0EC2];
            ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local() || metadata_of_aws
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_and_special_addresses_are_not_called() {
        let guard = Guard::new("10.0.0.5:4000".parse().unwrap(), vec!["192.168.0.0/16".parse().unwrap()]);
        let admits = |address: &str| guard.admits(address.parse().unwrap());
        assert!(admits("10.0.0.5:80") && admits("127.0.0.1:80") && admits("93.184.216.34:443"));
        for address in [
            "10.0.0.5:4000",
            "127.0.0.1:4000",
            "[::1]:4000",
            "[::ffff:127.0.0.1]:4000",
            "0.0.0.0:80",
            "169.254.169.254:80",
            "[::ffff:169.254.169.254]:80",
            "[fd00:ec2::254]:80",
            "[fe80::1]:80",
            "224.0.0.1:80",
            "192.168.3.4:80",
            "[::ffff:192.168.3.4]:80",
        ] {
            assert!(!admits(address), "{address}");
        }
    }
}
