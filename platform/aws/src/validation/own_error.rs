//! Services that refuse a violated constraint with errors of their own: CodeCommit answers
//! `RepositoryNameRequiredException` where others answer a validation error.

use crate::error::Error;
use crate::operation::OperationModel;
use crate::shape::{Path, Segment};

/// What a value can fail to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// A required member is there.
    Present,
    /// A value has the length, range, pattern or value set that the model asks of it.
    Fitting,
}

/// A row of the table that a service gives its router: which error answers a violation at which member.
///
/// The first row that fits is taken, so the table has the order in which the service looks at its input. A row whose
/// error the operation does not list in its model does not fit it.
pub struct OwnError {
    /// The end of the path, members only: `filePath` is that of `putFiles` and of the input itself;
    /// `sourceFile.filePath` is less.
    pub member: &'static str,
    pub demand: Demand,
    /// Given the value as messages show it; empty for a missing one and for containers.
    pub error: fn(&str) -> Error,
}

impl OwnError {
    pub const fn missing(member: &'static str, error: fn(&str) -> Error) -> Self {
        Self { member, demand: Demand::Present, error }
    }

    pub const fn unfit(member: &'static str, error: fn(&str) -> Error) -> Self {
        Self { member, demand: Demand::Fitting, error }
    }

    /// The error of this row, if it is about that violation and one of the operation's.
    pub fn answer(&self, model: &OperationModel, path: &Path, demand: Demand, value: &str) -> Option<Error> {
        if self.demand != demand || !self.names(path) {
            return None;
        }
        let error = (self.error)(value);
        model.errors.contains(&&*error.code).then_some(error)
    }

    fn names(&self, path: &Path) -> bool {
        let mut members = path.0.iter().rev().filter_map(|segment| match segment {
            Segment::Member(name) => Some(*name),
            Segment::Element(_) | Segment::Key(_) => None,
        });
        self.member.rsplit('.').all(|name| members.next() == Some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(member: &'static str, path: &[Segment]) -> bool {
        OwnError::missing(member, |_| Error::validation("")).names(&Path(path.to_vec()))
    }

    #[test]
    fn a_row_names_the_end_of_a_path_without_elements() {
        let path = [
            Segment::Member("putFiles"),
            Segment::Element(3),
            Segment::Member("sourceFile"),
            Segment::Member("path"),
        ];
        for member in ["path", "sourceFile.path", "putFiles.sourceFile.path"] {
            assert!(names(member, &path), "{member}");
        }
        for member in ["ath", "sourceFile", "putFiles.path", "x.putFiles.sourceFile.path"] {
            assert!(!names(member, &path), "{member}");
        }
        assert!(
            names("names", &[Segment::Member("names"), Segment::Element(0)]),
            "an element is told of at its list"
        );
    }
}
