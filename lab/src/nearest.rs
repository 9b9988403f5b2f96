//! The name somebody probably meant.

/// The most similar of the known names, if any is similar enough to be worth suggesting.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const SIMILAR: f64 = 0.6;
    known
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_word_and_nonsense_finds_nothing() {
        let known = ["etcd", "coredns", "containerd"];
        assert_eq!(nearest("ectd", known), Some("etcd"));
        assert_eq!(nearest("container", known), Some("containerd"));
        assert_eq!(nearest("xyzzy", known), None);
        assert_eq!(nearest("etcd", []), None);
    }
}
