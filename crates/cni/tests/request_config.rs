//! What stdin may say, by verb and version.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use cni::{Code, Document, Error, RequestConfig, SpecVersion, Verb};
use serde_json::{Value, json};

#[test]
fn each_verb_is_open_to_the_versions_that_have_it() {
    for version in SpecVersion::ALL {
        for verb in Verb::ALL {
            let since = match verb {
                Verb::Add | Verb::Del | Verb::Version => SpecVersion::V0_1_0,
                Verb::Check => SpecVersion::V0_4_0,
                Verb::Gc | Verb::Status => SpecVersion::V1_1_0,
            };
            let parsed = parse(
                &json!({ "cniVersion": version.as_str(), "name": "lan" }),
                verb,
            );
            assert_eq!(parsed.is_ok(), version >= since, "{verb} {version}");
            if let Err(error) = parsed {
                assert_eq!(error.code, Code::IncompatibleVersion);
                assert!(error.msg.contains(version.as_str()), "{error}");
                assert!(error.msg.contains(verb.as_str()), "{error}");
            }
        }
    }
}

#[test]
fn no_version_is_the_first_version() {
    for config in [
        json!({"name": "lan"}),
        json!({"name": "lan", "cniVersion": ""}),
    ] {
        assert_eq!(
            parse(&config, Verb::Add).map(|config| config.version),
            Ok(SpecVersion::V0_1_0)
        );
        assert_eq!(code(parse(&config, Verb::Check)), Code::IncompatibleVersion);
    }
}

