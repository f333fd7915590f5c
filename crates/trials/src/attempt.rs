//! One try of a trial: what breaks in it is counted, and the trial goes on.

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Once;

use futures::FutureExt;
use lakebed_dataset::Error;
use lakebed_dataset::Result;

use crate::figures::Figures;

thread_local! {
    /// Where this thread panicked last.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A dataset that no longer opens, or takes no further commit.
struct Unopenable(String);

/// What must succeed, or the dataset is out of use.
pub trait Works<T> {
    /// The value; ends the try if there is none.
    fn works(self) -> T;
}

impl<T> Works<T> for Result<T> {
    fn works(self) -> T {
        match self {
            Ok(value) => value,
            Err(error @ Error::Task(_)) => panic!("{error}"),
            Err(error) => resume_unwind(Box::new(Unopenable(error.to_string()))),
        }
    }
}

/// Does one try. A panic raised by this crate says that something was lost; any other is one of the
/// library.
pub async fn attempt<T>(
    figures: &mut Figures,
    context: &str,
    work: impl Future<Output = T>,
) -> Option<T> {
    note_places();
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(value) => Some(value),
        Err(broken) => {
            broke(figures, context, &*broken);
            None
        }
    }
}

/// As [`attempt`], of a whole trial that cannot count what breaks itself.
pub fn attempt_all<T>(figures: &mut Figures, work: impl FnOnce() -> T) -> Option<T> {
    note_places();
    match std::panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(value) => Some(value),
        Err(broken) => {
            broke(figures, "the trial", &*broken);
            None
        }
    }
}

fn broke(figures: &mut Figures, context: &str, broken: &(dyn Any + Send)) {
    let place = PLACE.take().unwrap_or_default();
    if let Some(Unopenable(why)) = broken.downcast_ref() {
        figures.unopenable += 1;
        println!("unopenable: {context}: {why}");
        return;
    }
    let text = broken.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| broken.downcast_ref::<&str>().copied()).unwrap_or_default();
    let own =
        Path::new(file!()).parent().is_some_and(|folder| Path::new(&place).starts_with(folder));
    // A task of the library that panicked arrives as an error.
    if own && !text.contains("Task(") && !text.contains("a background task did not finish") {
        figures.lost += 1;
        println!("lost: {context}: {text} ({place})");
    } else {
        figures.panics += 1;
        println!("panic: {context}: {text} ({place})");
    }
}

fn note_places() {
    static NOTED: Once = Once::new();
    NOTED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().map(|place| format!("{}:{}", place.file(), place.line()));
            PLACE.set(place);
            before(panic);
        }));
    });
}

/// Waits for a trial on two threads.
pub fn wait<T>(trial: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(trial)
}

/// Waits for a trial on one thread whose clock jumps over every pause.
pub fn wait_paused<T>(trial: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().unwrap().block_on(trial)
}
