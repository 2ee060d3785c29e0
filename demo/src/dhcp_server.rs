//! The LAN's DHCP server: dnsmasq where it is installed, else the testbed's own.

use testbed::server::{Dnsmasq, DnsmasqOptions, PlainServer, ScriptedServer};
use testbed::{Lan, Log};

/// A server whose leases are renewed after [`RENEWAL`] seconds, and what it says.
#[derive(Debug)]
pub(crate) struct DhcpServer {
    kind: Kind,
    log: Log,
}

#[derive(Debug)]
enum Kind {
    Dnsmasq(Dnsmasq),
    BuiltIn { _server: ScriptedServer },
}

impl DhcpServer {
    /// Starts it on the LAN.
    pub(crate) fn start(lan: &Lan, built_in: bool) -> Self {
        if Dnsmasq::is_installed() && !built_in {
            let options = DnsmasqOptions::new(lan)
                .lease("2m")
                .option(&format!("option:router,{}", lan.router()))
                .option(&format!("option:dns-server,{}", lan.router()))
                .forced_option(&format!("option:T1,{RENEWAL}"));
            let dnsmasq = Dnsmasq::start_with(lan, options);
            let log = dnsmasq.log().clone();
            Self {
                kind: Kind::Dnsmasq(dnsmasq),
                log,
            }
        } else {
            let (server, log) = PlainServer::new(lan).lease(120).renewal(RENEWAL).start(lan);
            Self {
                kind: Kind::BuiltIn { _server: server },
                log,
            }
        }
    }

    /// Returns its name.
    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Dnsmasq(_) => "dnsmasq",
            Kind::BuiltIn { .. } => {
                "the built-in DHCP server (dnsmasq would be used if it were installed)"
            }
        }
    }

    /// Returns its log.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Waits until no lease is left, where the server has a file that says so.
    pub(crate) fn wait_until_unused(&self, deadline: testbed::Deadline) -> &'static str {
        match &self.kind {
            Kind::Dnsmasq(dnsmasq) => {
                dnsmasq.wait_for_leases(<[_]>::is_empty, deadline);
                "dnsmasq's lease file is empty again"
            }
            Kind::BuiltIn { .. } => "the server has both addresses back",
        }
    }
}

/// Returns the part of a log line that is the same in every server's: `DHCPACK(br0) 192.168.50.100 02:…`.
pub(crate) fn essence(line: &str) -> &str {
    line.find("DHCP")
        .and_then(|start| line.get(start..))
        .unwrap_or(line)
        .trim_end()
}

/// T1 in seconds: short, so that a renewal can be watched.
pub(crate) const RENEWAL: u32 = 5;
