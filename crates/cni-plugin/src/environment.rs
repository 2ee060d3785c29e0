//! The environment variables of a call (SPEC §2 "Parameters"), all checked before anything else happens.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use cni::{Args, Code, ContainerId, Error, IfName, Verb};

use crate::log::warn;

/// What the environment says about a call.
#[derive(Debug)]
pub(crate) struct Environment {
    /// `CNI_CONTAINERID`, for the verbs of an attachment.
    pub(crate) container_id: Option<ContainerId>,
    /// `CNI_NETNS`.
    pub(crate) netns: Option<PathBuf>,
    /// `CNI_IFNAME`, for the verbs of an attachment.
    pub(crate) ifname: Option<IfName>,
    /// `CNI_ARGS`.
    pub(crate) args: Args,
    /// `CNI_PATH`.
    pub(crate) path: Vec<PathBuf>,
    /// `CNI_NETNS_OVERRIDE`: the namespace may be the plugin's own.
    pub(crate) netns_override: bool,
}

impl Environment {
    /// Reads the variables that `verb` knows; the error names every one that is missing or malformed.
    pub(crate) fn read(
        verb: Verb,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        // An empty variable is how many runtimes leave one out.
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        let faults: Vec<String> = VARIABLES
            .iter()
            .filter_map(|known| known.fault(verb, variable(known.name)))
            .collect();
        if !faults.is_empty() {
            return Err(Error::new(Code::InvalidEnvironment, faults.join("; ")));
        }
        let text = |name| variable(name).and_then(|value| value.into_string().ok());
        let of_attachment = |name| text(name).filter(|_| ATTACHMENT.contains(&verb));
        Ok(Self {
            container_id: of_attachment(CONTAINERID)
                .map(|id| ContainerId::parse(&id))
                .transpose()?,
            netns: variable(NETNS).map(PathBuf::from),
            ifname: of_attachment(IFNAME)
                .map(|name| IfName::parse(&name))
                .transpose()?,
            args: read_args(text(ARGS)),
            path: variable(PATH)
                .map(|path| split_path(&path))
                .unwrap_or_default(),
            netns_override: text(OVERRIDE)
                .is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true")),
        })
    }
}

/// Reads arguments that are checked already where they matter; elsewhere malformed ones must not stand in the way.
fn read_args(text: Option<String>) -> Args {
    Args::parse(&text.unwrap_or_default()).unwrap_or_else(|error| {
        warn(format_args!("{error}; going on without"));
        Args::default()
    })
}

fn split_path(path: &OsStr) -> Vec<PathBuf> {
    std::env::split_paths(path)
        .filter(|directory| !directory.as_os_str().is_empty())
        .collect()
}

/// What the specification says about one variable.
struct Variable {
    name: &'static str,
    /// The verbs that cannot do without.
    required: &'static [Verb],
    /// The verbs for which it must be well-formed if it is there.
    checked: &'static [Verb],
    check: fn(&str) -> Result<(), Error>,
}

impl Variable {
    fn fault(&self, verb: Verb, value: Option<OsString>) -> Option<String> {
        let Some(value) = value else {
            return self
                .required
                .contains(&verb)
                .then(|| format!("{} is missing", self.name));
        };
        if !self.checked.contains(&verb) {
            return None;
        }
        let Some(text) = value.to_str() else {
            return Some(format!("{} is not UTF-8", self.name));
        };
        let error = (self.check)(text).err()?;
        // CNI_ARGS' own errors name the variable.
        let named = error.msg.starts_with(self.name);
        Some(if named {
            error.msg
        } else {
            error.at(self.name).msg
        })
    }
}

const VARIABLES: [Variable; 4] = [
    Variable {
        name: CONTAINERID,
        required: ATTACHMENT,
        checked: ATTACHMENT,
        check: |text| ContainerId::parse(text).map(drop),
    },
    Variable {
        name: NETNS,
        required: &[Verb::Add, Verb::Check],
        checked: &[],
        check: |_| Ok(()),
    },
    Variable {
        name: IFNAME,
        required: ATTACHMENT,
        checked: ATTACHMENT,
        check: |text| IfName::parse(text).map(drop),
    },
    Variable {
        name: ARGS,
        required: &[],
        checked: &[Verb::Add, Verb::Check],
        check: |text| Args::parse(text).map(drop),
    },
];

