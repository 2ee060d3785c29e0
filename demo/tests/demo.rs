//! The demonstration holds with either server, and within its minute.

#![expect(clippy::expect_used, reason = "a test's own functions fail as it does")]

use std::process::Command;

fn demonstrate(arguments: &[&str]) {
    let run = Command::new(env!("CARGO_BIN_EXE_demo"))
        .args(arguments)
        .output()
        .expect("start the demonstration");
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success(),
        "{output}\n{}",
        String::from_utf8_lossy(&run.stderr)
    );
    assert!(output.contains("Every step held (9 steps"), "{output}");
}

#[test]
fn every_step_holds() {
    demonstrate(&[]);
}

#[test]
fn every_step_holds_where_no_dhcp_server_is_installed() {
    demonstrate(&["--built-in-server"]);
}
