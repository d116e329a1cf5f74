//! Needs that are to be met, each once and package by package.

use std::collections::BTreeSet;

use super::{cargo, npm, pypi};

pub trait Need: Clone + Ord {
    /// Of the package.
    fn name(&self) -> &str;
    /// Whether it is no matter if it cannot be met.
    fn is_optional(&self) -> bool;
}

/// What is open, and what was.
pub struct Open<N> {
    open: BTreeSet<N>,
    seen: BTreeSet<N>,
}

impl<N: Need> Open<N> {
    pub fn new(needs: impl IntoIterator<Item = N>) -> Self {
        Self { open: needs.into_iter().collect(), seen: BTreeSet::new() }
    }

    /// The name of a package that is needed.
    pub fn package(&self) -> Option<String> {
        self.open.first().map(|need| need.name().to_owned())
    }

    /// Whether a package must be there.
    pub fn demands(&self, name: &str) -> bool {
        self.open.iter().any(|need| need.name() == name && !need.is_optional())
    }

    /// Takes what is needed of a package. It may need another version of itself: what is added meanwhile has its turn, too.
    pub fn take(&mut self, name: &str) -> Vec<N> {
        let taken: Vec<N> = self.open.iter().filter(|need| need.name() == name).cloned().collect();
        for need in &taken {
            self.open.remove(need);
            self.seen.insert(need.clone());
        }
        taken
    }

    /// Adds what was not seen yet.
    pub fn add(&mut self, needs: impl IntoIterator<Item = N>) {
        let seen = &self.seen;
        self.open.extend(needs.into_iter().filter(|need| !seen.contains(need)));
    }
}

impl Need for npm::Need {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_optional(&self) -> bool {
        self.is_optional
    }
}

impl Need for pypi::Need {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_optional(&self) -> bool {
        self.is_optional
    }
}

impl Need for cargo::Need {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_optional(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_need_has_its_turn_once() {
        let need = |name: &str, range: &str| npm::Need::of(name, range).unwrap();
        let optional = npm::Need { is_optional: true, ..need("b", "1") };
        let mut open = Open::new([need("a", "1"), need("a", "2"), optional]);
        assert_eq!(open.package().as_deref(), Some("a"));
        assert!(open.demands("a") && !open.demands("b"));
        assert_eq!(open.take("a").len(), 2);
        open.add([need("a", "1"), need("a", "3")]);
        assert_eq!(open.take("a"), [need("a", "3")]);
        assert_eq!((open.take("b").len(), open.package()), (1, None));
    }
}
