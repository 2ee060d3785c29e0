//! Whom an address is reserved for, as the text in its reservation file.
//!
//! The reference writes container ID, CR LF and ifname; its older versions wrote the container ID
//! alone, which every reader still has to take for a reservation.

use std::fmt;

use cni::Attachment;

/// What a reservation file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// One interface of a container.
    Attachment {
        container_id: String,
        ifname: String,
    },
    /// A container; the file is from before ifnames were recorded.
    Container { container_id: String },
    /// The file cannot be read or is no text: reserved, but for nobody known.
    Unknown,
}

impl Owner {
    /// Reads the contents of a reservation file, surrounded by white space or not; `None` if they
    /// are empty, which is what a writer leaves that died between creating and writing the file.
    pub(crate) fn parse(contents: &[u8]) -> Option<Owner> {
        let contents = contents.trim_ascii();
        if contents.is_empty() {
            return None;
        }
        let Ok(text) = str::from_utf8(contents) else {
            return Some(Owner::Unknown);
        };
        Some(match text.split_once(LINE_BREAK) {
            Some((container_id, ifname)) => Owner::attachment(container_id, ifname),
            None => Owner::Container {
                container_id: text.to_owned(),
            },
        })
    }

    /// Returns the owner that one interface of a container is.
    pub(crate) fn attachment(container_id: &str, ifname: &str) -> Owner {
        let (container_id, ifname) = (container_id.to_owned(), ifname.to_owned());
        Owner::Attachment {
            container_id,
            ifname,
        }
    }

    /// Whether the attachment is named as the owner.
    pub(crate) fn is(&self, attachment: &Attachment) -> bool {
        match self {
            Owner::Attachment {
                container_id,
                ifname,
            } => {
                container_id == attachment.container_id.as_str()
                    && ifname == attachment.ifname.as_str()
            }
            Owner::Container { .. } | Owner::Unknown => false,
        }
    }

    /// Whether the attachment's container is named as the owner, without an ifname.
    pub(crate) fn is_container_of(&self, attachment: &Attachment) -> bool {
        match self {
            Owner::Container { container_id } => container_id == attachment.container_id.as_str(),
            Owner::Attachment { .. } | Owner::Unknown => false,
        }
    }

    /// Returns the contents of this owner's reservation files.
    pub(crate) fn contents(&self) -> String {
        match self {
            Owner::Attachment {
                container_id,
                ifname,
            } => {
                format!("{container_id}{LINE_BREAK}{ifname}")
            }
            Owner::Container { container_id } => container_id.clone(),
            Owner::Unknown => String::new(),
        }
    }
}

impl From<&Attachment> for Owner {
    fn from(attachment: &Attachment) -> Self {
        Owner::attachment(attachment.container_id.as_str(), attachment.ifname.as_str())
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Attachment {
                container_id,
                ifname,
            } => {
                write!(f, "{ifname:?} of container {container_id:?}")
            }
            Owner::Container { container_id } => write!(f, "container {container_id:?}"),
            Owner::Unknown => f.write_str("an unknown owner"),
        }
    }
}

const LINE_BREAK: &str = "\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_of_either_age_are_read() {
        let attachment = Owner::attachment("c1", "net1");
        assert_eq!(Owner::parse(b"c1\r\nnet1"), Some(attachment.clone()));
        assert_eq!(Owner::parse(b" c1\r\nnet1\n"), Some(attachment));
        let container = Owner::Container {
            container_id: "c1".to_owned(),
        };
        assert_eq!(Owner::parse(b"c1\n"), Some(container));
    }

    #[test]
    fn nothing_but_white_space_is_the_leftover_of_a_crash() {
        assert_eq!(Owner::parse(b""), None);
        assert_eq!(Owner::parse(b" \r\n"), None);
    }

    #[test]
    fn bytes_that_are_no_text_still_reserve_the_address() {
        assert_eq!(Owner::parse(b"\xff\xfe"), Some(Owner::Unknown));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let attachment = Owner::attachment("0af3", "eth0");
        assert_eq!(
            Owner::parse(attachment.contents().as_bytes()),
            Some(attachment)
        );
    }
}
