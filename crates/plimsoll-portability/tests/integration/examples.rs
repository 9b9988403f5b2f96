//! The example workloads on simulated platforms.

use plimsoll_portability::{Colour, Verdict, answer, table};

use super::{all_examples, examples, expect, platforms};

#[test]
fn there_are_twelve_examples_and_none_has_a_fault() {
    assert!(examples().len() >= 12);
    assert_eq!(all_examples().notes, []);
}

#[test]
fn the_examples_get_the_answers_that_were_looked_at() {
    let manifests = all_examples();
    let platforms = platforms();
    let answers = answer(&manifests, &platforms);
    expect(
        "examples.txt",
        &table(&manifests, &platforms, &answers, Colour::Never),
    );
}

#[test]
fn every_need_of_an_example_has_its_place() {
    let manifests = all_examples();
    let answers = answer(&manifests, &platforms());
    for needs in &answers.needs {
        assert!(!needs.is_empty());
        for need in needs {
            assert!(
                need.place.line > 0 && need.place.file.ends_with(".yaml"),
                "{need:?}"
            );
        }
    }
}

#[test]
fn nothing_runs_where_something_is_not_known() {
    let manifests = all_examples();
    let answers = answer(&manifests, &platforms());
    for answer in &answers.answers {
        let open = answer
            .fits
            .iter()
            .any(|fit| ["unmet", "cannot-tell"].contains(&fit.name()));
        assert_eq!(open, answer.verdict == Verdict::DoesNotRun, "{answer:?}");
    }
}
