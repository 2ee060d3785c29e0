//! A lease that was asked for and not yet granted.
//!
//! Between the REQUEST and the ACK only the server knows whether there is a lease. So it is written
//! down as soon as it is asked for, and a daemon that finds it still so gives it back.

use std::net::Ipv4Addr;

use dhcp_client::{Instant, Lease, RawOptions};

/// The lease that `message` asks for, if it is the REQUEST of an offer: one that names the server
/// (RFC 2131 §4.3.2). Only what a RELEASE needs of it is known.
pub(crate) fn lease_of(message: &[u8], now: Instant) -> Option<Lease> {
    let options = message.get(OPTIONS..)?;
    if option(options, MESSAGE_TYPE)? != [REQUEST] {
        return None;
    }
    let address = |code| {
        <[u8; 4]>::try_from(option(options, code)?)
            .ok()
            .map(Ipv4Addr::from)
    };
    Some(Lease {
        address: address(REQUESTED_ADDRESS)?,
        prefix_len: 32,
        server_id: address(SERVER_IDENTIFIER)?,
        acquired_at: now,
        times: None,
        routers: Vec::new(),
        dns: Vec::new(),
        domain: None,
        search: Vec::new(),
        mtu: None,
        broadcast: None,
        ntp: Vec::new(),
        static_routes: Vec::new(),
        classless_routes: None,
        options: RawOptions::default(),
    })
}

/// The address that `message` gives back, and the server it is given back to, if it is a RELEASE.
pub(crate) fn released(message: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let options = message.get(OPTIONS..)?;
    if option(options, MESSAGE_TYPE)? != [RELEASE] {
        return None;
    }
    let address = message.get(CIADDR)?.first_chunk::<4>()?;
    let server = option(options, SERVER_IDENTIFIER)?.first_chunk::<4>()?;
    Some((Ipv4Addr::from(*address), Ipv4Addr::from(*server)))
}

/// The value of an option in a message of our own making.
fn option(mut options: &[u8], wanted: u8) -> Option<&[u8]> {
    loop {
        match options {
            [PAD, rest @ ..] => options = rest,
            [code, length, rest @ ..] if *code != END => {
                let (value, rest) = rest.split_at_checked(usize::from(*length))?;
                if *code == wanted {
                    return Some(value);
                }
                options = rest;
            }
            _ => return None,
        }
    }
}

/// RFC 2131 §2: the fixed fields and the magic cookie.
const OPTIONS: usize = 240;
/// RFC 2132 §9.6: DHCPREQUEST.
const REQUEST: u8 = 3;
/// RFC 2132 §9.6: DHCPRELEASE.
const RELEASE: u8 = 7;
/// RFC 2131 §2: where `ciaddr` is.
const CIADDR: std::ops::Range<usize> = 12..16;
const PAD: u8 = 0;
const REQUESTED_ADDRESS: u8 = 50;
const MESSAGE_TYPE: u8 = 53;
const SERVER_IDENTIFIER: u8 = 54;
const END: u8 = 255;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(options: &[u8]) -> Vec<u8> {
        [&[0; OPTIONS], options].concat()
    }

    #[test]
    fn the_request_of_an_offer_names_address_and_server() {
        let select = message(&[
            53, 1, 3, 0, 61, 2, 54, 4, 54, 4, 192, 0, 2, 1, 50, 4, 192, 0, 2, 5, 255,
        ]);
        let lease = lease_of(&select, Instant::default()).unwrap();
        assert_eq!(lease.address, Ipv4Addr::new(192, 0, 2, 5));
        assert_eq!(lease.server_id, Ipv4Addr::new(192, 0, 2, 1));
    }

    #[test]
    fn no_other_message_asks_for_a_lease() {
        for options in [
            &[53, 1, 1, 50, 4, 192, 0, 2, 5, 54, 4, 192, 0, 2, 1, 255][..],
            &[53, 1, 3, 50, 4, 192, 0, 2, 5, 255],
            &[53, 1, 3, 54, 4, 192, 0, 2, 1, 255],
            &[53, 1, 3, 255, 50, 4, 192, 0, 2, 5, 54, 4, 192, 0, 2, 1],
            &[53, 1, 3, 50, 200, 192],
            &[],
        ] {
            assert_eq!(
                lease_of(&message(options), Instant::default()),
                None,
                "{options:?}"
            );
        }
        assert_eq!(lease_of(&[], Instant::default()), None);
    }

    #[test]
    fn a_release_names_address_and_server() {
        let mut release = message(&[53, 1, 7, 54, 4, 192, 0, 2, 1, 255]);
        release[12..16].copy_from_slice(&[192, 0, 2, 5]);
        let named = (Ipv4Addr::new(192, 0, 2, 5), Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(released(&release), Some(named));
        release[242] = 4;
        assert_eq!(released(&release), None);
        assert_eq!(released(&message(&[53, 1, 7, 255])), None);
    }
}
