//! What the plugin and the daemon say to each other.
//!
//! One connection carries one request. A message is four bytes of length (big endian) and that many
//! bytes of JSON. The pod's namespace travels as a descriptor beside the request's first byte. The
//! daemon answers an ADD twice: at once with the time it gives itself, then with the outcome.

use std::io::{self, Read};
use std::time::Duration;

use cni::{Attachment, ContainerId, IfName, NetworkName};
use ipnetwork::IpNetwork;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lease_config::LeaseConfig;

/// The version spoken. A daemon answers any other with [`Reply::Failed`].
pub(crate) const VERSION: u32 = 1;

/// Bytes of the length that precedes each message.
pub(crate) const HEADER: usize = 4;

/// Longest message: a GC list of ten thousand attachments fits.
pub(crate) const MAX_MESSAGE: usize = 2 << 20;

/// The envelope of a request. The version is read before the rest is judged.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Versioned<T> {
    pub(crate) version: u32,
    pub(crate) body: T,
}

/// What the plugin asks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase")]
pub(crate) enum Request {
    Add(Box<AddRequest>),
    Del {
        attachment: Attachment,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        foreign: Option<Box<Foreign>>,
    },
    Check {
        attachment: Attachment,
        addresses: Vec<IpNetwork>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        foreign: Option<Box<Foreign>>,
    },
    Gc {
        network: NetworkName,
        valid: Vec<(ContainerId, IfName)>,
    },
    Status,
}

/// An ADD: whose lease, where its link is, and how to ask for it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddRequest {
    pub(crate) attachment: Attachment,
    /// Absolute path of the namespace, by which renewals find it again.
    pub(crate) netns_path: String,
    /// `namespace/name` of the pod, where the runtime told it.
    #[serde(default)]
    pub(crate) pod: Option<String>,
    pub(crate) lease: LeaseConfig,
}

/// What it takes to take over an attachment that another daemon leased an address for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Foreign {
    /// The ADD, as it would be asked for today.
    pub(crate) add: AddRequest,
    /// What the runtime was told then.
    pub(crate) addresses: Vec<IpNetwork>,
}

/// What the daemon answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "lowercase")]
pub(crate) enum Reply {
    /// The request is being worked on; the next message follows within this time.
    #[serde(rename_all = "camelCase")]
    Accepted { within_ms: u64 },
    /// It is done. An ADD carries its result in the form of the latest spec version.
    Done { result: Option<Value> },
    /// It failed, with the error to show.
    Failed {
        code: u32,
        msg: String,
        details: String,
    },
}

impl Reply {
    /// The reply that carries an error.
    pub(crate) fn failed(error: &cni::Error) -> Self {
        Self::Failed {
            code: error.code.number(),
            msg: error.msg.clone(),
            details: error.details.clone(),
        }
    }
}

/// Encodes a message with its length.
pub(crate) fn encode<T: Serialize>(body: T) -> Result<Vec<u8>, Error> {
    let json = serde_json::to_vec(&Versioned {
        version: VERSION,
        body,
    })?;
    let length = u32::try_from(json.len())
        .ok()
        .filter(|_| json.len() <= MAX_MESSAGE);
    let length = length.ok_or(Error::TooLong { length: json.len() })?;
    let mut message = Vec::with_capacity(HEADER + json.len());
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(&json);
    Ok(message)
}

/// The length of the message that a header announces.
pub(crate) fn announced(header: [u8; HEADER]) -> Result<usize, Error> {
    let length = usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX);
    if length > MAX_MESSAGE {
        Err(Error::TooLong { length })
    } else {
        Ok(length)
    }
}

/// Decodes a message without its header.
pub(crate) fn decode<T: for<'de> Deserialize<'de>>(json: &[u8]) -> Result<T, Error> {
    let envelope: Versioned<Value> = serde_json::from_slice(json)?;
    if envelope.version != VERSION {
        return Err(Error::Version {
            theirs: envelope.version,
        });
    }
    Ok(serde_json::from_value(envelope.body)?)
}

/// Reads one message from a blocking stream.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(stream: &mut impl Read) -> Result<T, Error> {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header)?;
    let mut json = vec![0; announced(header)?];
    stream.read_exact(&mut json)?;
    decode(&json)
}

/// Time that anything but the wait for a lease may take, on either side.
pub(crate) const PROMPT: Duration = Duration::from_secs(10);

/// Why a message could not be exchanged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("a message of {length} bytes is longer than the {MAX_MESSAGE} allowed")]
    TooLong { length: usize },
    #[error("the other side speaks protocol version {theirs}, this one version {VERSION}")]
    Version { theirs: u32 },
    #[error("the message is not understood: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{}", broken(.0))]
    Io(#[from] io::Error),
}

fn broken(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        "the connection ended too early".to_owned()
    } else {
        format!("the connection broke: {error}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attachment() -> Attachment {
        Attachment {
            network: NetworkName::parse("lan").unwrap(),
            container_id: ContainerId::parse("c0ffee").unwrap(),
            ifname: IfName::parse("net1").unwrap(),
        }
    }

    #[test]
    fn a_message_is_its_length_and_its_json() {
        let message = encode(Request::Del {
            attachment: attachment(),
            foreign: None,
        })
        .unwrap();
        let (header, json) = message.split_first_chunk::<HEADER>().unwrap();
        assert_eq!(announced(*header).unwrap(), json.len());
        let json: Value = serde_json::from_slice(json).unwrap();
        let expected = json!({
            "version": 1,
            "body": {
                "verb": "del",
                "attachment": {"network": "lan", "container_id": "c0ffee", "ifname": "net1"},
            },
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        let reply = Reply::Failed {
            code: 11,
            msg: "no".to_owned(),
            details: String::new(),
        };
        let message = encode(&reply).unwrap();
        let read: Reply = read(&mut message.as_slice()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{reply:?}"));
    }

    #[test]
    fn a_message_cut_anywhere_is_an_error() {
        let message = encode(Request::Status).unwrap();
        for end in 0..message.len() {
            let read = read::<Request>(&mut message.get(..end).unwrap());
            assert!(matches!(read, Err(Error::Io(_))), "{end}");
        }
    }

    #[test]
    fn a_length_is_judged_before_room_is_made_for_it() {
        let endless = read::<Request>(&mut [0xff; 64].as_slice());
        assert!(matches!(endless, Err(Error::TooLong { .. })));
    }

    #[test]
    fn another_version_is_told_from_garbage() {
        let newer = br#"{"version": 2, "body": {"verb": "dance"}}"#;
        assert!(matches!(
            decode::<Request>(newer),
            Err(Error::Version { theirs: 2 })
        ));
        for garbage in [
            &b"{"[..],
            b"[]",
            b"{}",
            br#"{"version": 1, "body": {"verb": "dance"}}"#,
        ] {
            assert!(
                matches!(decode::<Request>(garbage), Err(Error::Json(_))),
                "{garbage:?}"
            );
        }
    }

    #[test]
    fn an_attachment_with_a_bad_name_is_garbage() {
        let message = br#"{"version": 1, "body": {"verb": "del",
            "attachment": {"network": "../etc", "container_id": "c0ffee", "ifname": "net1"}}}"#;
        assert!(matches!(decode::<Request>(message), Err(Error::Json(_))));
    }
}
