//! The keys of `ipam` that change what a server is told, and what is made of its answer.

use serde_json::{Value, json};
use testbed::server::{Message, MessageType};
use testbed::{Attachment, Bed, Daemon, Deadline, Pod, differs, observe};

use crate::granting::Granting;
use crate::networks::{macvlan_dhcp, with};

const ARGS: &str = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;COLOR=blue";

/// A pod on a LAN whose server grants what it is asked for.
struct Stage {
    granting: Granting,
    attachment: Attachment,
    pod: Pod,
    _daemon: Daemon,
    _bed: Bed,
}

impl Stage {
    fn new(ipam: Value) -> Self {
        let bed = Bed::new();
        let granting = Granting::start(&bed, [600, 300, 500]);
        let daemon = Daemon::start(&bed.node, &[]);
        let config = with(macvlan_dhcp(), json!({"ipam": ipam}));
        let pod = bed.node.pod("pod");
        Self {
            granting,
            attachment: Attachment::new(&pod, config).args(ARGS),
            pod,
            _daemon: daemon,
            _bed: bed,
        }
    }

    fn routes(&self) -> Vec<observe::Route> {
        self.pod.enter(|| observe::configured_routes("net1"))
    }
}

/// The DISCOVER of an ADD with these keys. The REQUEST has to have the same options.
#[track_caller]
fn discover(ipam: Value, options: &[u8]) -> Message {
    let mut stage = Stage::new(ipam);
    stage.attachment.add();
    let discover = stage.granting.received(MessageType::Discover).remove(0);
    let request = stage.granting.received(MessageType::Request).remove(0);
    for option in options {
        assert_eq!(
            discover.option(*option),
            request.option(*option),
            "{option}"
        );
    }
    discover
}

fn asks_for_broadcast(message: &Message) -> bool {
    message.flags == 0x8000
}

fn text(message: &Message, option: u8) -> Option<String> {
    let bytes = message.option(option)?;
    Some(String::from_utf8_lossy(bytes).into_owned())
}

#[test]
fn options_are_asked_for_beside_the_usual_ones_or_instead() {
    let more = discover(json!({"request": [{"option": "66"}]}), &[55]);
    let asked = more.option(55).unwrap();
    for option in [1, 3, 66] {
        assert!(asked.contains(&option), "{asked:?}");
    }
    differs("Go: only subnet mask and router are asked for", || {
        assert!(asked.contains(&6) && asked.contains(&121), "{asked:?}");
    });
    let request = json!([{"option": "6"}, {"option": "host-name", "skipDefault": true}]);
    let instead = discover(json!({"request": request}), &[55]);
    assert_eq!(instead.option(55), Some(&[6, 12][..]));
}

#[test]
fn options_are_sent_as_text_and_from_cni_args() {
    let provide = json!([
        {"option": "user-class", "value": "kiosk"},
        {"option": "60", "fromArg": "COLOR"},
        {"option": "host-name", "value": "none", "fromArg": "K8S_POD_NAME"},
    ]);
    let message = discover(json!({"provide": provide}), &[77, 60, 12]);
    assert_eq!(text(&message, 77).as_deref(), Some("kiosk"));
    assert_eq!(text(&message, 60).as_deref(), Some("blue"));
    assert_eq!(text(&message, 12).as_deref(), Some("web-0"));
    let provide = json!([{"option": "77", "value": "hex:01ff"}]);
    let message = discover(json!({"provide": provide}), &[77]);
    differs(
        "Go: values of options are text, whatever they look like",
        || {
            assert_eq!(message.option(77), Some(&[1, 255][..]));
        },
    );
}

#[test]
fn the_host_name_is_the_pods_or_what_the_network_says() {
    let cases = [
        (json!({}), Some("web-0")),
        (json!({"hostname": "kiosk"}), Some("kiosk")),
    ];
    for (ipam, expected) in cases {
        let message = discover(ipam, &[12]);
        differs("Go: no host name is sent", || {
            assert_eq!(text(&message, 12).as_deref(), expected);
        });
    }
    let nameless = discover(json!({"hostname": "none"}), &[12]);
    assert_eq!(nameless.option(12), None);
}

#[test]
fn the_client_identifier_is_the_containers_or_what_the_network_says() {
    let container = discover(json!({"clientID": "container"}), &[61]);
    let expected = b"\0pod-0123456789abcdef/lan/net1";
    assert_eq!(container.option(61), Some(&expected[..]));
    let provided = json!({"provide": [{"option": "dhcp-client-identifier", "value": "kiosk"}]});
    assert_eq!(
        text(&discover(provided, &[61]), 61).as_deref(),
        Some("kiosk")
    );
    differs("Go: clientID is no key", || {
        let pod = discover(json!({"clientID": "pod"}), &[61]);
        assert_eq!(pod.option(61), Some(&b"\0shop/web-0/lan/net1"[..]));
        let mac = discover(json!({"clientID": "mac"}), &[61]);
        assert_eq!(mac.option(61), Some(&[&[1][..], &mac.mac()].concat()[..]));
        let bytes = discover(json!({"clientID": "hex:0102ff"}), &[61]);
        assert_eq!(bytes.option(61), Some(&[1, 2, 255][..]));
        let none = discover(json!({"clientID": "none"}), &[61]);
        assert_eq!(none.option(61), None);
    });
}

#[test]
fn answers_are_asked_for_by_broadcast_where_the_network_says_so() {
    let unicast = discover(json!({"broadcast": false}), &[]);
    assert!(!asks_for_broadcast(&unicast));
    let broadcast = discover(json!({"broadcast": true}), &[]);
    differs("Go: broadcast is no key", || {
        assert!(asks_for_broadcast(&broadcast));
    });
}

#[test]
fn the_servers_routes_have_the_networks_priority() {
    let mut stage = Stage::new(json!({"priority": 700}));
    let result = stage.attachment.add();
    let routes = stage.routes();
    assert_eq!(routes.len(), 1, "{routes:?}");
    differs("Go: this release does not know priority", || {
        assert_eq!(routes[0].metric, Some(700));
        assert_eq!(result["routes"][0]["priority"], 700);
    });
}

#[test]
fn what_the_network_suppresses_is_not_in_the_pod() {
    let mut stage = Stage::new(json!({"suppress": ["gateway"]}));
    stage.attachment.add();
    differs("Go: suppress is no key", || {
        assert_eq!(stage.routes(), []);
    });
}

#[test]
fn a_pod_that_is_to_keep_its_address_has_it_from_a_lease() {
    let mut stage =
        Stage::new(json!({"onAddressChange": "keep", "conflictDetection": "off", "timeout": "9s"}));
    let result = stage.attachment.add();
    assert_eq!(result["ips"][0]["address"], "192.168.50.77/24");
    stage.attachment.check();
    stage.attachment.del();
    stage
        .granting
        .wait_for(MessageType::Release, Deadline::secs(5));
}
