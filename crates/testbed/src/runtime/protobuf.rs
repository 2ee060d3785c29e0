//! Protocol buffers on the wire, as far as the CRI needs them: varints, and everything that has a length.

/// A message that is being written.
#[derive(Clone, Debug, Default)]
#[must_use]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// Adds a string, bytes or a message.
    pub(super) fn bytes(mut self, field: u64, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.varint(field << 3 | LENGTH_DELIMITED);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    /// Adds a boolean.
    pub(super) fn bool(self, field: u64, value: bool) -> Self {
        self.number(field, value.into())
    }

    /// Adds a number.
    pub(super) fn number(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn varint(&mut self, mut value: u64) {
        while value > 0x7f {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push((value & 0x7f) as u8);
    }
}

impl AsRef<[u8]> for Writer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A message that was read: its fields in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader(Vec<(u64, Field)>);

#[derive(Clone, Debug)]
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Reader {
    /// Reads a message; `None` where it is not one.
    pub(super) fn parse(mut bytes: &[u8]) -> Option<Self> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes)?;
            let field = match key & 7 {
                VARINT => Field::Number(varint(&mut bytes)?),
                LENGTH_DELIMITED => {
                    let length = usize::try_from(varint(&mut bytes)?).ok()?;
                    Field::Bytes(take(&mut bytes, length)?.to_vec())
                }
                FIXED_64 => Field::Bytes(take(&mut bytes, 8)?.to_vec()),
                FIXED_32 => Field::Bytes(take(&mut bytes, 4)?.to_vec()),
                _ => return None,
            };
            fields.push((key >> 3, field));
        }
        Some(Self(fields))
    }

    /// Returns a number; zero where it is absent, as proto3 has it.
    pub(super) fn number(&self, field: u64) -> u64 {
        let mut all = self.0.iter().rev();
        all.find_map(|(number, value)| match value {
            Field::Number(value) if *number == field => Some(*value),
            Field::Number(_) | Field::Bytes(_) => None,
        })
        .unwrap_or(0)
    }

    /// Returns every value of a repeated field of strings or bytes.
    pub(super) fn all(&self, field: u64) -> Vec<&[u8]> {
        let all = self.0.iter();
        all.filter_map(|(number, value)| match value {
            Field::Bytes(value) if *number == field => Some(value.as_slice()),
            Field::Number(_) | Field::Bytes(_) => None,
        })
        .collect()
    }

    /// Returns a string; empty where it is absent.
    pub(super) fn text(&self, field: u64) -> String {
        let last = self.all(field).pop().unwrap_or_default();
        String::from_utf8_lossy(last).into_owned()
    }

    /// Returns every message of a repeated field.
    pub(super) fn messages(&self, field: u64) -> Vec<Self> {
        let all = self.all(field).into_iter();
        all.map(|bytes| Self::parse(bytes).expect("a nested message"))
            .collect()
    }

    /// Returns a message; an empty one where it is absent.
    pub(super) fn message(&self, field: u64) -> Self {
        self.messages(field).pop().unwrap_or_default()
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..10 {
        let byte = take(bytes, 1)?[0];
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(head)
}

const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;
const FIXED_32: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let long = "x".repeat(300);
        let inner = Writer::default().bytes(1, &long).bool(2, true);
        let outer = Writer::default()
            .bytes(1, "a")
            .bytes(3, &inner)
            .bytes(3, "");
        let read = Reader::parse(outer.as_ref()).unwrap();
        assert_eq!(read.text(1), "a");
        let messages = read.messages(3);
        assert_eq!(messages.len(), 2);
        assert_eq!((messages[0].text(1), messages[0].number(2)), (long, 1));
        assert_eq!(messages[1].number(2), 0);
    }

    #[test]
    fn what_is_cut_short_is_no_message() {
        let whole = Writer::default().bytes(1, "abc");
        assert!(Reader::parse(&whole.as_ref()[..3]).is_none());
        assert!(Reader::parse(&[0x80; 11]).is_none());
    }
}
