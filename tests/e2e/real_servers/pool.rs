//! Which address a pod gets, and what becomes of one that gets none.

use serde_json::json;
use testbed::server::{Identity, Software};
use testbed::{Attachment, Deadline, differs, wiring};

use super::{Stage, address_of};
use crate::networks::{macvlan_dhcp, with};

pub(super) fn reservation_by_mac(software: Software) {
    let stage = Stage::new(software, |bed, plan| {
        plan.reserve(Identity::Mac([2, 0, 0, 0, 0, 0x42]), bed.lan.address(42))
    });
    let reserved = with(macvlan_dhcp(), json!({"mac": "02:00:00:00:00:42"}));
    let by_mac = json!({"mac": "02:00:00:00:00:43", "ipam": {"clientID": "mac"}});
    let result = Attachment::new(&stage.bed.node.pod("pod"), reserved).add();
    assert_eq!(address_of(&result), stage.bed.lan.address(42));
    let result = Attachment::new(&stage.bed.node.pod("other"), with(macvlan_dhcp(), by_mac)).add();
    assert_ne!(address_of(&result), stage.bed.lan.address(42));
}

pub(super) fn reservation_by_client_id(software: Software) {
    let id = b"\0reserved/lan/net1".to_vec();
    let stage = Stage::new(software, |bed, plan| {
        plan.reserve(Identity::ClientId(id), bed.lan.address(43))
    });
    let attachment =
        |name: &str| Attachment::new(&stage.bed.node.pod(name), macvlan_dhcp()).container_id(name);
    assert_eq!(
        address_of(&attachment("reserved").add()),
        stage.bed.lan.address(43)
    );
    assert_ne!(
        address_of(&attachment("other").add()),
        stage.bed.lan.address(43)
    );
}

pub(super) fn exhausted(software: Software) {
    let stage = Stage::new(software, |bed, plan| {
        plan.range(bed.lan.address(100), bed.lan.address(100))
    });
    let impatient = with(macvlan_dhcp(), json!({"ipam": {"timeout": "1500ms"}}));
    let mut first = Attachment::new(&stage.bed.node.pod("first"), impatient.clone());
    let mut second = Attachment::new(&stage.bed.node.pod("second"), impatient);
    let address = address_of(&first.add());
    assert_eq!(address, stage.bed.lan.address(100));
    let in_time = Deadline::secs(3);
    let refused = second.try_add().error();
    let in_time = !in_time.passed();
    differs("Go: an ADD without an answer has code 999", || {
        assert!(in_time);
        assert_eq!(refused.code, 11, "{refused:?}");
    });
    differs("Go: the server does not get the RELEASE", || {
        first.del();
        stage.server.wait_for_release(address, Deadline::secs(5));
        assert_eq!(address_of(&second.add()), address);
    });
}

pub(super) fn conflict(software: Software) {
    let stage = Stage::new(software, |bed, plan| {
        plan.range(bed.lan.address(100), bed.lan.address(100))
    });
    let taken = stage.bed.lan.address(100);
    let intruder = stage.bed.add_node();
    intruder.enter(|| wiring::add_address("eth1", taken.into(), 24));
    let impatient = with(macvlan_dhcp(), json!({"ipam": {"timeout": "1500ms"}}));
    let attachment = Attachment::new(&stage.bed.node.pod("pod"), impatient);
    differs("Go: an address in use is used", || {
        let refused = attachment.try_add().error();
        assert_eq!(refused.code, 11, "{refused:?}");
        // udhcpd looks itself before it offers an address.
        if software != Software::Udhcpd {
            assert!(
                refused.msg.contains("192.168.50.100 is in use by"),
                "{refused:?}"
            );
        }
        stage.server.wait_for_decline(taken, Deadline::secs(5));
    });
}
