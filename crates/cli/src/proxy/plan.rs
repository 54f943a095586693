//! What `bowline proxy` is to do, once every flag is checked.

use std::net::{SocketAddr, ToSocketAddrs};

use bowline_bench::proxy::{Config, End, Faults};
use bowline_server::listener::descriptors;

use crate::args::ProxyArgs;
use crate::failure::Failure;

/// Where to, and how.
#[derive(Debug)]
pub(super) struct ProxyPlan {
    pub(super) to: SocketAddr,
    pub(super) faults: Faults,
    pub(super) config: Config,
}

impl ProxyPlan {
    pub(super) fn new(args: &ProxyArgs) -> Result<Self, Failure> {
        let max_connections = max_connections(args.max_connections, descriptors::raise_max())?;
        let config = Config::default()
            .listen(resolve("--listen", &args.listen)?)
            .max_connections(max_connections as usize)
            .max_buffer(args.max_buffer)
            .max_held(args.max_held);
        Ok(Self { to: resolve("--to", &args.to)?, faults: faults(args), config })
    }
}

fn faults(args: &ProxyArgs) -> Faults {
    let mut faults = Faults::default()
        .seed(args.seed)
        .refuse(args.refuse.map(Into::into))
        .cut_idle(args.cut_idle)
        .end(if args.reset { End::Reset } else { End::Fin })
        .strip_upgrade(args.strip_upgrade)
        .swallow_101(args.swallow_101)
        .buffer_responses(args.buffer_responses);
    for delay in &args.delay {
        faults = faults.delay(delay.direction, delay.value);
    }
    for jitter in &args.jitter {
        faults = faults.jitter(jitter.direction, jitter.value);
    }
    for rate in &args.rate {
        faults = faults.rate(rate.direction, rate.value as u64);
    }
    for after in &args.black_hole {
        faults = faults.black_hole(after.direction, after.value);
    }
    if let Some(both) = args.one_byte_writes {
        faults = faults.one_byte_writes(both.0);
    }
    if let Some(cut) = args.cut_at.as_ref().or(args.cut_between.as_ref()) {
        faults = faults.cut_between(cut.direction, cut.value.clone());
    }
    faults
}

/// The first address of a name.
fn resolve(flag: &str, address: &str) -> Result<SocketAddr, Failure> {
    let found = address.to_socket_addrs().map(|mut addresses| addresses.next());
    let problem = match found {
        Ok(Some(address)) => return Ok(address),
        Ok(None) => "it has no address".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Failure::Runtime(format!("cannot find {address}: {problem}; {flag} says where")))
}

/// Those that have room below the limit on open files, with two each.
fn max_connections(wanted: Option<u32>, descriptor_limit: u64) -> Result<u32, Failure> {
    const DEFAULT: u32 = 1024;
    let fit = (descriptors::max_connections(descriptor_limit) / 2).max(1);
    match wanted {
        Some(wanted) if wanted > fit => Err(Failure::Usage(format!(
            "--max-connections {wanted} is more than the {fit} that the limit of {descriptor_limit} open files has room \
             for, with two each; raise it (ulimit -n, LimitNOFILE=), or ask for fewer"
        ))),
        Some(wanted) => Ok(wanted),
        None => Ok(fit.min(DEFAULT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_stay_below_the_descriptor_limit() {
        assert_eq!(max_connections(None, 20_000).ok(), Some(1024));
        assert_eq!(max_connections(None, 1024).ok(), Some(448));
        assert_eq!(max_connections(Some(448), 1024).ok(), Some(448));
        assert!(max_connections(Some(449), 1024).is_err());
    }
}
