//! One connection of the plugin: who it is, what it asks, and the way back to it.
//!
//! Each connection has a task of its own, so that a slow or silent caller delays nobody.

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::time::Duration;

use cni::{Attachment, Code, Error};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::protocol::{self, HEADER, PROMPT, Reply, Request};

/// What a connection tells the event loop.
#[derive(Debug)]
pub(crate) enum Message {
    /// Somebody asks for something.
    Call(Call),
    /// The caller of an ADD has gone, before or just after its answer.
    CallerGone {
        /// What the ADD was for.
        attachment: Attachment,
        /// Which call it was.
        number: u64,
    },
}

/// A request, and the way back to who made it.
#[derive(Debug)]
pub(crate) struct Call {
    /// Tells it from every other call to this daemon.
    pub(crate) number: u64,
    pub(crate) request: Request,
    /// The pod's namespace, if it came along.
    pub(crate) namespace: Option<OwnedFd>,
    pub(crate) reply: oneshot::Sender<Reply>,
}

/// Serves one connection to its end. `patience` is how long an ADD may take that does not say itself.
pub(crate) async fn serve(
    mut stream: UnixStream,
    number: u64,
    calls: mpsc::Sender<Message>,
    patience: Duration,
) -> io::Result<()> {
    let peer = netns::fd::peer(&stream)?;
    if peer.uid != 0 {
        tracing::warn!(
            pid = peer.pid,
            uid = peer.uid,
            "refused a caller that is not root"
        );
        return Ok(());
    }
    let (request, namespace) = match timeout(PROMPT, receive(&mut stream)).await {
        Ok(Ok(received)) => received,
        Ok(Err(error)) => {
            let error = Error::new(
                Code::Decode,
                format!("the dhcp daemon got a bad request: {error}"),
            )
            .with_details("restart the daemon if it is not of the plugin's version");
            return send(&mut stream, &Reply::failed(&error)).await;
        }
        Err(_) => return Ok(()),
    };
    let added = match &request {
        Request::Add(add) => {
            let within = add.lease.timeout().unwrap_or(patience);
            let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
            send(&mut stream, &Reply::Accepted { within_ms }).await?;
            Some(add.attachment.clone())
        }
        Request::Del { .. } | Request::Check { .. } | Request::Gc { .. } | Request::Status => None,
    };
    let (reply, answered) = oneshot::channel();
    if calls
        .send(Message::Call(Call {
            number,
            request,
            namespace,
            reply,
        }))
        .await
        .is_err()
    {
        return Ok(());
    }
    let reply = tokio::select! {
        reply = answered => reply.ok(),
        () = hung_up(&mut stream) => None,
    };
    let delivered = match reply {
        Some(reply) => send(&mut stream, &reply).await,
        None => Err(ErrorKind::BrokenPipe.into()),
    };
    if let (Err(_), Some(attachment)) = (delivered, added) {
        // The loop outlives its connections, or everything ends.
        let _ = calls.send(Message::CallerGone { attachment, number }).await;
    }
    Ok(())
}

/// Reads the request and the descriptor that came with its first byte.
async fn receive(stream: &mut UnixStream) -> Result<(Request, Option<OwnedFd>), protocol::Error> {
    let mut header = [0; HEADER];
    let received = stream
        .async_io(Interest::READABLE, || {
            netns::fd::recv_with_fd(&*stream, &mut header)
        })
        .await?;
    if received.len == 0 {
        return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
    }
    if let Some(rest) = header.get_mut(received.len..) {
        stream.read_exact(rest).await?;
    }
    let mut json = vec![0; protocol::announced(header)?];
    stream.read_exact(&mut json).await?;
    Ok((protocol::decode(&json)?, received.fds.into_iter().next()))
}

async fn send(stream: &mut UnixStream, reply: &Reply) -> io::Result<()> {
    let message = protocol::encode(reply).map_err(io::Error::other)?;
    let sent = timeout(PROMPT, stream.write_all(&message)).await;
    sent.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

/// Returns when the caller has closed its end. Anything more that it sends is not looked at.
async fn hung_up(stream: &mut UnixStream) {
    let mut byte = [0];
    while matches!(stream.read(&mut byte).await, Ok(1..)) {}
}
