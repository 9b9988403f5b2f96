//! What becomes of an object, from the state of its owners.

/// The state of one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// It is there, or going for reasons of its own.
    Solid,
    /// It is not there.
    Absent,
    /// It is being deleted and waits for its dependents.
    Waiting,
    /// Nobody knows its kind, so nobody can tell.
    Unknown,
    /// It is in a namespace, and the dependent is not.
    Unreachable,
}

/// What becomes of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays as it is.
    Keep,
    /// It stays, but only with the owners that are there.
    Disown,
    /// It goes; `waiting` if an owner waits for that.
    DeleteFor {
        /// Whether an owner waits for it.
        waiting: bool,
    },
}

/// The verdict on an object with these owners. Doubt keeps.
pub(super) fn of(owners: &[Owner]) -> Verdict {
    let any = |wanted: Owner| owners.contains(&wanted);
    if owners.is_empty() || any(Owner::Unknown) || any(Owner::Unreachable) {
        Verdict::Keep
    } else if any(Owner::Solid) {
        if any(Owner::Absent) || any(Owner::Waiting) {
            Verdict::Disown
        } else {
            Verdict::Keep
        }
    } else {
        Verdict::DeleteFor {
            waiting: any(Owner::Waiting),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Owner::*, *};

    #[test]
    fn an_object_goes_when_its_last_owner_does() {
        assert_eq!(of(&[]), Verdict::Keep);
        assert_eq!(of(&[Solid]), Verdict::Keep);
        assert_eq!(of(&[Absent]), Verdict::DeleteFor { waiting: false });
        assert_eq!(of(&[Absent, Waiting]), Verdict::DeleteFor { waiting: true });
        assert_eq!(of(&[Absent, Solid]), Verdict::Disown);
        assert_eq!(of(&[Waiting, Solid]), Verdict::Disown);
    }

    proptest! {
        #[test]
        fn nothing_with_a_live_or_doubtful_owner_goes(
            owners in proptest::collection::vec(
                prop_oneof![Just(Solid), Just(Absent), Just(Waiting), Just(Unknown), Just(Unreachable)], 0..5),
        ) {
            let goes = matches!(of(&owners), Verdict::DeleteFor { .. });
            let may_go = !owners.is_empty() && owners.iter().all(|owner| matches!(owner, Absent | Waiting));
            prop_assert_eq!(goes, may_go);
        }
    }
}
