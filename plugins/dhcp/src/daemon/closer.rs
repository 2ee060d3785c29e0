//! The threads that close packet sockets.
//!
//! Closing one waits for an RCU grace period (13 to 16 ms), which the event loop cannot afford, and one
//! thread could not keep up with a node full of pods that start. Several such waits pass together.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The way to the closing threads.
#[derive(Debug, Clone)]
pub(crate) struct Closer {
    sockets: Sender<Box<dyn Send>>,
}

impl Closer {
    /// Starts the threads. They end when the last `Closer` is gone.
    pub(crate) fn start() -> io::Result<Self> {
        let (sockets, arrivals) = channel::<Box<dyn Send>>();
        let arrivals = Arc::new(Mutex::new(arrivals));
        for _ in 0..THREADS {
            let arrivals = Arc::clone(&arrivals);
            thread::Builder::new()
                .name("closer".to_owned())
                .spawn(move || {
                    while let Some(socket) = next(&arrivals) {
                        drop(socket);
                    }
                })?;
        }
        Ok(Self { sockets })
    }

    /// Closes a socket, later.
    pub(crate) fn close(&self, socket: impl Send + 'static) {
        // Where the threads are gone the socket comes back in the error and is closed here.
        drop(self.sockets.send(Box::new(socket)));
    }
}

/// Takes the next socket. The lock is free again by the time it is closed.
fn next(arrivals: &Mutex<Receiver<Box<dyn Send>>>) -> Option<Box<dyn Send>> {
    arrivals
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .ok()
}

/// Closes 250 sockets a second; an ADD has two.
const THREADS: usize = 4;
