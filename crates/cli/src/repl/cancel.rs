//! Ctrl-C stops what runs, not the program.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::error::Error;
use crate::error::Result;

/// Hears Ctrl-C.
#[derive(Debug, Clone)]
pub struct Cancel {
    pressed: Arc<Notify>,
}

impl Cancel {
    /// From now on Ctrl-C is heard here and does not end the program.
    ///
    /// # Errors
    /// If the handler cannot be set.
    pub fn listen() -> Result<Cancel> {
        let pressed = Arc::new(Notify::new());
        let heard = Arc::clone(&pressed);
        // Whoever waits now is told; nobody later is.
        ctrlc::set_handler(move || heard.notify_waiters())
            .map_err(|error| Error::Runtime(std::io::Error::other(error)))?;
        Ok(Cancel { pressed })
    }

    /// Runs something until it ends or Ctrl-C is pressed, which drops it.
    ///
    /// # Errors
    /// Its own, or [`Error::Cancelled`].
    pub async fn or<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            done = work => done,
            () = self.pressed.notified() => Err(Error::Cancelled),
        }
    }
}
