//! Work on bytes beside whoever brings them.

use bytes::Bytes;
use tokio::task::JoinHandle;

use crate::Error;

/// Bytes gathered before they are worked on, so that small pieces do not cost a thread switch each.
const GATHERED: usize = 512 * 1024;

/// Takes bytes in, in their order: a hash, a file in the making.
pub trait Intake: Send + 'static {
    /// Bytes that it takes so fast that they are not worth a thread switch.
    const SWIFT: usize;

    /// May block. Errors: its own; nothing is taken in after one.
    fn take(&mut self, pieces: &[Bytes]) -> Result<(), Error>;
}

/// An [`Intake`] that works off the runtime's threads, half a mebibyte at a time, while the next bytes are on their way.
/// Dropping it leaves work that is under way to come to its end.
pub struct Beside<T> {
    state: State<T>,
    gathered: Vec<Bytes>,
    gathered_size: usize,
}

enum State<T> {
    /// All pieces but those gathered are taken in.
    Idle(T),
    Working(JoinHandle<Result<T, Error>>),
    /// While work is waited for, and after one that failed.
    Broken,
}

impl<T: Intake> Beside<T> {
    pub fn new(intake: T) -> Self {
        Self { state: State::Idle(intake), gathered: Vec::new(), gathered_size: 0 }
    }

    /// Adds bytes. Errors, which may be of bytes added before: those of the intake; `Incomplete` after an earlier one failed or
    /// its future was dropped.
    pub async fn add(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.gathered_size += bytes.len();
        self.gathered.push(bytes);
        // A piece costs memory beyond its bytes, so their number is bounded too.
        if self.gathered_size >= GATHERED || self.gathered.len() >= GATHERED / 1024 {
            self.hand_over().await?;
        }
        Ok(())
    }

    /// The intake with everything taken in. Errors: as `add`.
    pub async fn finish(mut self) -> Result<T, Error> {
        if self.gathered_size > T::SWIFT {
            self.hand_over().await?;
        }
        let mut intake = self.idle().await?;
        if !self.gathered.is_empty() {
            intake.take(&self.gathered)?;
        }
        Ok(intake)
    }

    /// Lets what was gathered be worked on, once what came before is.
    async fn hand_over(&mut self) -> Result<(), Error> {
        let mut intake = self.idle().await?;
        let pieces = std::mem::take(&mut self.gathered);
        self.gathered_size = 0;
        self.state = State::Working(tokio::task::spawn_blocking(move || {
            intake.take(&pieces)?;
            Ok(intake)
        }));
        Ok(())
    }

    /// Waits for what is being worked on.
    async fn idle(&mut self) -> Result<T, Error> {
        match std::mem::replace(&mut self.state, State::Broken) {
            State::Idle(intake) => Ok(intake),
            State::Working(done) => {
                done.await.unwrap_or_else(|error| Err(Error::Interrupted(error.to_string())))
            }
            State::Broken => Err(Error::Incomplete),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct All(Vec<u8>);

    impl Intake for All {
        const SWIFT: usize = 10;

        fn take(&mut self, pieces: &[Bytes]) -> Result<(), Error> {
            for piece in pieces {
                if piece.starts_with(b"!") {
                    return Err(Error::Incomplete);
                }
                self.0.extend_from_slice(piece);
            }
            Ok(())
        }
    }

    #[tokio::test]
    async fn pieces_of_any_size_are_taken_in_their_order() {
        for sizes in
            [vec![], vec![0], vec![5, 5], vec![11], vec![GATHERED, 1, 3 * GATHERED, 7], vec![1; 2000]]
        {
            let mut beside = Beside::new(All(Vec::new()));
            let mut expected = Vec::new();
            for (number, size) in sizes.into_iter().enumerate() {
                let piece = vec![u8::try_from(number % 30).unwrap(); size];
                expected.extend_from_slice(&piece);
                beside.add(piece.into()).await.unwrap();
            }
            assert!(beside.finish().await.unwrap().0 == expected);
        }
    }

    #[tokio::test]
    async fn nothing_is_taken_after_a_failure() {
        let mut beside = Beside::new(All(Vec::new()));
        beside.add(Bytes::from(vec![b'!'; GATHERED])).await.unwrap();
        assert!(beside.add(Bytes::from(vec![0; GATHERED])).await.is_err());
        assert!(matches!(beside.finish().await, Err(Error::Incomplete)));
    }
}
