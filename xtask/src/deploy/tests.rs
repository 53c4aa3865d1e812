//! Do the manifests agree, with one another and with the server that they start?

use std::time::Duration;

use super::*;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/deploy")
}

fn kubernetes(file: &str) -> Value {
    yaml(&deploy().join("kubernetes").join(file)).unwrap()
}

fn pod() -> Value {
    kubernetes("deployment.yaml")["spec"]["template"]["spec"].take()
}

fn config() -> toml::Table {
    configuration(&deploy()).unwrap().parse().unwrap()
}

/// Bytes of `16MiB`, as arenaria writes them, and of `512Mi`, as Kubernetes does.
fn bytes(text: &str) -> u64 {
    let number: String = text.chars().take_while(char::is_ascii_digit).collect();
    let unit = match text[number.len()..].trim_end_matches('B') {
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        other => panic!("{text} has the unit {other:?}"),
    };
    number.parse::<u64>().unwrap() * unit
}

fn port(config: &toml::Table, key: &str) -> u64 {
    let address = config[key].as_str().unwrap();
    let (host, port) = address.rsplit_once(':').unwrap();
    assert_eq!(host, "0.0.0.0", "{key} is not reached from outside the pod");
    port.parse().unwrap()
}

/// Only these keys are in a table or mapping, and these are.
#[track_caller]
fn check_keys(value: &Value, required: &[&str], allowed: &[&str]) {
    let object = value.as_object().unwrap();
    for key in required {
        assert!(object.contains_key(*key), "{key} is missing in {value}");
    }
    for key in object.keys() {
        let known = required.iter().chain(allowed).any(|it| it == key);
        assert!(known, "{key} is unknown in {value}");
    }
}

#[test]
fn ports_are_those_of_the_configuration() {
    let (config, pod) = (config(), pod());
    let container = &pod["containers"][0];
    let of = |name: &str| {
        let ports = container["ports"].as_array().unwrap();
        let port = ports.iter().find(|port| port["name"] == name).unwrap();
        port["containerPort"].as_u64().unwrap()
    };
    assert_eq!(of("http"), port(&config, "listen"));
    assert_eq!(of("operator"), port(&config, "operator-listen"));
    for (probe, path) in
        [("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")]
    {
        let get = &container[probe]["httpGet"];
        assert_eq!((&get["port"], &get["path"]), (&"operator".into(), &path.into()), "{probe}");
    }
    let service = kubernetes("service.yaml");
    let ports = service["spec"]["ports"].as_array().unwrap();
    assert_eq!(ports.len(), 1, "the operator's port is for the cluster alone");
    assert_eq!(ports[0]["targetPort"], "http");
}

#[test]
fn every_image_has_the_configuration_s_ports() {
    let text = fs::read_to_string(deploy().join("image/arenaria.toml")).unwrap();
    let image: toml::Table = text.parse().unwrap();
    for key in ["listen", "operator-listen"] {
        assert_eq!(port(&image, key), port(&config(), key));
    }
}

#[test]
fn what_selects_pods_selects_these() {
    let deployment = kubernetes("deployment.yaml");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&deployment["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&kubernetes("service.yaml")["spec"]["selector"], labels);
    assert_eq!(&kubernetes("disruption-budget.yaml")["spec"]["selector"]["matchLabels"], labels);
    let autoscaler = kubernetes("autoscaler.yaml");
    assert_eq!(autoscaler["spec"]["scaleTargetRef"]["name"], deployment["metadata"]["name"]);
    assert_eq!(autoscaler["spec"]["scaleTargetRef"]["kind"], deployment["kind"]);
    // With one pod, a budget of one would allow none to serve.
    assert!(autoscaler["spec"]["minReplicas"].as_u64().unwrap() > 1);
    assert_eq!(kubernetes("disruption-budget.yaml")["spec"]["maxUnavailable"], 1);
}

#[test]
fn the_configuration_is_where_the_image_looks() {
    let pod = pod();
    let mount = &pod["containers"][0]["volumeMounts"][0];
    assert_eq!(mount["mountPath"], "/etc/arenaria");
    assert_eq!(mount["name"], pod["volumes"][0]["name"]);
    let map = kubernetes("config.yaml");
    assert_eq!(pod["volumes"][0]["configMap"]["name"], map["metadata"]["name"]);
}

#[test]
fn what_a_pod_may_take_is_what_the_settings_need() {
    const STACK: u64 = 2 << 20;
    let config = config();
    let number = |key: &str| u64::try_from(config[key].as_integer().unwrap()).unwrap();
    let memory = bytes(config["route"][0]["limits"]["memory"].as_str().unwrap());
    let host = bytes(config["limits"]["host-memory"].as_str().unwrap());
    assert_eq!(config["route"].as_array().unwrap().len(), 1);
    let needed = number("workers") * (number("slots") + 1) * (memory + STACK) + host;
    assert_eq!(needed, 436 << 20, "the comment in config.yaml says another number");

    let resources = pod()["containers"][0]["resources"].take();
    let limit = bytes(resources["limits"]["memory"].as_str().unwrap());
    assert!(needed <= limit, "{needed} bytes are needed, {limit} granted");
    // What is promised is set aside: the server takes it at start, not with load.
    assert_eq!(resources["requests"]["memory"], resources["limits"]["memory"]);
    assert_eq!(resources["limits"]["cpu"], number("workers").to_string());
}

#[test]
fn a_pod_has_time_to_drain() {
    let pod = pod();
    let pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap();
    let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
    let drain = config()["limits"]["drain-time"].as_str().unwrap().to_owned();
    let drain = humantime::parse_duration(&drain).unwrap();
    assert!(Duration::from_secs(pause) + drain < Duration::from_secs(grace));
}

#[test]
fn a_pod_may_do_nothing_that_it_need_not() {
    let pod = pod();
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["enableServiceLinks"], false);
    let security = &pod["securityContext"];
    assert_eq!(security["runAsNonRoot"], true);
    assert_eq!((&security["runAsUser"], &security["runAsGroup"]), (&65532.into(), &65532.into()));
    assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
    let security = &pod["containers"][0]["securityContext"];
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["capabilities"]["drop"], serde_json::json!(["ALL"]));
    assert!(security["capabilities"]["add"].is_null());
    // Then nothing may be kept anywhere.
    assert_eq!(config()["cache"].as_str(), Some("off"));
}

