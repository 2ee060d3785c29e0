//! Routes in words, as `ip route` has them.

use std::net::IpAddr;

use ipnetwork::IpNetwork;

use super::{KernelRoute, MAIN_TABLE, NewRoute};

impl std::fmt::Display for NewRoute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            dst,
            gw,
            table,
            scope,
            priority,
            mtu,
            advmss,
            ..
        } = *self;
        Text {
            dst,
            gw,
            table,
            scope,
            priority,
            mtu,
            advmss,
        }
        .fmt(f)
    }
}

impl std::fmt::Display for KernelRoute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            dst,
            gw,
            table,
            scope,
            priority,
            mtu,
            advmss,
            ..
        } = *self;
        let scope = Some(scope).filter(|scope| *scope != 0);
        let priority = Some(priority).filter(|priority| *priority != 0);
        Text {
            dst,
            gw,
            table,
            scope,
            priority,
            mtu,
            advmss,
        }
        .fmt(f)
    }
}

/// Prints a route as `10.0.0.0/8 via 192.0.2.1 table 100 metric 5`.
struct Text {
    dst: IpNetwork,
    gw: Option<IpAddr>,
    table: u32,
    scope: Option<u8>,
    priority: Option<u32>,
    mtu: Option<u32>,
    advmss: Option<u32>,
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.dst)?;
        if let Some(gw) = self.gw {
            write!(f, " via {gw}")?;
        }
        if self.table != MAIN_TABLE {
            write!(f, " table {}", self.table)?;
        }
        if let Some(scope) = self.scope {
            write!(f, " scope {scope}")?;
        }
        for (name, value) in [
            ("metric", self.priority),
            ("mtu", self.mtu),
            ("advmss", self.advmss),
        ] {
            if let Some(value) = value {
                write!(f, " {name} {value}")?;
            }
        }
        Ok(())
    }
}
