//! Containers that fail, wait for each other, or have no image.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_program_that_is_not_in_the_image_is_named() {
    let bench = Bench::new(Allocation::Dra, &[]);
    let mut pod = pod("p", &[container("c", &[])]);
    pod["spec"]["restartPolicy"] = json!("Always");
    pod["spec"]["containers"][0]["command"] = json!(["sh", "-c", "true"]);
    bench.run(pod).await;
    let pod = bench
        .until("p", |pod| {
            pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "RunContainerError"
        })
        .await;
    let last = &pod["status"]["containerStatuses"][0]["lastState"]["terminated"];
    assert_eq!(
        (&last["exitCode"], &last["reason"]),
        (&json!(128), &json!("StartError"))
    );
    assert!(
        last["message"]
            .as_str()
            .unwrap()
            .ends_with("exec: \"sh\": executable file not found in $PATH")
    );
    let held = bench
        .until("p", |pod| {
            pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        })
        .await;
    assert_eq!(held["status"]["containerStatuses"][0]["restartCount"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_fails_comes_again_with_its_volumes_and_its_device() {
    for (defect, seen) in [
        ("none", vec!["/dev/nvidia0"]),
        ("sec.restart", vec!["/dev/nvidia0", "/dev/nvidia1"]),
    ] {
        let bench = Bench::new(Allocation::Plugin, &[defect]);
        let args = [
            "devices",
            "--match=/dev/nvidia*",
            "--fail-first=/mark/failed",
            "--hold",
        ];
        let mut pod = asking("p", 1, &args);
        pod["spec"]["restartPolicy"] = json!("Always");
        pod["spec"]["volumes"] = json!([{"name": "mark", "emptyDir": {}}]);
        pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "mark", "mountPath": "/mark"}]);
        bench.run(pod).await;
        let again = bench
            .until("p", |pod| {
                let status = &pod["status"]["containerStatuses"][0];
                status["restartCount"] == 1 && !status["state"]["running"].is_null()
            })
            .await;
        let last = &again["status"]["containerStatuses"][0]["lastState"]["terminated"];
        assert_eq!((&last["exitCode"], &last["reason"]), (&json!(1), &json!("Error")));
        let before = Transcript::from_log(&bench.log("p", "holder", true).await);
        assert_eq!(open(&before), ["/dev/nvidia0"]);
        assert_eq!(open(&bench.transcript("p", "holder").await), seen, "{defect}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_fails_again_and_again_is_held_back() {
    let bench = Bench::new(Allocation::Dra, &[]);
    let mut failing = pod(
        "p",
        &[container("c", &["load", "--device=/dev/none", "--seconds=1"])],
    );
    failing["spec"]["restartPolicy"] = json!("Always");
    let created = bench.run(failing).await;
    let held = bench
        .until("p", |pod| {
            pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        })
        .await;
    let uid = created["metadata"]["uid"].as_str().unwrap();
    let status = &held["status"]["containerStatuses"][0];
    assert_eq!(
        status["state"]["waiting"]["message"],
        format!("back-off 10s restarting failed container=c pod=p_default({uid})")
    );
    assert_eq!(status["restartCount"], 1);
    assert_eq!(held["status"]["phase"], "Running");
    let later = bench
        .until("p", |pod| {
            pod["status"]["containerStatuses"][0]["restartCount"] == 3
        })
        .await;
    let message = later["status"]["containerStatuses"][0]["lastState"]["terminated"]["message"]
        .as_str()
        .unwrap();
    assert!(message.contains("opening /dev/none gave ENOENT"));
}

#[tokio::test(start_paused = true)]
async fn init_containers_sidecars_and_main_containers_have_their_order_and_their_own_devices() {
    for (defect, beside) in [("none", vec![]), ("sec.sidecar", vec!["/dev/nvidia0"])] {
        let bench = Bench::new(Allocation::Plugin, &[defect]);
        let mut pod = asking("p", 1, &LOOK);
        let mut sidecar = container("beside", &STAY);
        sidecar["restartPolicy"] = json!("Always");
        pod["spec"]["initContainers"] = json!([container("before", &LOOK), sidecar]);
        bench.run(pod).await;
        let waiting = bench
            .until("p", |pod| pod["status"]["initContainerStatuses"].is_array())
            .await;
        let main = &waiting["status"]["containerStatuses"][0];
        assert_eq!(main["state"]["waiting"]["reason"], "PodInitializing");
        bench.phase("p", "Succeeded").await;
        assert!(open(&bench.transcript("p", "before").await).is_empty());
        assert_eq!(open(&bench.transcript("p", "beside").await), beside, "{defect}");
        assert_eq!(open(&bench.transcript("p", "holder").await), ["/dev/nvidia0"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_had_is_tried_again_ever_more_seldom() {
    let bench = Bench::new(Allocation::Dra, &[]);
    let mut pod = pod("p", &[container("c", &[])]);
    pod["spec"]["containers"][0]["image"] = json!("example.com/none:1");
    bench.run(pod).await;
    let reason = |pod: &Value| pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"].clone();
    bench.until("p", |pod| reason(pod) == "ErrImagePull").await;
    let backing_off = bench.until("p", |pod| reason(pod) == "ImagePullBackOff").await;
    let waiting = &backing_off["status"]["containerStatuses"][0]["state"]["waiting"];
    assert!(waiting["message"].as_str().unwrap().starts_with(
        "Back-off pulling image \"example.com/none:1\": ErrImagePull: failed to pull and unpack image"
    ));
    let told = bench.events("p");
    assert!(
        told.contains(&"Failed Error: ErrImagePull".to_owned()),
        "{told:?}"
    );
}
