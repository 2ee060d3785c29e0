//! Netlink messages and attributes as they lie in a buffer. Nothing is trusted: what does not fit ends the iteration.

/// One message of a datagram (`struct nlmsghdr` and what follows it).
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    pub(crate) payload: &'a [u8],
}

/// Returns the messages of a datagram.
pub(crate) fn messages(mut datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let ([l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, ..], _) =
            datagram.split_first_chunk::<HEADER>()?;
        let length = usize::try_from(u32::from_ne_bytes([*l0, *l1, *l2, *l3])).ok()?;
        let payload = datagram.get(HEADER..length)?;
        let message = Message {
            kind: u16::from_ne_bytes([*k0, *k1]),
            flags: u16::from_ne_bytes([*f0, *f1]),
            sequence: u32::from_ne_bytes([*s0, *s1, *s2, *s3]),
            payload,
        };
        datagram = datagram
            .get(length.next_multiple_of(ALIGNMENT)..)
            .unwrap_or_default();
        Some(message)
    })
}

/// Returns the attributes of a message, each with its type stripped of flags.
pub(crate) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let ([l0, l1, k0, k1], _) = bytes.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([*l0, *l1]));
        let value = bytes.get(4..length)?;
        bytes = bytes
            .get(length.next_multiple_of(ALIGNMENT)..)
            .unwrap_or_default();
        Some((u16::from_ne_bytes([*k0, *k1]) & TYPE_MASK, value))
    })
}

/// Reads a `u32` in the byte order of the machine.
pub(crate) fn number(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// Reads a string that may end in NULs.
pub(crate) fn text(value: &[u8]) -> String {
    let end = value
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(value.len());
    String::from_utf8_lossy(value.get(..end).unwrap_or_default()).into_owned()
}

/// Reads an IPv4 or IPv6 address, whichever has that length.
pub(crate) fn ip(value: &[u8]) -> Option<std::net::IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(value) {
        Some(octets.into())
    } else if let Ok(octets) = <[u8; 16]>::try_from(value) {
        Some(octets.into())
    } else {
        None
    }
}

/// The size of `struct nlmsghdr`.
pub(crate) const HEADER: usize = 16;
const ALIGNMENT: usize = 4;
/// `NLA_TYPE_MASK`: without the flags for nesting and byte order.
const TYPE_MASK: u16 = 0x3fff;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{attributes, messages};

    #[test]
    fn attributes_are_read_with_their_padding() {
        let bytes = [5, 0, 1, 0, 9, 0, 0, 0, 4, 0, 2, 0x80, 6, 0, 3, 0, 7, 8];
        let found: Vec<_> = attributes(&bytes).collect();
        assert_eq!(found, [(1, &[9][..]), (2, &[][..]), (3, &[7, 8][..])]);
    }

    #[test]
    fn an_attribute_that_does_not_fit_ends_the_list() {
        for length in [0, 3, 9, 255] {
            assert_eq!(
                attributes(&[length, 0, 1, 0, 9, 9, 9, 9]).count(),
                0,
                "{length}"
            );
        }
    }

    proptest! {
        #[test]
        fn random_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut count = 0;
            for message in messages(&bytes) {
                count += 1 + attributes(message.payload).count();
            }
            prop_assert!(count <= bytes.len());
        }
    }
}
