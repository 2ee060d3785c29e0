//! Reading a resolv.conf(5) for the `dns` of the result.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use cni::Dns;
use nix::fcntl::OFlag;

use crate::error::Error;

/// Reads the file, which the configuration names and root opens: nothing but a regular file of a
/// plausible size is read.
pub(crate) fn read(path: &Path) -> Result<Dns, Error> {
    let unreadable = |source| Error::ResolvConfUnreadable {
        path: path.to_owned(),
        source,
    };
    let unfit = |found| Error::ResolvConfUnfit {
        path: path.to_owned(),
        found,
    };
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path);
    let file = opened.map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(unfit("not a regular file"));
    }
    let mut contents = Vec::new();
    file.take(MAX_LENGTH + 1)
        .read_to_end(&mut contents)
        .map_err(unreadable)?;
    if contents.len() as u64 > MAX_LENGTH {
        return Err(unfit("longer than 64 KiB"));
    }
    let text = String::from_utf8(contents)
        .map_err(|_| unreadable(io::Error::from(io::ErrorKind::InvalidData)))?;
    Ok(parse(&text))
}

/// Keeps what a result can say; later lines add to earlier ones, except that one domain counts.
fn parse(text: &str) -> Dns {
    let mut dns = Dns::default();
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(['#', ';']))
    {
        let mut words = line.split_whitespace();
        let keyword = words.next();
        let mut values = words.map(str::to_owned).peekable();
        if values.peek().is_none() {
            continue;
        }
        match keyword {
            Some("nameserver") => dns.nameservers.extend(values.next()),
            Some("domain") => dns.domain = values.next(),
            Some("search") => dns.search.extend(values),
            Some("options") => dns.options.extend(values),
            Some(_) | None => {}
        }
    }
    dns
}

/// Many times what a resolver reads.
const MAX_LENGTH: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_counts_and_the_last_domain() {
        let text = "# made by hand\n; really\nnameserver 10.0.0.53 # not a comment\n\
                    nameserver\t10.0.0.54\ndomain a.example\ndomain b.example\n\
                    search one.example two.example\n  search three.example\n\
                    options ndots:5 rotate\nsortlist 10.0.0.0\nnameserver\n";
        let expected = Dns {
            nameservers: vec!["10.0.0.53".into(), "10.0.0.54".into()],
            domain: Some("b.example".into()),
            search: vec![
                "one.example".into(),
                "two.example".into(),
                "three.example".into(),
            ],
            options: vec!["ndots:5".into(), "rotate".into()],
        };
        assert_eq!(parse(text), expected);
    }

    #[test]
    fn only_a_regular_file_of_a_plausible_size_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("resolv.conf");
        assert!(matches!(
            read(&path),
            Err(Error::ResolvConfUnreadable { .. })
        ));
        std::fs::write(&path, "nameserver 10.0.0.53\n").unwrap();
        assert_eq!(read(&path).unwrap().nameservers, ["10.0.0.53"]);
        std::fs::write(&path, "#".repeat(64 * 1024 + 1)).unwrap();
        assert!(matches!(read(&path), Err(Error::ResolvConfUnfit { .. })));
        assert!(matches!(
            read(dir.path()),
            Err(Error::ResolvConfUnfit { .. })
        ));
        assert!(matches!(
            read(Path::new("/dev/zero")),
            Err(Error::ResolvConfUnfit { .. })
        ));
    }
}
