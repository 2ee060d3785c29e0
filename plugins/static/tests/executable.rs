//! The executable, run as a runtime runs it, and set beside the Go reference.
#![expect(clippy::unwrap_used, reason = "a test reports by failing")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

const OURS: &str = env!("CARGO_BIN_EXE_static");
const REFERENCE: &str = "/usr/lib/cni/static";

#[test]
fn add_returns_what_the_configuration_says() {
    let (ok, result) = run(OURS, "ADD", "", &config());
    assert!(ok, "{result}");
    assert_eq!(
        result,
        json!({
            "cniVersion": "1.1.0",
            "ips": [
                {"address": "10.1.2.3/24", "gateway": "10.1.2.1"},
                {"address": "2001:db8::3/64"},
            ],
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16", "gw": "10.1.2.254", "mtu": 1400}],
            "dns": {"nameservers": ["10.1.2.53"], "search": ["a.example"]},
        })
    );
}

#[test]
fn no_address_at_all_is_a_result_too() {
    let config = json!({"cniVersion": "1.1.0", "name": "n", "ipam": {"type": "static"}});
    assert_eq!(
        run(OURS, "ADD", "", &config),
        (true, json!({"cniVersion": "1.1.0"}))
    );
}

#[test]
fn del_and_gc_succeed_whatever_the_configuration_says() {
    for ipam in [
        Value::Null,
        json!({"type": "static", "addresses": [{"address": "nonsense"}]}),
    ] {
        let mut config = config();
        config["ipam"] = ipam;
        config["cni.dev/valid-attachments"] = Value::Null;
        assert_eq!(run(OURS, "DEL", "FOO=1", &config), (true, Value::Null));
        assert_eq!(run(OURS, "GC", "", &config), (true, Value::Null));
    }
}

#[test]
fn status_checks_the_configuration() {
    let mut config = config();
    assert!(run(OURS, "STATUS", "", &config).0);
    config["ipam"]["addresses"][1]["address"] = json!("2001:db8::3");
    assert_eq!(error(&run(OURS, "STATUS", "", &config)).0, 7);
}

#[test]
fn check_misses_addresses_and_gateways_that_the_result_lacks() {
    let mut config = config();
    assert_eq!(
        error(&run(OURS, "CHECK", "", &config)),
        (7, "prevResult: missing".to_owned())
    );
    let (_, result) = run(OURS, "ADD", "", &config);
    let mut check = |change: Change<'_>| {
        let mut result = result.clone();
        change(&mut result);
        config["prevResult"] = result;
        run(OURS, "CHECK", "", &config)
    };
    assert!(check(&|_| {}).0);
    let another = json!({"address": "192.0.2.1/24"});
    assert!(check(&|result| result["ips"].as_array_mut().unwrap().push(another.clone())).0);

    let cases: [(Change<'_>, &str); 4] = [
        (
            &|result| result["ips"] = json!([]),
            "ipam.addresses[0] 10.1.2.3/24 is not in the result of ADD",
        ),
        (
            &|result| result["ips"][1]["address"] = json!("2001:db8::3/128"),
            "ipam.addresses[1] 2001:db8::3/64 has prefix length 128 in the result of ADD",
        ),
        (
            &|result| result["ips"][0]["gateway"] = json!("10.1.2.9"),
            "ipam.addresses[0] 10.1.2.3/24 has gateway 10.1.2.9 in the result of ADD, expected 10.1.2.1",
        ),
        (
            &|result| result["ips"][0]["gateway"] = Value::Null,
            "ipam.addresses[0] 10.1.2.3/24 has gateway none in the result of ADD, expected 10.1.2.1",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(error(&check(change)), (104, expected.to_owned()));
    }
}

#[test]
fn results_are_those_of_the_reference() {
    if !Path::new(REFERENCE).exists() {
        return testbed::not_run("there is no /usr/lib/cni/static (containernetworking-plugins)");
    }
    let cases: [(&str, Value); 6] = [
        ("", json!({})),
        (
            "IP=10.1.3.5/24,fd01::5/64;GATEWAY=10.1.3.1,fd01::1",
            json!({}),
        ),
        ("IP=10.1.3.5/24;GATEWAY=192.0.2.1", json!({})),
        ("", json!({"args": {"cni": {"ips": ["10.1.2.7/24"]}}})),
        (
            "",
            json!({"runtimeConfig": {"ips": ["10.1.2.8/24", "fd00::8/64"]}}),
        ),
        (
            "IP=10.1.3.5/24",
            json!({
                "args": {"cni": {"ips": ["10.1.2.7/24"]}},
                "runtimeConfig": {"ips": ["10.1.2.8/24"]},
            }),
        ),
    ];
    for (args, more) in cases {
        for version in ["0.3.1", "0.4.0", "1.0.0"] {
            let mut config = config();
            config["cniVersion"] = json!(version);
            config
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let [(_, ours), (_, theirs)] =
                [OURS, REFERENCE].map(|program| run(program, "ADD", args, &config));
            assert_eq!(ours["ips"], theirs["ips"], "{version} {args} {more}");
            assert_eq!(ours["dns"], theirs["dns"], "{version} {args} {more}");
            // The packaged reference is older than the routes' mtu.
            let destinations = |result: &Value| -> Vec<Value> {
                let routes = result["routes"].as_array().unwrap().iter();
                routes
                    .map(|route| json!([route["dst"], route["gw"]]))
                    .collect()
            };
            assert_eq!(
                destinations(&ours),
                destinations(&theirs),
                "{version} {args} {more}"
            );
        }
    }
}

fn config() -> Value {
    json!({
        "cniVersion": "1.1.0", "name": "n", "type": "macvlan",
        "ipam": {
            "type": "static",
            "addresses": [
                {"address": "10.1.2.3/24", "gateway": "10.1.2.1"},
                {"address": "2001:db8::3/64"},
            ],
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16", "gw": "10.1.2.254", "mtu": 1400}],
            "dns": {"nameservers": ["10.1.2.53"], "search": ["a.example"]},
        },
    })
}

type Change<'a> = &'a dyn Fn(&mut Value);

/// Runs an executable; returns whether it succeeded and what it printed.
fn run(program: &str, verb: &str, args: &str, config: &Value) -> (bool, Value) {
    let mut child = Command::new(program)
        .env_clear()
        .envs([
            ("CNI_COMMAND", verb),
            ("CNI_CONTAINERID", "c1"),
            ("CNI_IFNAME", "eth0"),
            ("CNI_NETNS", "/run/netns/of-no-one"),
            ("CNI_PATH", "/nowhere"),
            ("CNI_ARGS", args),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(config.to_string().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let value = if output.stdout.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&output.stdout).unwrap()
    };
    (output.status.success(), value)
}

/// The code and message of an error.
#[track_caller]
fn error((ok, value): &(bool, Value)) -> (u64, String) {
    assert!(!ok, "{value}");
    (
        value["code"].as_u64().unwrap(),
        value["msg"].as_str().unwrap().to_owned(),
    )
}
