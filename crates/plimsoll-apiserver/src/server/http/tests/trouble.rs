//! Trouble that is scripted.

use super::*;

#[tokio::test]
async fn scripted_trouble_befalls_requests() {
    let client = client();
    let refusal = Status::new(Reason::InternalError, "etcd is gone");
    let faults = client.0.faults();
    faults.script(
        Matching::path(PODS).method(Method::POST),
        Trouble::RefuseAfterwards(refusal.clone()),
        Some(1),
    );
    faults.script(
        Matching::path(PODS).method(Method::GET),
        Trouble::Refuse(refusal),
        Some(1),
    );
    faults.script(Matching::path(MAPS), Trouble::Silence, None);
    assert_eq!(client.post(PODS, &pod("a")).await.0, 500);
    assert_eq!(client.get(&format!("{PODS}/a")).await.0, 500);
    assert_eq!(client.get(&format!("{PODS}/a")).await.0, 200);
    assert!(client.get(MAPS).now_or_never().is_none());
    faults.clear();
    faults.drop_field(resources::PODS, "/spec/schedulerName");
    let mut other = pod("b");
    other["spec"]["schedulerName"] = json!("mine");
    let (_, created) = client.post(PODS, &other).await;
    assert_ne!(created["spec"]["schedulerName"], "mine");
}

#[tokio::test(start_paused = true)]
async fn answers_take_their_time_and_tell_it() {
    let client = client();
    client
        .0
        .faults()
        .delay(Matching::path("/api"), Duration::from_secs(61));
    let request = Request::builder().uri(PODS).body(Bytes::new()).unwrap();
    let answer = client.send(request).await;
    assert_eq!(answer.headers()[header::DATE], "Thu, 01 Oct 2026 08:01:01 GMT");
}
