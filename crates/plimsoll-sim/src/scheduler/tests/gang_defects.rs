//! Gangs on platforms with a defect, as an operator sees them.

use std::time::Duration;

use plimsoll_apiserver::elapse;

use super::bench::Bench;

/// One slot is taken; a gang wants all four.
async fn one_short(fault: &str) -> Bench {
    let bench = Bench::of(36, &[fault]);
    bench.four_slots().await;
    bench.lone("ballast").await;
    bench.rest().await;
    bench.gang("g", 4).await;
    bench.rest().await;
    bench
}

/// Two gangs of three, made in turn, in the room of four.
async fn two_gangs(fault: &str) -> Bench {
    let bench = Bench::of(36, &[fault]);
    bench.four_slots().await;
    bench.group("a", 3).await;
    bench.group("b", 3).await;
    for number in 0..3 {
        bench.member("a", number).await;
        bench.member("b", number).await;
    }
    bench.rest().await;
    bench
}

/// A gang for all four slots, which are free.
async fn whole(fault: &str) -> Bench {
    let bench = Bench::of(36, &[fault]);
    bench.four_slots().await;
    bench.gang("g", 4).await;
    bench.rest().await;
    bench
}

#[tokio::test(start_paused = true)]
async fn by_the_total_all_but_one_are_bound_and_wait() {
    let bench = one_short("gang.partial-bind").await;
    assert_eq!(bench.bound("g-"), 3);
    assert_eq!(whole("gang.partial-bind").await.standing("g").1, "True");
}

#[tokio::test(start_paused = true)]
async fn two_gangs_are_let_into_the_same_room() {
    let bench = two_gangs("gang.deadlock").await;
    assert_eq!((bench.bound("a-"), bench.bound("b-")), (2, 2));
    assert_eq!(whole("gang.deadlock").await.bound("g-"), 4);
    assert_eq!(one_short("gang.deadlock").await.bound("g-"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_gang_refused_once_is_never_tried_again() {
    let bench = one_short("gang.never-released").await;
    assert_eq!(bench.standing("g").1, "False");
    bench.remove("ballast").await;
    elapse(Duration::from_secs(3600)).await;
    assert_eq!(bench.bound("g-"), 0);
    bench.gang("again", 4).await;
    bench.rest().await;
    assert_eq!(bench.bound("again-"), 4);
}

#[tokio::test(start_paused = true)]
async fn gangs_are_never_looked_at_while_lone_pods_are() {
    let bench = whole("gang.dead").await;
    bench.lone("lone").await;
    bench.rest().await;
    assert_eq!((bench.bound("g-"), bench.bound("lone")), (0, 1));
    assert_eq!(
        (bench.said("g-0").0, bench.standing("g").1),
        (String::new(), String::new())
    );
}

#[tokio::test(start_paused = true)]
async fn every_gang_is_taken_to_want_one() {
    assert_eq!(one_short("gang.min-one").await.bound("g-"), 3);
}

#[tokio::test(start_paused = true)]
async fn nobody_looks_at_the_group() {
    let bench = one_short("gang.api-dropped").await;
    assert_eq!((bench.bound("g-"), bench.standing("g").1), (3, String::new()));
}

#[tokio::test(start_paused = true)]
async fn a_refused_gang_is_looked_at_a_quarter_of_an_hour_later() {
    let bench = one_short("gang.slow-retry").await;
    bench.remove("ballast").await;
    elapse(Duration::from_secs(10 * 60)).await;
    assert_eq!(bench.bound("g-"), 0);
    elapse(Duration::from_secs(6 * 60)).await;
    assert_eq!(bench.bound("g-"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_comes_late_does_not_count() {
    assert_eq!(whole("gang.late-ignored").await.bound("g-"), 4);
    let bench = Bench::of(36, &["gang.late-ignored"]);
    bench.four_slots().await;
    bench.group("g", 4).await;
    for number in 0..3 {
        bench.member("g", number).await;
    }
    bench.rest().await;
    bench.member("g", 3).await;
    bench.rest().await;
    assert_eq!(bench.bound("g-"), 0);
}

#[tokio::test(start_paused = true)]
async fn nine_tenths_are_taken_for_all() {
    assert_eq!(one_short("gang.almost").await.bound("g-"), 3);
    assert_eq!(whole("gang.almost").await.bound("g-"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_gang_that_waits_keeps_its_room_from_others() {
    let bench = one_short("gang.hoards").await;
    bench.gang("small", 3).await;
    bench.lone("lone").await;
    bench.rest().await;
    assert_eq!(
        (bench.bound("g-"), bench.bound("small-"), bench.bound("lone")),
        (0, 0, 0)
    );
    bench.remove("ballast").await;
    bench.rest().await;
    assert_eq!(bench.bound("g-"), 4);
    let bench = one_short("gang.hoards").await;
    for number in 0..4 {
        bench.remove(&format!("g-{number}")).await;
    }
    bench.gang("small", 3).await;
    bench.rest().await;
    assert_eq!(
        bench.bound("small-"),
        3,
        "what was kept goes with those who kept it"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_of_a_refusal() {
    let bench = one_short("gang.silent").await;
    assert_eq!((bench.bound("g-"), bench.standing("g").1), (0, String::new()));
    assert!((0..4).all(|number| bench.events(&format!("g-{number}")).is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_refused_gang_is_said_to_be_placed() {
    let bench = one_short("gang.false-status").await;
    assert_eq!((bench.bound("g-"), bench.standing("g").1), (0, "True".to_owned()));
}
