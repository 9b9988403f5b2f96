//! What people type: a real `kubectl` against a served platform.
//!
//! The kubectl is that in `PLIMSOLL_KUBECTL`, the one that the lab built, or one of 1.36 or later on the `PATH`: what it
//! says is compared. Where there is none these tests say so and end, unless `PLIMSOLL_KUBECTL` is set, be it empty.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{served::Served, text};

/// A kubectl, and the platform that it speaks to.
struct Kubectl {
    program: Vec<String>,
    home: tempfile::TempDir,
    served: Served,
}

impl Kubectl {
    /// Brings the platform up, if there is a kubectl.
    fn on(platform: &str) -> Option<Self> {
        let Some(program) = program() else {
            let wanted = std::env::var_os("PLIMSOLL_KUBECTL").is_some();
            assert!(
                !wanted,
                "there is no kubectl: neither among what the lab built nor, of 1.36 or later, on the PATH"
            );
            #[expect(clippy::print_stderr, reason = "a test that proved nothing has to say so")]
            {
                eprintln!(
                    "SKIPPED: there is no kubectl: neither among what the lab built nor, of 1.36 or later, on the PATH"
                );
            }
            return None;
        };
        let home = tempfile::tempdir().unwrap();
        let served = Served::up(home.path(), platform);
        Some(Self {
            program,
            home,
            served,
        })
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.program[0]);
        command
            .args(&self.program[1..])
            .args(line.split_whitespace())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("KUBECONFIG", &self.served.kubeconfig)
            .current_dir(self.home.path());
        command
    }

    fn end(&self, line: &str, input: &str) -> (bool, String) {
        let mut child = self
            .command(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (
            output.status.success(),
            text(&output.stdout) + &text(&output.stderr),
        )
    }

    /// Runs it and returns what it said.
    fn run(&self, line: &str) -> String {
        self.fed(line, "")
    }

    /// The same, with something to read.
    fn fed(&self, line: &str, input: &str) -> String {
        let (success, said) = self.end(line, input);
        assert!(success, "kubectl {line}\n{said}");
        said
    }

    /// Runs it, and it must say that.
    fn says(&self, line: &str, wanted: &str) {
        let said = self.run(line);
        assert!(said.contains(wanted), "kubectl {line}: no `{wanted}` in\n{said}");
    }

    /// Runs it, and it must fail and say that.
    fn refuses(&self, line: &str, input: &str, wanted: &str) {
        let (success, said) = self.end(line, input);
        assert!(!success, "kubectl {line} should fail:\n{said}");
        assert!(said.contains(wanted), "kubectl {line}: no `{wanted}` in\n{said}");
    }

    /// Starts it, and reads its first lines while `act` makes something happen.
    fn follow(&self, line: &str, lines: usize, act: impl FnOnce()) -> Vec<String> {
        let mut child = self.command(line).stdout(Stdio::piped()).spawn().unwrap();
        let mut read = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = vec![read.next().unwrap().unwrap()];
        act();
        seen.extend(read.take(lines - 1).map(Result::unwrap));
        let _ = child.kill();
        let _ = child.wait();
        seen
    }
}

/// How kubectl is called.
fn program() -> Option<Vec<String>> {
    let named = std::env::var("PLIMSOLL_KUBECTL").unwrap_or_default();
    if !named.is_empty() {
        return Some(named.split_whitespace().map(str::to_owned).collect());
    }
    built_by_the_lab().or_else(on_the_path)
}

fn built_by_the_lab() -> Option<Vec<String>> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")))?
        .join("plimsoll-lab");
    let built = |folder: &PathBuf| folder.metadata().and_then(|folder| folder.modified()).ok();
    let newest = std::fs::read_dir(cache)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|folder| {
            folder
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("kubernetes-"))
        })
        .max_by_key(built)?;
    // One program that is every part of Kubernetes.
    let program = newest.join("kubernetes");
    program
        .is_file()
        .then(|| vec![program.to_string_lossy().into_owned(), "kubectl".to_owned()])
}

fn on_the_path() -> Option<Vec<String>> {
    let version = Command::new("kubectl")
        .args(["version", "--client", "-o", "json"])
        .output()
        .ok()?;
    let version: Value = serde_json::from_slice(&version.stdout).ok()?;
    let minor: u32 = version["clientVersion"]["minor"].as_str()?.parse().ok()?;
    (minor >= 36).then(|| vec!["kubectl".to_owned()])
}

const DEPLOYMENT: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: one, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: c, image: plimsoll.dev/pause:1, ports: [{containerPort: 80}]}
";

