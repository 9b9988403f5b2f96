//! Takes pods through their life on the current context's cluster: one that runs with an accelerator, one whose
//! image can't be pulled, one that asks for a device that does not exist. Says how long each step took and
//! leaves nothing behind. The argument is an image whose entry point knows `devices`, such as the probe's.

use std::{
    error::Error,
    io::Write,
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use plimsoll_platform::{
    Ask, Budget, Condition, ConnectOptions, Deadline, DeadlineKind, Grace, Namespace, Path, Placement,
    Platform, PodSecurity, RunId, Watched, Workspace, dra, leftovers, pods, survey,
};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let image = std::env::args().nth(1).ok_or("expected an image")?;
    let platform = Platform::connect(&ConnectOptions::default()).await?;
    let workspace = Workspace::new(platform.clone(), RunId::random());
    let result = live(&platform, &workspace, &image).await;
    let started = Instant::now();
    let cleanup = workspace.cleanup().await;
    say(started, &format!("cleaned up: {cleanup:?}"))?;
    let left = leftovers(&platform).await?;
    say(started, &format!("left behind: {left:?}"))?;
    result
}

async fn live(platform: &Platform, workspace: &Workspace, image: &str) -> Result<(), Box<dyn Error>> {
    let inventory = survey(platform).await?;
    let path = inventory
        .paths()
        .into_iter()
        .find(|path| path.is_dra())
        .ok_or("no accelerator by DRA")?
        .clone();
    let Path::Dra { class, api, .. } = path.clone() else {
        return Err("not by DRA".into());
    };
    let ask = Ask {
        path,
        min: 1,
        max: 1,
        placement: Placement::SameNode,
    };
    let lease = Budget::new(&inventory).acquire(ask).await?;

    let started = Instant::now();
    let namespace = workspace.namespace("pod-life", PodSecurity::Restricted).await?;
    say(
        started,
        &format!("namespace {}, lease {lease:?}", namespace.name()),
    )?;

    let started = Instant::now();
    let wanted = dra::Request::one("gpu", class.as_str());
    namespace
        .create(template(&api, "one", std::slice::from_ref(&wanted)))
        .await?;
    let pod = namespace.create(pod("runs", image, Some("one"))).await?;
    let seen = watched(&namespace, "runs")
        .until(pods::started(), within(60))
        .await?;
    let node = seen.one().and_then(|pod| pod.spec.as_ref()?.node_name.clone());
    say(started, &format!("started on {node:?}"))?;
    let api_of_pods = namespace.api::<Pod>();
    let line = pods::log_until(
        &api_of_pods,
        "runs",
        "c",
        |line| Some(line.to_owned()),
        within(30),
    )
    .await?;
    say(started, &format!("says {line}"))?;
    let none = pods::log_until(&api_of_pods, "runs", "c", |_| None::<()>, within(10)).await;
    say(
        started,
        &format!(
            "and nothing else: {}",
            none.err().map_or_else(String::new, |error| error.to_string())
        ),
    )?;
    namespace.delete(&pod, Grace::SHORT).await?;
    let uid = pod.uid().unwrap_or_default();
    watched(&namespace, "runs")
        .until(pods::gone(uid), within(30))
        .await?;
    say(started, "gone")?;

    let started = Instant::now();
    namespace
        .create(self::pod("no-image", "127.0.0.1:9/nothing:1", None))
        .await?;
    let error = watched(&namespace, "no-image")
        .until(pods::running(), within(60))
        .await
        .err();
    say(
        started,
        &format!(
            "{:?} {error:?}",
            error.as_ref().map(plimsoll_platform::WaitError::blames_platform)
        ),
    )?;

    let started = Instant::now();
    let impossible = wanted.selector("device.driver == 'nobody'");
    namespace.create(template(&api, "none", &[impossible])).await?;
    namespace.create(self::pod("waits", image, Some("none"))).await?;
    let pending = watched(&namespace, "waits");
    pending
        .until(pods::pending_because("Unschedulable"), within(30))
        .await?;
    say(started, "is pending")?;
    pending.hold(pods::bound().not(), Duration::from_secs(5)).await?;
    say(started, "stays pending")?;
    let error = pending.until(pods::running(), within(2)).await.err();
    say(
        started,
        &error.map_or_else(String::new, |error| error.to_string()),
    )?;
    Ok(())
}

fn watched(namespace: &Namespace, name: &str) -> Watched<Pod> {
    Watched::one(namespace.api(), name)
}

fn within(seconds: u64) -> Deadline {
    Deadline {
        name: "example",
        kind: DeadlineKind::Patience,
        within: Duration::from_secs(seconds),
    }
}

fn template(api: &str, name: &str, requests: &[dra::Request]) -> Value {
    json!({
        "apiVersion": format!("{}/{api}", dra::GROUP), "kind": "ResourceClaimTemplate",
        "metadata": {"name": name}, "spec": {"spec": dra::claim_spec(api, requests)},
    })
}

fn pod(name: &str, image: &str, template: Option<&str>) -> Value {
    let claims: Vec<Value> = template
        .iter()
        .map(|name| json!({"name": "gpu", "resourceClaimTemplateName": name}))
        .collect();
    let uses: Vec<Value> = template.iter().map(|_| json!({"name": "gpu"})).collect();
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never", "resourceClaims": claims,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "c", "image": image, "args": ["devices"], "imagePullPolicy": "IfNotPresent",
                "resources": {"claims": uses},
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    })
}

fn say(started: Instant, what: &str) -> std::io::Result<()> {
    writeln!(
        std::io::stdout(),
        "{:>6.2} s  {what}",
        started.elapsed().as_secs_f64()
    )
}
