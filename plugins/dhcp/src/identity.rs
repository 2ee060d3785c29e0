//! The client identifier and the host name by which a server knows a pod.

use cni::{Args, Attachment};

/// RFC 2132 §9.14: the type of an identifier that is no hardware address.
const OPAQUE: u8 = 0;

/// An option holds 255 bytes; one is the identifier's type.
const LONGEST_TEXT: usize = 254;

/// The reference's identifier, by which reservations may be keyed: the sandbox, network and ifname.
pub(crate) fn of_container(attachment: &Attachment) -> Vec<u8> {
    let Attachment {
        network,
        container_id,
        ifname,
    } = attachment;
    let text = format!("{container_id}/{network}/{ifname}");
    opaque(text.bytes().take(LONGEST_TEXT))
}

/// An identifier that a pod keeps when it is made again: its namespace and name, network and ifname.
pub(crate) fn of_pod(pod: &Pod<'_>, attachment: &Attachment) -> Vec<u8> {
    let text = format!("{pod}/{}/{}", attachment.network, attachment.ifname);
    if text.len() <= LONGEST_TEXT {
        return opaque(text.bytes());
    }
    // What is cut off must still tell two pods apart.
    let tail = format!("#{:016x}", fnv1a(text.as_bytes()));
    opaque(
        text.bytes()
            .take(LONGEST_TEXT - tail.len())
            .chain(tail.bytes()),
    )
}

/// The Kubernetes pod an attachment belongs to, as `CNI_ARGS` name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pod<'a> {
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Pod<'a> {
    /// The pod, unless its name or namespace is missing or empty, as Multus sends them without one.
    pub(crate) fn from_args(args: &'a Args) -> Option<Self> {
        let named = |key| args.get(key).filter(|value: &&str| !value.is_empty());
        Some(Self {
            namespace: named("K8S_POD_NAMESPACE")?,
            name: named("K8S_POD_NAME")?,
        })
    }

    /// The pod's name as a host name: one label of letters, digits and hyphens (RFC 1123 §2.1).
    pub(crate) fn hostname(&self) -> Option<String> {
        let label: String = self
            .name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '-'
                }
            })
            .take(63)
            .collect();
        let label = label.trim_matches('-');
        (!label.is_empty()).then(|| label.to_owned())
    }
}

impl std::fmt::Display for Pod<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Whether `name` is a host name (RFC 1123 §2.1): labels of letters, digits and inner hyphens.
pub(crate) fn is_hostname(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

fn opaque(text: impl Iterator<Item = u8>) -> Vec<u8> {
    std::iter::once(OPAQUE).chain(text).collect()
}

/// The FNV-1a hash: it has to give the same value in every release, nothing more.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use cni::{ContainerId, IfName, NetworkName};

    use super::*;

    fn attachment(container: &str) -> Attachment {
        Attachment {
            network: NetworkName::parse("lan").unwrap(),
            container_id: ContainerId::parse(container).unwrap(),
            ifname: IfName::parse("net1").unwrap(),
        }
    }

    fn args(name: &str) -> Args {
        Args::parse(&format!("K8S_POD_NAMESPACE=shop;K8S_POD_NAME={name}")).unwrap()
    }

    #[test]
    fn the_containers_identifier_is_the_references() {
        assert_eq!(of_container(&attachment("c0ffee")), b"\0c0ffee/lan/net1");
        let long = of_container(&attachment(&"a".repeat(300)));
        assert_eq!(long.len(), 255);
    }

    #[test]
    fn a_pods_identifier_does_not_depend_on_its_sandbox() {
        let args = args("web-0");
        let pod = Pod::from_args(&args).unwrap();
        let id = of_pod(&pod, &attachment("c0ffee"));
        assert_eq!(id, b"\0shop/web-0/lan/net1");
        assert_eq!(id, of_pod(&pod, &attachment("decaf")));
    }

    #[test]
    fn pods_with_long_names_stay_apart() {
        let (one, two) = (
            args(&format!("{}1", "a".repeat(252))),
            args(&format!("{}2", "a".repeat(252))),
        );
        let id = |args| of_pod(&Pod::from_args(args).unwrap(), &attachment("c0ffee"));
        assert_eq!(id(&one).len(), 255);
        assert_ne!(id(&one), id(&two));
    }

    #[test]
    fn an_empty_pod_name_is_no_pod() {
        assert!(Pod::from_args(&args("")).is_none());
    }

    #[test]
    fn a_pods_host_name_is_one_label() {
        for (name, hostname) in [
            ("web-0", Some("web-0")),
            ("web.v2", Some("web-v2")),
            ("Web_0", Some("web-0")),
            ("-.-", None),
        ] {
            let args = args(name);
            assert_eq!(
                Pod::from_args(&args).unwrap().hostname().as_deref(),
                hostname,
                "{name}"
            );
        }
        let args = args(&"a".repeat(200));
        assert_eq!(
            Pod::from_args(&args)
                .unwrap()
                .hostname()
                .map(|name| name.len()),
            Some(63)
        );
    }

    #[test]
    fn host_names_follow_rfc_1123() {
        for name in ["web", "web-0.shop.example", "0web"] {
            assert!(is_hostname(name), "{name}");
        }
        for name in [
            "",
            "-web",
            "web-",
            "web..shop",
            "we b",
            "wéb",
            "web\n",
            &"a".repeat(64),
        ] {
            assert!(!is_hostname(name), "{name}");
        }
    }
}
