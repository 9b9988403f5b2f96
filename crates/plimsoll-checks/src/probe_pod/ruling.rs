//! How an experiment came out, before it is told as a control.

use crate::Trial;

/// An outcome with the sentence that explains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// As it must.
    Right(String),
    /// Otherwise, and the platform is at fault.
    Wrong(String),
    /// It can't be told.
    Undecided(String),
}

impl Ruling {
    /// Reports it as the outcome of `control`.
    pub fn tell(self, trial: &Trial, control: &'static str) {
        match self {
            Self::Right(detail) => trial.right(control, detail),
            Self::Wrong(detail) => trial.wrong(control, detail),
            Self::Undecided(detail) => trial.undecided(control, detail),
        }
    }

    /// Whether it came out as it must.
    #[must_use]
    pub fn is_right(&self) -> bool {
        matches!(self, Self::Right(_))
    }

    /// Whether the platform is at fault.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        matches!(self, Self::Wrong(_))
    }

    /// The sentence.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Right(detail) | Self::Wrong(detail) | Self::Undecided(detail) => detail,
        }
    }

    /// The same; where it came out as it must, in one sentence for all its parts.
    #[must_use]
    pub fn in_short(self, detail: impl FnOnce() -> String) -> Self {
        match self {
            Self::Right(_) => Self::Right(detail()),
            other => other,
        }
    }

    /// The outcome of several parts: a fault in one is a fault, a gap in one is a gap, and no part at all
    /// proves nothing.
    #[must_use]
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut right = Vec::new();
        let mut undecided = None;
        for part in parts {
            match part {
                wrong @ Self::Wrong(_) => return wrong,
                Self::Undecided(_) => undecided = undecided.or(Some(part)),
                Self::Right(detail) => right.push(detail),
            }
        }
        match undecided {
            Some(gap) => gap,
            None if right.is_empty() => Self::Undecided("nothing was tried".to_owned()),
            None => Self::Right(right.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ruling::{self, Right, Undecided, Wrong};

    #[test]
    fn a_fault_outweighs_a_gap_and_a_gap_a_success() {
        let (right, gap, wrong) = (Right("r".into()), Undecided("u".into()), Wrong("w".into()));
        assert_eq!(Ruling::all([right.clone(), gap.clone(), wrong.clone()]), wrong);
        assert_eq!(Ruling::all([right.clone(), gap.clone()]), gap);
        assert_eq!(Ruling::all([right.clone(), right]), Right("r; r".into()));
    }

    #[test]
    fn nothing_tried_proves_nothing() {
        assert!(matches!(Ruling::all([]), Undecided(_)));
    }
}
