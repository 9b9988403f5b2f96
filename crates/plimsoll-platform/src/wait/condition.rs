//! Conditions: how far the watched objects have come, with the reason.

use super::Seen;

/// How far something has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is as wanted.
    Met,
    /// Not yet, and what is missing.
    NotYet(String),
    /// The platform can't come to it any more, and why.
    Never(String),
    /// Something around it (image pull, admission, quota, a node gone) is in the way: it can't be judged.
    Obstructed(String),
}

/// A predicate over the current state of watched objects.
///
/// Nothing there is a case like any other: a condition says what it makes of an empty [`Seen`].
#[diagnostic::on_unimplemented(
    note = "a condition is a `Fn(&Seen<K>) -> Progress`, or a type that implements `Condition<K>`"
)]
pub trait Condition<K>: Send + Sync {
    /// How far the objects have come.
    fn progress(&self, seen: &Seen<K>) -> Progress;

    /// What is waited for, for people.
    fn describe(&self) -> String {
        "a condition".to_owned()
    }

    /// Both.
    fn and<C: Condition<K>>(self, other: C) -> And<Self, C>
    where
        Self: Sized,
    {
        And(self, other)
    }

    /// Either.
    fn or<C: Condition<K>>(self, other: C) -> Or<Self, C>
    where
        Self: Sized,
    {
        Or(self, other)
    }

    /// The opposite.
    ///
    /// # Caveats
    /// What is not met because nothing is there yet is the opposite of met, too: combine it with a condition
    /// that requires the objects.
    fn not(self) -> Not<Self>
    where
        Self: Sized,
    {
        Not(self)
    }

    /// The same under a name for people.
    fn called(self, name: impl Into<String>) -> Called<Self>
    where
        Self: Sized,
    {
        Called(self, name.into())
    }
}

impl<K, F: Fn(&Seen<K>) -> Progress + Send + Sync> Condition<K> for F {
    fn progress(&self, seen: &Seen<K>) -> Progress {
        self(seen)
    }
}

/// See [`Condition::and`].
#[derive(Clone, Debug)]
pub struct And<A, B>(A, B);

impl<K, A: Condition<K>, B: Condition<K>> Condition<K> for And<A, B> {
    fn progress(&self, seen: &Seen<K>) -> Progress {
        use Progress::{Met, Never, NotYet, Obstructed};
        match (self.0.progress(seen), self.1.progress(seen)) {
            (Met, other) | (other, Met) => other,
            // What can't be judged comes before what is the platform's fault: the one may cause the other.
            (Obstructed(why), _) | (_, Obstructed(why)) => Obstructed(why),
            (Never(why), _) | (_, Never(why)) => Never(why),
            (NotYet(a), NotYet(b)) => NotYet(both(a, &b)),
        }
    }

    fn describe(&self) -> String {
        format!("{} and {}", self.0.describe(), self.1.describe())
    }
}

/// See [`Condition::or`].
#[derive(Clone, Debug)]
pub struct Or<A, B>(A, B);

impl<K, A: Condition<K>, B: Condition<K>> Condition<K> for Or<A, B> {
    fn progress(&self, seen: &Seen<K>) -> Progress {
        use Progress::{Met, Never, NotYet, Obstructed};
        match (self.0.progress(seen), self.1.progress(seen)) {
            (Met, _) | (_, Met) => Met,
            (NotYet(a), NotYet(b)) => NotYet(both(a, &b)),
            (NotYet(why), _) | (_, NotYet(why)) => NotYet(why),
            (Obstructed(why), _) | (_, Obstructed(why)) => Obstructed(why),
            (Never(a), Never(b)) => Never(both(a, &b)),
        }
    }

    fn describe(&self) -> String {
        format!("{} or {}", self.0.describe(), self.1.describe())
    }
}

/// See [`Condition::not`].
#[derive(Clone, Debug)]
pub struct Not<C>(C);

impl<K, C: Condition<K>> Condition<K> for Not<C> {
    fn progress(&self, seen: &Seen<K>) -> Progress {
        match self.0.progress(seen) {
            Progress::Met => Progress::NotYet(format!("still {}", self.0.describe())),
            Progress::NotYet(_) | Progress::Never(_) => Progress::Met,
            obstructed @ Progress::Obstructed(_) => obstructed,
        }
    }

    fn describe(&self) -> String {
        format!("not {}", self.0.describe())
    }
}

/// See [`Condition::called`].
#[derive(Clone, Debug)]
pub struct Called<C>(C, String);

impl<K, C: Condition<K>> Condition<K> for Called<C> {
    fn progress(&self, seen: &Seen<K>) -> Progress {
        self.0.progress(seen)
    }

    fn describe(&self) -> String {
        self.1.clone()
    }
}

fn both(a: String, b: &str) -> String {
    if a == b { a } else { format!("{a}; {b}") }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn says(progress: &Progress) -> impl Condition<ConfigMap> + use<> {
        let progress = progress.clone();
        move |_: &Seen<ConfigMap>| progress.clone()
    }

    fn ways() -> [Progress; 4] {
        [
            Progress::Met,
            Progress::NotYet("n".into()),
            Progress::Never("x".into()),
            Progress::Obstructed("o".into()),
        ]
    }

    #[test]
    fn and_is_met_only_by_both_and_prefers_what_cannot_be_judged() {
        let nothing = Seen::default();
        for a in ways() {
            for b in ways() {
                let got = says(&a).and(says(&b)).progress(&nothing);
                let rank = |p: &Progress| ways().iter().position(|way| way == p).unwrap();
                assert_eq!(got, ways()[rank(&a).max(rank(&b))], "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn or_is_met_by_either_and_never_only_when_neither_can_come() {
        let nothing = Seen::default();
        let [met, not_yet, never, obstructed] = ways();
        for way in ways() {
            assert_eq!(says(&met).or(says(&way)).progress(&nothing), Progress::Met);
            assert_eq!(says(&way).or(says(&met)).progress(&nothing), Progress::Met);
        }
        assert_eq!(says(&never).or(says(&not_yet)).progress(&nothing), not_yet);
        assert_eq!(says(&obstructed).or(says(&not_yet)).progress(&nothing), not_yet);
        assert_eq!(says(&never).or(says(&obstructed)).progress(&nothing), obstructed);
        assert_eq!(says(&never).or(says(&never)).progress(&nothing), never);
    }

    #[test]
    fn not_turns_around_everything_but_what_cannot_be_judged() {
        let nothing = Seen::default();
        let [met, not_yet, never, obstructed] = ways();
        let not = |way: &Progress| says(way).called("there").not().progress(&nothing);
        assert_eq!(not(&met), Progress::NotYet("still there".into()));
        assert_eq!(not(&not_yet), Progress::Met);
        assert_eq!(not(&never), Progress::Met);
        assert_eq!(not(&obstructed), obstructed);
    }

    #[test]
    fn a_condition_is_described_by_its_parts() {
        let met = Progress::Met;
        let condition = says(&met)
            .called("a")
            .and(says(&met).called("b"))
            .or(says(&met).called("c").not());
        assert_eq!(Condition::<ConfigMap>::describe(&condition), "a and b or not c");
    }
}
