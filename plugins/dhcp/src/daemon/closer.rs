//! The thread that closes packet sockets.
//!
//! Closing one waits for an RCU grace period (13 to 16 ms), which the event loop cannot afford.

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread;

/// The way to the closing thread.
#[derive(Debug, Clone)]
pub(crate) struct Closer {
    sockets: Sender<Box<dyn Send>>,
}

impl Closer {
    /// Starts the thread. It ends when the last `Closer` is gone.
    pub(crate) fn start() -> io::Result<Self> {
        let (sockets, arrivals) = channel::<Box<dyn Send>>();
        thread::Builder::new()
            .name("closer".to_owned())
            .spawn(move || arrivals.into_iter().for_each(drop))?;
        Ok(Self { sockets })
    }

    /// Closes a socket, later.
    pub(crate) fn close(&self, socket: impl Send + 'static) {
        // Where the thread is gone the socket comes back in the error and is closed here.
        drop(self.sockets.send(Box::new(socket)));
    }
}
