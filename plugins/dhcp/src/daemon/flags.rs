//! The command line of `dhcp daemon`: the reference's flags, with one dash or two, and ours.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::{duration, record_file};

/// The flags as given.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "dhcp daemon",
    about = "Acquires, renews and releases the DHCP leases of pods",
    disable_version_flag = true
)]
pub(crate) struct Flags {
    /// Unix socket on which the plugin reaches this daemon
    #[arg(long = "socketpath", value_name = "PATH", default_value = crate::DEFAULT_SOCKET)]
    pub(crate) socket_path: PathBuf,

    /// File that gets this process's id; must be absolute
    #[arg(long = "pidfile", value_name = "PATH", value_parser = absolute)]
    pub(crate) pid_file: Option<PathBuf>,

    /// Where the host's root is mounted; put before the socket path and each namespace path
    #[arg(long = "hostprefix", value_name = "PATH")]
    pub(crate) host_prefix: Option<PathBuf>,

    /// Directory of the lease records; by default the socket's path without its extension
    #[arg(long = "statedir", value_name = "PATH", value_parser = absolute)]
    pub(crate) state_dir: Option<PathBuf>,

    /// Longest time to wait for one answer before asking again
    #[arg(long = "timeout", value_name = "DURATION", default_value = "10s", value_parser = positive)]
    pub(crate) timeout: Duration,

    /// Longest pause between two attempts
    #[arg(long = "resendmax", value_name = "DURATION", default_value = "1m2s", value_parser = duration::parse)]
    pub(crate) resend_max: Duration,

    /// How long an ADD may go without a lease before it fails
    #[arg(long = "resendtimeout", value_name = "DURATION", default_value = "50s", value_parser = positive)]
    pub(crate) resend_timeout: Duration,

    /// Ask servers to answer by broadcast, unless a network says otherwise
    #[arg(
        long = "broadcast",
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true",
        value_parser = go_bool,
        action = clap::ArgAction::Set
    )]
    pub(crate) broadcast: bool,
}

impl Flags {
    /// Parses what follows `daemon` on the command line.
    pub(crate) fn parse_from_args(
        args: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, clap::Error> {
        let program = std::iter::once(OsString::from("dhcp daemon"));
        Self::try_parse_from(program.chain(args.into_iter().map(double_dash)))
    }

    /// The directory of the lease records. Daemons with different sockets do not share one.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.state_dir
            .clone()
            .unwrap_or_else(|| record_file::directory_of(&self.socket_path))
    }
}

/// Go reads `-name` and `--name` alike; clap would read the first as a row of short flags.
fn double_dash(arg: OsString) -> OsString {
    let named = arg
        .to_str()
        .and_then(|text| text.strip_prefix('-'))
        .is_some_and(|name| name.len() > 1 && name.starts_with(|c: char| c.is_ascii_alphabetic()));
    if !named {
        return arg;
    }
    let mut long = OsString::from("-");
    long.push(arg);
    long
}

fn absolute(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err("the path must be absolute".to_owned())
    }
}

/// A daemon that listens for no time at all would never get an answer.
fn positive(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Ok(Duration::ZERO) => Err("the time must be longer than 0".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}

fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Flags {
        Flags::parse_from_args(args.iter().map(OsString::from)).unwrap()
    }

    #[test]
    fn defaults_are_the_references_except_for_the_time_of_an_add() {
        let flags = parse(&[]);
        assert_eq!(flags.socket_path, PathBuf::from("/run/cni/dhcp.sock"));
        assert_eq!(flags.pid_file, None);
        assert_eq!(flags.host_prefix, None);
        assert_eq!(flags.timeout, Duration::from_secs(10));
        assert_eq!(flags.resend_max, Duration::from_secs(62));
        assert_eq!(flags.resend_timeout, Duration::from_secs(50));
        assert!(!flags.broadcast);
    }

    #[test]
    fn one_dash_or_two_and_either_way_to_give_the_value() {
        for args in [
            [
                "-socketpath",
                "/run/a.sock",
                "-resendtimeout=1m",
                "-broadcast",
            ],
            [
                "--socketpath",
                "/run/a.sock",
                "--resendtimeout=1m",
                "--broadcast",
            ],
            [
                "-socketpath=/run/a.sock",
                "-broadcast=true",
                "--resendtimeout",
                "1m0s",
            ],
        ] {
            let flags = parse(&args);
            assert_eq!(flags.socket_path, PathBuf::from("/run/a.sock"), "{args:?}");
            assert_eq!(flags.resend_timeout, Duration::from_mins(1), "{args:?}");
            assert!(flags.broadcast, "{args:?}");
        }
        assert!(!parse(&["-broadcast=false"]).broadcast);
    }

    #[test]
    fn refuses_a_relative_pid_file_an_unknown_flag_a_bare_number_and_no_time() {
        for args in [
            &["-pidfile", "dhcp.pid"][..],
            &["-nosuch"],
            &["-timeout", "10"],
            &["-timeout", "0"],
            &["-resendtimeout", "0s"],
        ] {
            let parsed = Flags::parse_from_args(args.iter().map(OsString::from));
            assert!(parsed.is_err(), "{args:?}");
        }
    }
}
