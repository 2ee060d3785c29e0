//! Well-formed messages mean the same to dhcproto's codec and to ours.

use std::net::Ipv4Addr;

use dhcp_client::Event;
use dhcproto::v4::{self, DhcpOption, MessageType};
use dhcproto::{Encodable, Encoder};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::script::{ADDRESS, MAC, SERVER, Timeline, config, instant, offer};

fn hosts() -> impl Strategy<Value = Vec<Ipv4Addr>> {
    vec(
        (0x0100_0000..0xdfff_ffff_u32).prop_map(Ipv4Addr::from),
        1..20,
    )
}

fn routes() -> impl Strategy<Value = Vec<(u32, u8, u32)>> {
    vec((any::<u32>(), 0..=32_u8, any::<u32>()), 1..80)
}

fn names() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::btree_set("[a-z]{1,9}(\\.[a-z0-9]{1,9}){1,3}", 1..12)
        .prop_map(|names| names.into_iter().collect())
}

/// Returns the ACK to `xid` as dhcproto writes it.
fn encode(xid: u32, options: Vec<DhcpOption>) -> Vec<u8> {
    let zero = Ipv4Addr::UNSPECIFIED;
    let mut message = v4::Message::new_with_id(xid, zero, ADDRESS, zero, zero, &MAC);
    message.set_opcode(v4::Opcode::BootReply);
    message
        .opts_mut()
        .insert(DhcpOption::MessageType(MessageType::Ack));
    message
        .opts_mut()
        .insert(DhcpOption::ServerIdentifier(SERVER));
    for option in options {
        message.opts_mut().insert(option);
    }
    let mut bytes = Vec::new();
    message.encode(&mut Encoder::new(&mut bytes)).unwrap();
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_well_formed_ack_is_read_as_it_was_meant(
        prefix_len in 1..31_u8, routers in hosts(), dns in hosts(), ntp in hosts(),
        domain in "[a-z]{1,20}(\\.[a-z]{1,20}){0,2}", search in names(),
        mtu in 576..=u16::MAX, lease_time in 8..u32::MAX, routes in routes(),
        vendor in vec(any::<u8>(), 1..700),
    ) {
        let mask = Ipv4Addr::from_bits(!(u32::MAX >> prefix_len));
        let route = |(dst, prefix_len, router): &(u32, u8, u32)| {
            let dst = ipnetwork::Ipv4Network::new((*dst).into(), *prefix_len).unwrap();
            (dst.network(), *prefix_len, Ipv4Addr::from(*router))
        };
        let routes: Vec<_> = routes.iter().map(route).collect();
        let sent = routes.iter().map(|(dst, len, router)| {
            (format!("{dst}/{len}").parse().unwrap(), *router)
        });
        let options = vec![
            DhcpOption::SubnetMask(mask),
            DhcpOption::Router(routers.clone()),
            DhcpOption::DomainNameServer(dns.clone()),
            DhcpOption::NtpServers(ntp.clone()),
            DhcpOption::DomainName(domain.clone()),
            DhcpOption::DomainSearch(search.iter().map(|name| name.parse().unwrap()).collect()),
            DhcpOption::InterfaceMtu(mtu),
            DhcpOption::AddressLeaseTime(lease_time),
            DhcpOption::ClasslessStaticRoute(sent.collect()),
            DhcpOption::VendorExtensions(vendor.clone()),
        ];
        let mut t = Timeline::start(config(), &["DISCOVER"]);
        t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
        let payload = encode(t.last_sent().xid(), options);
        t.client.step(Event::Received { payload: &payload }, instant(0.0));
        if ADDRESS.to_bits() & !mask.to_bits() == !mask.to_bits() {
            return Ok(());
        }
        let lease = t.client.lease().expect("bound");
        prop_assert_eq!(lease.prefix_len, prefix_len);
        prop_assert_eq!(&lease.routers, &routers);
        prop_assert_eq!(&lease.dns, &dns);
        prop_assert_eq!(&lease.ntp, &ntp);
        prop_assert_eq!(lease.domain.as_deref(), Some(domain.as_str()));
        prop_assert_eq!(&lease.search, &search);
        prop_assert_eq!(lease.mtu, Some(mtu));
        let lasts = lease.expiry().unwrap().duration_since(lease.acquired_at);
        prop_assert_eq!(lasts.as_secs(), u64::from(lease_time));
        let read: Vec<_> = lease.classless_routes.iter().flatten().map(|route| {
            (route.destination.network(), route.destination.prefix(), route.router)
        }).collect();
        prop_assert_eq!(read, routes);
        prop_assert_eq!(lease.options.get(43), Some(&*vendor));
    }
}
