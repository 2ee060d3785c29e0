//! The rounds of one network.

use std::net::Ipv4Addr;
use std::time::Duration;

use testbed::server::{Dnsmasq, DnsmasqOptions, PlainServer, ScriptedServer};
use testbed::{Bed, Lan, LanAddresses};

use crate::contender::{Contender, VERBS};
use crate::network::Network;
use crate::options::{Options, WARM_UP};
use crate::statistics::Summary;

/// What came of a network, for each contender.
#[derive(Debug)]
pub(crate) struct Measured {
    /// The network's name.
    pub(crate) network: &'static str,
    /// How many runs count.
    pub(crate) rounds: usize,
    /// These plugins' summary for each verb.
    pub(crate) ours: Column,
    /// The Go plugins'.
    pub(crate) reference: Option<Column>,
}

/// The figures of one contender.
#[derive(Debug)]
pub(crate) struct Column {
    /// For each of [`VERBS`].
    pub(crate) verbs: [Summary; VERBS.len()],
    /// The daemon's CPU time for a round.
    pub(crate) daemon_cpu: Option<Duration>,
}

/// Runs the rounds of a network: the contenders by turns, and another one first in each round.
pub(crate) fn network(network: &Network, options: &Options) -> Result<Measured, String> {
    let bed = Bed::with_lan(LanAddresses {
        ipv4: (Ipv4Addr::new(10, 8, 0, 1), 16),
        ipv6: None,
    });
    let _server = network.leases.then(|| Server::start(&bed.lan));
    let directories = [Some(options.ours.clone()), options.reference.clone()];
    let mut contenders: Vec<_> = directories
        .into_iter()
        .flatten()
        .map(|directory| Contender::new(directory, &bed, network.leases))
        .collect();
    let rounds = (options.rounds / network.every).max(1);
    let config = network.config();
    let mut daemons_before = Vec::new();
    for round in 0..WARM_UP + rounds {
        if round == WARM_UP {
            daemons_before = contenders.iter().map(Contender::daemon_cpu).collect();
        }
        let (head, tail) = contenders.split_at_mut(round % 2);
        for contender in tail.iter_mut().chain(head) {
            contender.round(round, &config, round >= WARM_UP)?;
        }
    }
    let mut columns = contenders
        .iter()
        .zip(daemons_before)
        .map(|(contender, before)| Column {
            verbs: contender
                .samples
                .each_ref()
                .map(super::statistics::Samples::summary),
            daemon_cpu: per_round(contender.daemon_cpu(), before, rounds),
        });
    let ours = columns.next().ok_or("nothing was measured")?;
    let reference = columns.next();
    Ok(Measured {
        network: network.name,
        rounds,
        ours,
        reference,
    })
}

fn per_round(after: Option<Duration>, before: Option<Duration>, rounds: usize) -> Option<Duration> {
    let used = after?.saturating_sub(before?);
    Some(used / u32::try_from(rounds).unwrap_or(u32::MAX))
}

/// A server that answers at once.
enum Server {
    Dnsmasq { _process: Dnsmasq },
    BuiltIn { _thread: ScriptedServer },
}

impl Server {
    fn start(lan: &Lan) -> Self {
        if Dnsmasq::is_installed() {
            let options = DnsmasqOptions::new(lan).range(lan.address(1000), lan.address(60000));
            Self::Dnsmasq {
                _process: Dnsmasq::start_with(lan, options),
            }
        } else {
            Self::BuiltIn {
                _thread: PlainServer::new(lan).start(lan).0,
            }
        }
    }
}
