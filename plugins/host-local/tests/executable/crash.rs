//! Killing the executable between any two system calls.

use std::io::Write;

use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::invocation::{Network, OURS, Run};

#[test]
fn killed_at_any_step_add_leaves_complete_reservations_or_none() {
    let network = two_sets();
    let add = Run {
        program: OURS,
        verb: "ADD",
        container: "killed",
        args: "",
    };
    let killed = kill_after_every_step(&add, &network.config, || {
        for (name, contents) in network.files() {
            let is_address = name.parse::<std::net::IpAddr>().is_ok();
            assert!(
                !is_address || contents == "killed\r\neth0",
                "{name}: {contents:?}"
            );
        }
        let again = network.add("killed");
        assert_eq!(again.addresses().len(), 2);
        assert!(network.del("killed").ok);
        assert_eq!(network.reserved(), [""; 0]);
    });
    assert!(
        killed > 40,
        "only {killed} steps: ADD cannot have been seen whole"
    );
}

#[test]
fn killed_at_any_step_del_can_be_repeated() {
    let network = two_sets();
    network.add("killed");
    let del = Run {
        program: OURS,
        verb: "DEL",
        container: "killed",
        args: "",
    };
    kill_after_every_step(&del, &network.config, || {
        for (name, contents) in network.files() {
            assert!(!contents.is_empty(), "{name} is empty");
        }
        assert!(network.del("killed").ok);
        assert_eq!(network.reserved(), [""; 0]);
        network.add("killed");
    });
}

fn two_sets() -> Network {
    let network =
        Network::new(json!({"ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd00::/64"}]]}));
    network.add("other");
    network.del("other");
    network
}

/// Kills the run at its first entry to or return from a system call, then a new one at the second,
/// and so on until one comes through; looks at what is left each time. Returns how many died.
fn kill_after_every_step(run: &Run<'_>, config: &Value, mut look: impl FnMut()) -> usize {
    let mut steps = 0;
    while !survives(run, config, steps) {
        look();
        steps += 1;
    }
    steps
}

#[expect(clippy::zombie_processes, reason = "its tracer waits for it")]
fn survives(run: &Run<'_>, config: &Value, steps: usize) -> bool {
    let mut child = run.start();
    let pid = Pid::from_raw(child.id().cast_signed());
    // It waits for its stdin, and nothing it does before that matters.
    ptrace::attach(pid).unwrap();
    waitpid(pid, None).unwrap();
    ptrace::setoptions(pid, ptrace::Options::PTRACE_O_TRACESYSGOOD).unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(config.to_string().as_bytes())
        .unwrap();
    for _ in 0..steps {
        ptrace::syscall(pid, None).unwrap();
        let status = waitpid(pid, None).unwrap();
        if let WaitStatus::Exited(_, code) = status {
            assert_eq!(code, 0);
            return true;
        }
        let stopped = matches!(
            status,
            WaitStatus::PtraceSyscall(_) | WaitStatus::Stopped(_, Signal::SIGSTOP)
        );
        assert!(stopped, "{status:?}");
    }
    nix::sys::signal::kill(pid, Signal::SIGKILL).unwrap();
    assert!(matches!(
        waitpid(pid, None).unwrap(),
        WaitStatus::Signaled(_, Signal::SIGKILL, _)
    ));
    false
}
