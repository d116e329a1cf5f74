//! A closure on its way to a database thread, and its answer on the way back.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::{Error, ReadTx, WriteTx};

/// What the transaction around a job must promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// One state of the database, nothing written.
    Snapshot,
    /// As if no other transaction ran at the same time.
    Serialisable,
    /// Single statements that are right by themselves, however many run side by side.
    Statement,
}

/// A closure to be run in a transaction. An engine runs it, again after a conflict, and finishes it once.
pub(crate) trait Job: Send {
    fn isolation(&self) -> Isolation;

    /// Runs the closure. `false`: its changes are to be rolled back.
    fn run(&mut self, tx: &mut WriteTx<'_>) -> bool;

    /// Answers the caller: with what the closure answered if the transaction was committed (or had nothing to commit),
    /// else with the error.
    fn finish(self: Box<Self>, committed: Result<(), Error>);
}

type Answer<T, E> = oneshot::Sender<Result<T, E>>;

struct Closure<F, T, E> {
    work: F,
    isolation: Isolation,
    outcome: Option<Result<T, E>>,
    answer: Answer<T, E>,
}

/// A job for a closure that reads, and where its answer will arrive.
pub(crate) fn reading<F, T, E>(work: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, E>>)
where
    F: Fn(&mut ReadTx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    writing(Isolation::Snapshot, move |tx: &mut WriteTx<'_>| work(tx))
}

/// A job for a closure that writes, and where its answer will arrive.
pub(crate) fn writing<F, T, E>(
    isolation: Isolation,
    work: F,
) -> (Box<dyn Job>, oneshot::Receiver<Result<T, E>>)
where
    F: Fn(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let (answer, receiver) = oneshot::channel();
    (Box::new(Closure { work, isolation, outcome: None, answer }), receiver)
}

impl<F, T, E> Job for Closure<F, T, E>
where
    F: Fn(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    fn isolation(&self) -> Isolation {
        self.isolation
    }

    fn run(&mut self, tx: &mut WriteTx<'_>) -> bool {
        // Nothing that the closure captured is looked at again but by running it again, as after any conflict.
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(tx)));
        let outcome =
            outcome.unwrap_or_else(|panic| Err(Error::Panicked { message: message(&*panic) }.into()));
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn finish(self: Box<Self>, committed: Result<(), Error>) {
        let answer = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(Error::engine("the transaction was not run").into()),
            (Err(error), _) => Err(error.into()),
        };
        // Whoever no longer waits for the answer does not need it.
        let _ = self.answer.send(answer);
    }
}

fn message(panic: &(dyn Any + Send)) -> Arc<str> {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown").into()
}
