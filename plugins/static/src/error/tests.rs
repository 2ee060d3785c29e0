//! What is read about each fault, reviewed as text.

use testbed::{Text, assert_texts, variants};

use super::*;

variants!(Error {
    Error::Cni(_),
    Error::IpamMissing,
    Error::AddressMissing { .. },
    Error::GatewayFamily { .. },
    Error::OnePerFamily { .. },
    Error::NotInResult { .. },
    Error::OtherPrefix { .. },
    Error::OtherGateway { .. },
});

#[test]
fn each_fault_has_its_code_message_and_advice() {
    let table: Vec<_> = cases().into_iter().map(text).collect();
    assert_texts(VARIANTS, &table);
}

fn text((error, expected): (Error, (u32, &'static str, &'static str))) -> Text {
    let variant = variant(&error);
    let cni::Error { code, msg, details } = error.into();
    Text {
        variant,
        found: (code.number(), msg, details),
        expected,
    }
}

fn cases() -> [(Error, (u32, &'static str, &'static str)); 8] {
    let cidr = || "192.0.2.5/24".parse().expect("an address");
    let gateway = |text: &str| text.parse().expect("an address");
    let at = Source::Addresses(1);
    let address = |source| Address {
        cidr: cidr(),
        gateway: None,
        source,
    };
    let example = r#"give "addresses", for example [{"address": "192.0.2.5/24"}]"#;
    let changed = "the configuration has changed since ADD; DEL the attachment and add it again";
    [
        (
            cni::Error::new(Code::Decode, "ipam: expected an object, found number 5").into(),
            (6, "ipam: expected an object, found number 5", ""),
        ),
        (Error::IpamMissing, (7, "ipam: missing", example)),
        (
            Error::AddressMissing { at },
            (7, "ipam.addresses[1].address: missing", example),
        ),
        (
            Error::GatewayFamily {
                at,
                gateway: gateway("fd00::1"),
                cidr: cidr(),
            },
            (
                7,
                "ipam.addresses[1].gateway: fd00::1 is not of the same family as 192.0.2.5/24",
                "",
            ),
        ),
        (
            Error::OnePerFamily {
                first: address(at),
                second: address(Source::CniArgs),
                version: SpecVersion::V0_2_0,
            },
            (
                7,
                "CNI_ARGS IP 192.0.2.5/24: beside ipam.addresses[1] 192.0.2.5/24 a second address of its family, but cniVersion 0.2.0 has one",
                "set cniVersion to 0.3.0 or later",
            ),
        ),
        (
            Error::NotInResult {
                address: address(Source::RuntimeConfig(0)),
            },
            (
                104,
                "runtimeConfig.ips[0] 192.0.2.5/24 is not in the result of ADD",
                changed,
            ),
        ),
        (
            Error::OtherPrefix {
                address: address(Source::Args(2)),
                found: 25,
            },
            (
                104,
                "args.cni.ips[2] 192.0.2.5/24 has prefix length 25 in the result of ADD",
                changed,
            ),
        ),
        (
            Error::OtherGateway {
                address: address(at),
                expected: gateway("192.0.2.1"),
                found: None,
            },
            (
                104,
                "ipam.addresses[1] 192.0.2.5/24 has gateway none in the result of ADD, expected 192.0.2.1",
                changed,
            ),
        ),
    ]
}
