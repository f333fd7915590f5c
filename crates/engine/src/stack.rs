//! Room on the stack for queries that nest.
//!
//! The planners of this crate and of DataFusion go into a query as deeply as it nests, which the
//! grammar bounds; a thread of a runtime has 2 MiB for that, and for whatever stands below.

use std::future::Future;
use std::future::poll_fn;

use futures::future::BoxFuture;

/// What the deepest query takes that the grammar lets through, twice over.
const NEEDED: usize = 6 << 20;
const MAPPED: usize = 16 << 20;

/// Runs with that much stack.
pub(crate) fn with_room<T>(run: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(NEEDED, MAPPED, run)
}

/// Polls with that much stack.
pub(crate) fn roomy<'a, T: 'a>(future: impl Future<Output = T> + Send + 'a) -> BoxFuture<'a, T> {
    let mut future: BoxFuture<'a, T> = Box::pin(future);
    Box::pin(poll_fn(move |context| with_room(|| future.as_mut().poll(context))))
}