const CLAIM: &str = r"
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: gpu, namespace: one}
spec: {devices: {requests: [{name: g, exactly: {deviceClassName: gpu.nvidia.com}}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: user, namespace: one, labels: {who: user}}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  resourceClaims: [{name: g, resourceClaimName: gpu}]
  containers:
  - {name: c, image: plimsoll.dev/probe:1, args: [devices, --hold], resources: {claims: [{name: g}]}}
";

#[test]
fn objects_are_read_in_every_way() {
    let Some(kubectl) = Kubectl::on("nvidia") else {
        return;
    };
    kubectl.says("version", "Server Version: v1.36");
    kubectl.says("get nodes -o wide", "Simulated Linux");
    kubectl.says("get nodes -l kubernetes.io/hostname=cpu-1 -o name", "node/cpu-1");
    kubectl.run("wait deployment --all -A --for=condition=Available --timeout=60s");
    kubectl.says(
        "get pods -A --field-selector status.phase=Running",
        "prometheus-operator",
    );
    kubectl.says(
        "get pods -A --field-selector status.phase=Failed",
        "No resources found",
    );
    kubectl.says("get all -A", "deployment.apps/prometheus-operator");
    kubectl.says("get deviceclass gpu.nvidia.com -o yaml", "kind: DeviceClass");
    assert_eq!(
        kubectl.run("get node cpu-1 -o jsonpath={.status.allocatable.pods}"),
        "110"
    );
    let slices: Value = serde_json::from_str(&kubectl.run("get resourceslices -o json")).unwrap();
    assert_eq!(slices["items"].as_array().map(Vec::len), Some(2));
    kubectl.says("describe node nvidia-1", "gpu.nvidia.com");
    kubectl.refuses("get node nobody", "", "nodes \"nobody\" not found");
    kubectl.says("api-resources", "resourceclaimtemplates");
    kubectl.says("api-versions", "resource.k8s.io/v1");
    kubectl.says(
        "explain pod.spec.containers.ports",
        "containerPort\t<integer> -required-",
    );
    kubectl.says("explain deployment --recursive", "maxSurge");
    kubectl.says("explain gateway", "GROUP:      gateway.networking.k8s.io");
    kubectl.says("get --raw /readyz", "ok");
}

#[test]
fn objects_are_written_in_every_way() {
    let Some(kubectl) = Kubectl::on("nvidia") else {
        return;
    };
    let three = DEPLOYMENT.replace("replicas: 2", "replicas: 3");
    kubectl.says("create ns one", "namespace/one created");
    let fed = |line: &str, input: &str, wanted: &str| {
        let said = kubectl.fed(line, input);
        assert!(said.contains(wanted), "kubectl {line}: no `{wanted}` in\n{said}");
    };
    fed(
        "apply --server-side -f -",
        DEPLOYMENT,
        "deployment.apps/web serverside-applied",
    );
    kubectl.refuses(
        "apply --server-side --field-manager other -f -",
        &three,
        "conflict with \"kubectl\": .spec.replicas",
    );
    fed(
        "apply --server-side --field-manager other --force-conflicts -f -",
        &three,
        "serverside-applied",
    );
    kubectl.says(
        "rollout status -n one deploy/web --timeout 30s",
        "successfully rolled out",
    );
    kubectl.says("get deploy -n one web -o wide", "3/3");
    kubectl.says(
        "get deploy -n one web -o yaml --show-managed-fields",
        "manager: other",
    );
    kubectl.says("scale -n one deploy/web --replicas 1", "scaled");
    kubectl.says(
        "wait -n one deploy/web --for=jsonpath={.status.readyReplicas}=1 --timeout 30s",
        "condition met",
    );
    kubectl.says(
        "set image -n one deploy/web c=plimsoll.dev/pause:2",
        "image updated",
    );
    kubectl.says(
        "rollout status -n one deploy/web --timeout 30s",
        "successfully rolled out",
    );
    kubectl.says("rollout history -n one deploy/web", "2");
    kubectl.says("rollout undo -n one deploy/web", "rolled back");
    kubectl.says("expose -n one deploy/web --port 80", "service/web exposed");
    kubectl.says(
        "autoscale -n one deploy/web --min 1 --max 3 --cpu 80%",
        "autoscaled",
    );
    kubectl.says("label -n one deploy web tier=front", "labeled");
    kubectl.says("annotate -n one deploy web note=x", "annotated");
    kubectl.says(
        "patch -n one deploy web -p {\"spec\":{\"paused\":true}}",
        "patched",
    );
    kubectl.says(
        "patch -n one deploy web --type json -p [{\"op\":\"remove\",\"path\":\"/spec/paused\"}]",
        "patched",
    );
    kubectl.says("create configmap -n one settings --from-literal k=v", "created");
    assert_eq!(kubectl.run("get cm -n one settings -o jsonpath={.data.k}"), "v");
    kubectl.says(
        "create secret generic -n one hidden --from-literal k=v",
        "created",
    );
    assert_eq!(
        kubectl.run("get secret -n one hidden -o jsonpath={.data.k}"),
        "dg=="
    );
    kubectl.says("create sa -n one robot", "created");
    kubectl.says(
        "create role -n one reader --verb get,list --resource pods",
        "created",
    );
    kubectl.says(
        "create rolebinding -n one readers --role reader --serviceaccount one:robot",
        "created",
    );
    kubectl.says("create quota -n one few --hard pods=9", "created");
    kubectl.says("create job -n one once --image plimsoll.dev/probe:1", "created");
    assert!(!kubectl.run("create token -n one robot").trim().is_empty());
    kubectl.says("cordon cpu-1", "cordoned");
    kubectl.says("get node cpu-1", "SchedulingDisabled");
    kubectl.says(
        "drain cpu-1 --ignore-daemonsets --force --delete-emptydir-data --timeout 30s",
        "drained",
    );
    kubectl.says("uncordon cpu-1", "uncordoned");
    kubectl.says("taint node cpu-1 a=b:NoSchedule", "tainted");
    kubectl.says(
        "delete deploy -n one web --cascade=foreground --timeout 30s",
        "deleted",
    );
    kubectl.says("delete ns one --timeout 30s", "deleted");
    kubectl.refuses("get ns one", "", "not found");
}

#[test]
fn an_applied_object_is_merged_by_the_client_too() {
    let Some(kubectl) = Kubectl::on("minimal") else {
        return;
    };
    kubectl.run("create ns one");
    kubectl.fed("apply -f -", DEPLOYMENT);
    assert!(kubectl.fed("apply -f -", DEPLOYMENT).contains("unchanged"));
    kubectl.run("annotate -n one deploy web theirs=kept");
    let renamed = DEPLOYMENT.replace("replicas: 2", "replicas: 1").replace(
        "labels: {app: web}}\nspec",
        "labels: {app: web, new: label}}\nspec",
    );
    assert!(kubectl.fed("apply -f -", &renamed).contains("configured"));
    let web: Value = serde_json::from_str(&kubectl.run("get deploy -n one web -o json")).unwrap();
    assert_eq!(web["spec"]["replicas"], 1);
    assert_eq!(web["metadata"]["labels"]["new"], "label");
    assert_eq!(web["metadata"]["annotations"]["theirs"], "kept");
    assert_eq!(
        web["spec"]["template"]["spec"]["containers"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[test]
fn pods_are_waited_for_watched_read_and_deleted() {
    let Some(kubectl) = Kubectl::on("nvidia") else {
        return;
    };
    kubectl.run("create ns one");
    let seen = kubectl.follow("get cm -n one -w -o name", 2, || {
        kubectl.run("create cm -n one a");
    });
    assert!(seen.iter().any(|line| line == "configmap/a"), "{seen:?}");
    kubectl.fed("apply -f -", CLAIM);
    kubectl.says(
        "wait -n one pod/user --for=condition=Ready --timeout 30s",
        "condition met",
    );
    kubectl.says("get resourceclaim -n one gpu", "allocated,reserved");
    kubectl.says("describe pod -n one user", "QoS Class");
    kubectl.says("describe pod -n one user", "Successfully assigned one/user");
    kubectl.says("describe resourceclaim -n one gpu", "Driver:");
    let log = kubectl.run("logs -n one user");
    assert!(log.lines().count() > 1, "{log}");
    assert_eq!(kubectl.run("logs -n one user --tail 1").lines().count(), 1);
    kubectl.says("logs -n one -l who=user --timestamps", "Z {");
    kubectl.refuses(
        "logs -n one user --previous",
        "",
        "previous terminated container \"c\" in pod \"user\" not found",
    );
    let followed = kubectl.follow("logs -n one user -f", log.lines().count() + 1, || {
        kubectl.run("delete pod -n one user --wait=false");
    });
    assert!(followed.len() >= log.lines().count(), "{followed:?}");
    kubectl.run("wait -n one pod/user --for=delete --timeout 30s");
    kubectl.fed("apply -f -", CLAIM);
    kubectl.run("delete pod -n one user --grace-period 0 --force");
    kubectl.refuses("get pod -n one user", "", "not found");
}

#[test]
fn people_ask_what_they_may_do() {
    let Some(kubectl) = Kubectl::on("minimal") else {
        return;
    };
    assert_eq!(kubectl.run("auth can-i create pods").trim(), "yes");
    kubectl.says("auth can-i --list", "*.*");
    kubectl.says("auth whoami", "Username");
    kubectl.run("create sa robot");
    kubectl.run("create clusterrole reader --verb get,list --resource pods");
    kubectl.run("create clusterrolebinding readers --clusterrole reader --serviceaccount default:robot");
    let robot = "--as system:serviceaccount:default:robot";
    assert_eq!(
        kubectl.run(&format!("auth can-i list pods {robot}")).trim(),
        "yes"
    );
    kubectl.refuses(&format!("auth can-i delete pods {robot}"), "", "no");
    kubectl.says(&format!("auth can-i --list {robot}"), "pods");
    kubectl.refuses(&format!("delete ns default {robot}"), "", "Forbidden");
}
