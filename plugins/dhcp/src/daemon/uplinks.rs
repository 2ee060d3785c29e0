//! The node's links that pods' links stand on, and what happens to them.
//!
//! One subscription in the node's own namespace tells of all of them. It also tells when something on
//! top of a link has changed, in whatever namespace: the nearest thing to hearing from a pod without
//! keeping its namespace alive.

use std::collections::BTreeMap;
use std::io;

use netlink::{LinkNews, LinkWatch, Netlink};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The subscription, and the state of each link.
pub(crate) struct Uplinks {
    watch: AsyncFd<LinkWatch>,
    running: BTreeMap<u32, bool>,
}

/// What has happened to a link, by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It carries frames again.
    Up(u32),
    /// It carries none any more.
    Down(u32),
    /// Something else: perhaps a link on top of it came or went.
    Touched(u32),
}

impl Uplinks {
    /// Subscribes to the node's links. Has to be called inside the runtime.
    #[expect(
        deprecated,
        reason = "what replaces it is unsafe; this descriptor lives with its owner"
    )]
    pub(crate) fn watch() -> Result<Self, Error> {
        let mut uplinks = Self {
            watch: AsyncFd::with_interest(LinkWatch::open()?, Interest::READABLE)?,
            running: BTreeMap::new(),
        };
        uplinks.list()?;
        Ok(uplinks)
    }

    /// Waits until something happens, and returns what it was.
    pub(crate) async fn changes(&mut self) -> Result<Vec<Change>, Error> {
        let news = self.watch.async_io_mut(Interest::READABLE, read).await?;
        let mut changes = Vec::new();
        for news in news {
            match news {
                LinkNews::Changed { index, running } => changes.push(self.note(index, running)),
                LinkNews::Gone { index } => {
                    self.running.remove(&index);
                    changes.push(Change::Touched(index));
                }
                LinkNews::Missed => changes.extend(self.list()?),
            }
        }
        Ok(changes)
    }

    /// Looks at every link.
    fn list(&mut self) -> Result<Vec<Change>, Error> {
        let links = Netlink::open()?.links()?;
        Ok(links
            .iter()
            .map(|link| self.note(link.index, link.running))
            .collect())
    }

    fn note(&mut self, index: u32, running: bool) -> Change {
        match (self.running.insert(index, running), running) {
            (Some(false), true) => Change::Up(index),
            (Some(true), false) => Change::Down(index),
            (Some(_) | None, _) => Change::Touched(index),
        }
    }
}

/// Takes what is there, up to a limit: everything else has its turn in between.
fn read(watch: &mut LinkWatch) -> io::Result<Vec<LinkNews>> {
    let mut all = Vec::new();
    while all.len() < BATCH {
        match watch.read().map_err(io::Error::other)? {
            Some(news) => all.push(news),
            None => break,
        }
    }
    if all.is_empty() {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    Ok(all)
}

/// The node's links cannot be watched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Netlink(#[from] netlink::Error),
    #[error("the node's links cannot be watched")]
    Io(#[from] io::Error),
}

const BATCH: usize = 64;
