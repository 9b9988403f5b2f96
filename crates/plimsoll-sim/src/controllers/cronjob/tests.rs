use plimsoll_apiserver::resources;
use serde_json::{Value, json};

use crate::controllers::stand::{Stand, template};

fn cron(spec: Value) -> Value {
    let job = json!({"spec": {"backoffLimit": 6, "template": template("tick", Some("Succeeded"))}});
    let mut cron = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick", "namespace": "default"},
        "spec": {"schedule": "* * * * *", "concurrencyPolicy": "Allow", "suspend": false,
            "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1, "jobTemplate": job}});
    for (field, value) in spec.as_object().into_iter().flatten() {
        cron["spec"][field] = value.clone();
    }
    cron
}

#[tokio::test(start_paused = true)]
async fn a_job_is_started_each_minute_and_old_ones_are_forgotten() {
    let stand = Stand::new();
    stand.create(cron(json!({"successfulJobsHistoryLimit": 2}))).await;
    stand.pass(59).await;
    assert!(stand.names(&resources::JOBS, "default").is_empty());
    stand.pass(2).await;
    assert_eq!(stand.names(&resources::JOBS, "default").len(), 1);
    stand.pass(4 * 60 + 10).await;
    assert_eq!(stand.names(&resources::JOBS, "default").len(), 2);
    let told = stand.get(&resources::CRON_JOBS, "default", "tick").unwrap();
    assert_eq!(told["status"]["lastScheduleTime"], "2026-03-01T00:05:00Z");
    assert!(told["status"]["lastSuccessfulTime"].is_string());
    assert!(told["status"].get("active").is_none());
    let reasons: Vec<String> = stand
        .events("default", "tick")
        .into_iter()
        .map(|(reason, _)| reason)
        .collect();
    assert!(
        reasons.contains(&"SawCompletedJob".to_owned()) && reasons.contains(&"SuccessfulDelete".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn a_running_job_can_forbid_the_next() {
    let stand = Stand::new();
    let mut forbid = cron(json!({"concurrencyPolicy": "Forbid"}));
    forbid["spec"]["jobTemplate"]["spec"]["template"] = template("tick", None);
    forbid["spec"]["jobTemplate"]["spec"]["template"]["spec"]["restartPolicy"] = json!("Never");
    stand.create(forbid).await;
    stand.pass(200).await;
    assert_eq!(stand.names(&resources::JOBS, "default").len(), 1);
    let reasons: Vec<String> = stand
        .events("default", "tick")
        .into_iter()
        .map(|(reason, _)| reason)
        .collect();
    assert!(reasons.contains(&"JobAlreadyActive".to_owned()));
}