#[test]
fn images_have_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let workload = yaml(&deploy().join("wasmcloud/workload.yaml")).unwrap();
    let component = &workload["spec"]["template"]["spec"]["components"][0];
    assert_eq!(component["image"], format!("registry.example/arenaria/transform-p2:{version}"));
    assert_eq!(pod()["containers"][0]["image"], format!("registry.example/arenaria:{version}"));
}

#[test]
fn the_workload_has_what_wasmcloud_reads() {
    let workload = yaml(&deploy().join("wasmcloud/workload.yaml")).unwrap();
    check_keys(&workload, &["apiVersion", "kind", "metadata", "spec"], &[]);
    assert_eq!(workload["apiVersion"], "runtime.wasmcloud.dev/v1alpha1");
    assert_eq!(workload["kind"], "WorkloadDeployment");
    let spec = &workload["spec"];
    check_keys(spec, &["replicas", "template"], &["deployPolicy", "kubernetes", "artifacts"]);
    check_keys(&spec["template"], &["spec"], &["labels", "annotations"]);
    let spec = &spec["template"]["spec"];
    check_keys(spec, &["components", "hostInterfaces"], &["hostSelector", "environment"]);

    let interfaces = spec["hostInterfaces"].as_array().unwrap();
    assert_eq!(interfaces.len(), 1);
    let http = &interfaces[0];
    check_keys(http, &["namespace", "package", "interfaces"], &["config", "version", "name"]);
    assert_eq!((&http["namespace"], &http["package"]), (&"wasi".into(), &"http".into()));
    assert_eq!(http["interfaces"], serde_json::json!(["incoming-handler"]));

    let component = &spec["components"][0];
    let limits = ["poolSize", "maxConcurrency", "maxInvocations"];
    check_keys(component, &["name", "image", "localResources"], &limits);
    // A processor takes one request at a time.
    assert_eq!(component["maxConcurrency"], 1);
    check_keys(&component["localResources"], &["environment"], &[]);
    check_program(&component["localResources"]["environment"]["config"]);
}

#[test]
fn the_application_has_what_spin_reads() {
    let text = fs::read_to_string(deploy().join("spin/spin.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let manifest = serde_json::to_value(table).unwrap();
    check_keys(&manifest, &["spin_manifest_version", "application", "trigger", "component"], &[]);
    assert_eq!(manifest["spin_manifest_version"], 2);
    check_keys(&manifest["application"], &["name", "version"], &["description", "authors"]);
    assert_eq!(manifest["application"]["version"], env!("CARGO_PKG_VERSION"));
    let trigger = &manifest["trigger"]["http"][0];
    check_keys(trigger, &["route", "component"], &[]);
    assert_eq!(trigger["route"], "/...");

    let component = &manifest["component"][trigger["component"].as_str().unwrap()];
    let allowed = ["description", "allowed_outbound_hosts", "environment"];
    check_keys(component, &["source"], &allowed);
    assert_eq!(component["allowed_outbound_hosts"], serde_json::json!([]));
    // The comment says how to make it.
    let source = component["source"].as_str().unwrap();
    assert!(
        text.contains(&format!("# {:>2}arenaria bridge transform.wasm --world p2 -o {source}", ""))
    );
    check_program(&component["environment"]);
}

/// The bridge takes its settings from variables of this form; the program is the one of Kubernetes.
#[track_caller]
fn check_program(environment: &Value) {
    check_keys(environment, &["ARENARIA_SET_PROGRAM"], &[]);
    let program = config()["route"][0]["settings"]["program"].as_str().unwrap().to_owned();
    assert_eq!(environment["ARENARIA_SET_PROGRAM"], program);
}

#[test]
fn the_table_has_every_manifest() {
    let readme = fs::read_to_string(deploy().join("README.md")).unwrap();
    for folder in ["kubernetes", "wasmcloud", "spin", "image"] {
        for entry in fs::read_dir(deploy().join(folder)).unwrap() {
            let name = entry.unwrap().file_name();
            let path = format!("`{folder}/{}`", name.to_str().unwrap());
            assert!(readme.contains(&path), "README.md does not name {path}");
        }
    }
}