/// The verbs that are about one attachment.
const ATTACHMENT: &[Verb] = &[Verb::Add, Verb::Del, Verb::Check];

const CONTAINERID: &str = "CNI_CONTAINERID";
const NETNS: &str = "CNI_NETNS";
const IFNAME: &str = "CNI_IFNAME";
const ARGS: &str = "CNI_ARGS";
const PATH: &str = "CNI_PATH";
const OVERRIDE: &str = "CNI_NETNS_OVERRIDE";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(verb: Verb, variables: &[(&str, &str)]) -> Result<Environment, Error> {
        Environment::read(verb, |name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.into())
        })
    }

    fn fault(verb: Verb, variables: &[(&str, &str)]) -> String {
        let error = read(verb, variables).expect_err("a faulty environment");
        assert_eq!(error.code, Code::InvalidEnvironment);
        error.msg
    }

    #[test]
    fn each_verb_names_all_it_misses() {
        let cases = [
            (
                Verb::Add,
                "CNI_CONTAINERID is missing; CNI_NETNS is missing; CNI_IFNAME is missing",
            ),
            (
                Verb::Check,
                "CNI_CONTAINERID is missing; CNI_NETNS is missing; CNI_IFNAME is missing",
            ),
            (
                Verb::Del,
                "CNI_CONTAINERID is missing; CNI_IFNAME is missing",
            ),
        ];
        for (verb, expected) in cases {
            assert_eq!(fault(verb, &[]), expected, "{verb}");
            assert_eq!(
                fault(verb, &[(NETNS, ""), (IFNAME, ""), (CONTAINERID, "")]),
                expected,
                "{verb}"
            );
        }
        for verb in [Verb::Gc, Verb::Status] {
            assert!(read(verb, &[]).is_ok(), "{verb}");
        }
    }

    #[test]
    fn missing_and_malformed_variables_are_named_together() {
        let variables = [
            (CONTAINERID, "a/b"),
            (IFNAME, "a-name-far-too-long"),
            (ARGS, "X"),
        ];
        assert_eq!(
            fault(Verb::Add, &variables),
            "CNI_CONTAINERID: invalid container ID \"a/b\": only letters, digits, \"_\", \".\" and \"-\" are allowed; \
             CNI_NETNS is missing; \
             CNI_IFNAME: invalid interface name \"a-name-far-too-long\": it is longer than 15 bytes; \
             CNI_ARGS: \"X\" is not KEY=value"
        );
    }

    #[test]
    fn gc_and_status_do_not_look_at_the_variables_of_an_attachment() {
        for verb in [Verb::Gc, Verb::Status] {
            let environment =
                read(verb, &[(CONTAINERID, "a/b"), (IFNAME, ":"), (ARGS, "X")]).expect("ignored");
            assert_eq!(environment.container_id, None);
            assert_eq!(environment.args, Args::default());
        }
    }

    #[test]
    fn malformed_arguments_do_not_keep_del_from_its_work() {
        assert!(
            read(
                Verb::Del,
                &[(CONTAINERID, "a"), (IFNAME, "eth0"), (ARGS, "X")]
            )
            .is_ok()
        );
    }

    #[test]
    fn an_empty_namespace_is_none() {
        let environment = read(
            Verb::Del,
            &[(CONTAINERID, "a"), (IFNAME, "eth0"), (NETNS, "")],
        )
        .expect("complete");
        assert_eq!(environment.netns, None);
    }

    #[test]
    fn the_path_is_split_and_its_empty_parts_dropped() {
        let environment =
            read(Verb::Status, &[(PATH, "/opt/cni/bin::/usr/lib/cni:")]).expect("complete");
        assert_eq!(
            environment.path,
            ["/opt/cni/bin", "/usr/lib/cni"].map(PathBuf::from)
        );
    }

    #[test]
    fn the_override_is_1_or_true_in_any_case() {
        for (text, expected) in [
            ("1", true),
            ("TRUE", true),
            ("true", true),
            ("0", false),
            ("yes", false),
        ] {
            let environment = read(Verb::Status, &[(OVERRIDE, text)]).expect("complete");
            assert_eq!(environment.netns_override, expected, "{text}");
        }
    }
}