#[test]
fn an_unsupported_version_is_named_beside_the_supported_ones() {
    let document =
        Document::parse(br#"{"name": "lan", "cniVersion": "0.2.0"}"#.to_vec()).expect("JSON");
    assert_eq!(document.version(), Some(SpecVersion::V0_2_0));
    let supported = [SpecVersion::V0_4_0, SpecVersion::V1_0_0];
    let error = RequestConfig::from_document(document, Verb::Add, &supported).expect_err("too old");
    assert_eq!(error.code, Code::IncompatibleVersion);
    assert_eq!(
        error.msg,
        r#"cniVersion: "0.2.0" is not supported, only 0.4.0, 1.0.0"#
    );
}

#[test]
fn what_is_no_configuration_is_refused_by_place() {
    let cases: [(&[u8], Code, &str); 12] = [
        (
            b"",
            Code::Decode,
            "stdin is empty, expected a network configuration",
        ),
        (
            b" \n",
            Code::Decode,
            "stdin is empty, expected a network configuration",
        ),
        (
            b"{\n  \"name\": lan\n}",
            Code::Decode,
            "stdin is not valid JSON at line 2, column 11: expected value",
        ),
        (
            b"{\"name\": \"lan\"",
            Code::Decode,
            "stdin is not valid JSON at line 1, column 14: EOF while parsing an object",
        ),
        (
            b"{} {}",
            Code::Decode,
            "stdin is not valid JSON at line 1, column 4: trailing characters",
        ),
        (
            b"[]",
            Code::Decode,
            "stdin: expected an object, found an array",
        ),
        (
            b"null",
            Code::Decode,
            "stdin: expected an object, found null",
        ),
        (b"{}", Code::InvalidConfig, "name: missing"),
        (br#"{"name": ""}"#, Code::InvalidConfig, "name: missing"),
        (
            br#"{"name": "a/b"}"#,
            Code::InvalidConfig,
            r#"name: invalid network name "a/b": only letters, digits, "_", "." and "-" are allowed"#,
        ),
        (
            br#"{"name": "lan", "cniVersion": 1}"#,
            Code::Decode,
            "cniVersion: expected a string, found number 1",
        ),
        (
            br#"{"name": "lan", "ipam": {"type": []}}"#,
            Code::Decode,
            "ipam.type: expected a string, found an array",
        ),
    ];
    for (raw, code, msg) in cases {
        let error = RequestConfig::parse(raw.to_vec(), Verb::Add).expect_err(msg);
        assert_eq!((error.code, error.msg.as_str()), (code, msg));
    }
}

#[test]
fn deeply_nested_json_is_refused() {
    let raw = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    assert_eq!(code(RequestConfig::parse(raw, Verb::Add)), Code::Decode);
}

#[test]
fn prev_result_may_be_of_another_family_than_the_configuration() {
    let results = [
        json!({ "cniVersion": "0.2.0", "ip4": { "ip": "192.0.2.5/24" } }),
        json!({ "cniVersion": "0.4.0", "ips": [{ "version": "4", "address": "192.0.2.5/24" }], "dns": {} }),
        json!({ "cniVersion": "1.1.0", "ips": [{ "address": "192.0.2.5/24" }] }),
        json!({ "ips": [{ "address": "192.0.2.5/24" }] }),
    ];
    for result in results {
        for version in SpecVersion::ALL {
            let config =
                json!({ "cniVersion": version.as_str(), "name": "lan", "prevResult": result });
            let config = parse(&config, Verb::Add).expect("readable");
            let addresses: Vec<String> = config
                .required_prev_result()
                .expect("a result")
                .ips
                .iter()
                .map(|ip| ip.address.to_string())
                .collect();
            assert_eq!(addresses, ["192.0.2.5/24"], "{version} {result}");
        }
    }
}

#[test]
fn a_malformed_prev_result_stops_every_verb_that_needs_it_but_not_del() {
    let config = json!({ "cniVersion": "1.1.0", "name": "lan", "prevResult": { "ips": [{ "address": "x" }] } });
    let fault = r#"prevResult.ips[0].address: "x" is not an IP address with a prefix length"#;
    for verb in [Verb::Add, Verb::Check] {
        assert_eq!(
            parse(&config, verb).map(drop).map_err(|error| error.msg),
            Err(fault.into())
        );
    }
    let del = parse(&config, Verb::Del).expect("DEL goes on");
    assert_eq!(del.prev_result, None);
    assert_eq!(
        del.prev_result_fault.map(|error| error.msg).as_deref(),
        Some(fault)
    );
    assert!(parse(&config, Verb::Gc).is_ok());
}

#[test]
fn check_tells_when_prev_result_is_missing() {
    let config = parse(
        &json!({ "cniVersion": "1.1.0", "name": "lan", "prevResult": null }),
        Verb::Check,
    );
    let error = config
        .expect("readable")
        .required_prev_result()
        .map(drop)
        .expect_err("none");
    assert_eq!(
        (error.code, error.msg.as_str()),
        (Code::InvalidConfig, "prevResult: missing")
    );
}

#[test]
fn an_attachment_without_addresses_is_refused_before_anything_is_made() {
    for version in SpecVersion::ALL {
        let config =
            json!({ "cniVersion": version.as_str(), "name": "lan", "ipam": { "type": "" } });
        let config = parse(&config, Verb::Add).expect("readable");
        assert_eq!(config.ipam_type, None);
        assert_eq!(
            config.check_layer_2_representable().is_ok(),
            version >= SpecVersion::V0_3_0,
            "{version}"
        );
    }
}

#[test]
fn arguments_are_found_in_any_case() {
    let config = parse(
        &json!({ "name": "lan", "Args": { "CNI": { "mac": "x" } }, "runtimeconfig": { "mac": "y" } }),
        Verb::Add,
    )
    .expect("readable");
    assert_eq!(config.cni_args(), Some(&json!({ "mac": "x" })));
    assert_eq!(config.runtime_config(), Some(&json!({ "mac": "y" })));
    let none = parse(
        &json!({ "name": "lan", "args": null, "runtimeConfig": null }),
        Verb::Add,
    );
    let none = none.expect("readable");
    assert_eq!((none.cni_args(), none.runtime_config()), (None, None));
}

#[test]
fn stdin_is_kept_byte_for_byte() {
    let raw = b" {\"z\": 1.00, \"name\": \"lan\",\"name\":\"lan2\"}\n".to_vec();
    let config = RequestConfig::parse(raw.clone(), Verb::Add).expect("readable");
    assert_eq!(config.raw, raw);
    assert_eq!(config.name.as_str(), "lan2");
}

#[test]
fn the_valid_attachments_are_those_of_either_key() {
    let listed = json!([{ "containerID": "a", "ifname": "eth0" }]);
    let other =
        json!([{ "containerID": "b", "ifname": "net1" }, { "containerID": "a", "ifname": "eth0" }]);
    let cases = [
        (
            json!({ "cni.dev/valid-attachments": listed }),
            Ok(vec!["a/eth0"]),
        ),
        (json!({ "cni.dev/attachments": listed }), Ok(vec!["a/eth0"])),
        (
            json!({ "cni.dev/valid-attachments": listed, "cni.dev/attachments": null }),
            Ok(vec!["a/eth0"]),
        ),
        (
            json!({ "cni.dev/valid-attachments": listed, "cni.dev/attachments": other }),
            Ok(vec!["a/eth0", "b/net1"]),
        ),
        (
            json!({ "cni.dev/valid-attachments": null, "cni.dev/attachments": null }),
            Ok(vec![]),
        ),
        (json!({ "cni.dev/valid-attachments": [] }), Ok(vec![])),
        (json!({}), Err("cni.dev/valid-attachments: missing")),
        (
            json!({ "cni.dev/valid-attachments": [{ "containerID": "a" }] }),
            Err("cni.dev/valid-attachments[0].ifname: missing"),
        ),
        (
            json!({ "cni.dev/valid-attachments": {} }),
            Err("cni.dev/valid-attachments: expected an array, found an object"),
        ),
    ];
    for (mut config, expected) in cases {
        config["name"] = json!("lan");
        config["cniVersion"] = json!("1.1.0");
        let valid = parse(&config, Verb::Gc)
            .expect("readable")
            .valid_attachments();
        let valid = valid
            .map(|valid| {
                valid
                    .iter()
                    .map(|(id, ifname)| format!("{id}/{ifname}"))
                    .collect()
            })
            .map_err(|error| error.msg);
        let expected = expected
            .map(|valid| valid.into_iter().map(str::to_owned).collect::<Vec<_>>())
            .map_err(str::to_owned);
        assert_eq!(valid, expected, "{config}");
    }
}

fn parse(config: &Value, verb: Verb) -> Result<RequestConfig, Error> {
    RequestConfig::parse(config.to_string().into_bytes(), verb)
}

fn code(parsed: Result<RequestConfig, Error>) -> Code {
    parsed.map(drop).expect_err("refused").code
}
