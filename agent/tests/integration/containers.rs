//! Docker's and Kubernetes' logs, with what is known of their containers.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};

use trivium_bench_agent::lines::Kind;

use crate::support::{Bed, Writer, body, of_resource, records, resource_logs};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// Docker cuts lines after so many bytes.
const PART: usize = 16 * 1024;

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A line of Docker's json-file.
fn docker(log: &str, stream: &str) -> String {
    let log = serde_json::to_string(log).unwrap();
    format!(
        "{{\"log\":{log},\"stream\":\"{stream}\",\"time\":\"2026-11-24T12:00:00.000000001Z\"}}\n"
    )
}

/// A bed with a container named `web` of the compose project `shop`.
fn docker_bed() -> Bed {
    let bed = Bed::new();
    bed.sink.keep();
    let folder = bed.path("docker").join(ID);
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("config.v2.json"),
        format!(
            r#"{{"ID":"{ID}","Name":"/shop-web-1","Config":{{"Image":"registry:5000/web:1.2","Env":null,
            "Labels":{{"com.docker.compose.project":"shop","com.docker.compose.service":"web"}}}}}}"#
        ),
    )
    .unwrap();
    bed.configure_as(&format!(
        "logs:\n  containers: {{docker: {}, kubernetes: {}}}\nmetrics: {{host: false, containers: false}}\n",
        bed.path("docker").display(),
        bed.path("pods").display(),
    ));
    bed
}

#[test]
fn the_lines_of_a_docker_container_arrive_with_its_name_image_project_and_service() {
    let bed = docker_bed();
    let log = bed.path("docker").join(ID).join(format!("{ID}-json.log"));
    let mut writer = Writer::of_kind(&log, Kind::Docker, 1);
    writer.write(2_000);
    let agent = bed.start();
    bed.arrived(&agent, 1, 2_000);
    writer.write(500);
    writer.rotate();
    writer.write(500);
    bed.arrived(&agent, 1, 3_000);
    agent.stop();
    for resource_logs in bed.resource_logs() {
        let of = |key| of_resource(&resource_logs, key);
        for (key, value) in [
            ("container.id", ID),
            ("container.name", "shop-web-1"),
            ("container.image.name", "registry:5000/web"),
            ("service.name", "web"),
            ("service.namespace", "shop"),
            ("os.type", "linux"),
        ] {
            assert_eq!(of(key).as_deref(), Some(value), "{key}");
        }
    }
    bed.sink.with_tally(|tally| {
        assert_eq!(
            (tally.records, tally.duplicates, tally.out_of_order),
            (3_000, 0, 0)
        );
    });
}

#[test]
fn the_parts_of_a_docker_line_are_joined_across_a_rotation_and_a_kill() {
    let bed = docker_bed();
    let log = bed.path("docker").join(ID).join(format!("{ID}-json.log"));
    let text = |letter: &str| letter.repeat(PART);
    append(&log, &docker("line=1/0 first\n", "stdout"));
    append(&log, &docker(&text("a"), "stdout"));
    let agent = bed.start();
    bed.arrived(&agent, 1, 1);
    // The other stream does not come between the parts.
    append(&log, &docker("line=1/1 other\n", "stderr"));
    bed.arrived(&agent, 1, 2);
    agent.kill();
    append(&log, &docker(&text("b"), "stdout"));
    let agent = bed.start();
    agent.says("configuration: ");
    fs::rename(&log, log.with_extension("log.1")).unwrap();
    append(&log, &docker(&text("c"), "stdout"));
    append(&log, &docker("d line=1/2\n", "stdout"));
    append(&log, &docker("line=1/3 last\n", "stdout"));
    bed.arrived(&agent, 1, 4);
    agent.stop();
    let whole = format!("{}{}{}d line=1/2", text("a"), text("b"), text("c"));
    let all = bed.resource_logs();
    let bodies: Vec<_> = all.iter().flat_map(records).map(body).collect();
    let long: Vec<_> = bodies.iter().filter(|body| body.len() > 100).collect();
    assert_eq!(
        long.len(),
        1,
        "{:?}",
        bodies.iter().map(|body| body.len()).collect::<Vec<_>>()
    );
    assert_eq!(*long[0], whole);
}

#[test]
fn the_lines_of_a_pod_arrive_joined_and_with_its_namespace_and_container() {
    let bed = docker_bed();
    let folder = bed.path("pods/shop_web-7d9-x2_6f1a-22/nginx");
    fs::create_dir_all(&folder).unwrap();
    let log = folder.join("0.log");
    let cri =
        |tag: &str, text: &str| format!("2026-11-24T12:00:00.000000001Z stdout {tag} {text}\n");
    append(&log, &cri("F", "line=1/0 whole"));
    append(&log, &cri("P", "line=1/1 be"));
    let agent = bed.start();
    bed.arrived(&agent, 1, 1);
    agent.kill();
    append(&log, &cri("P", "gun, "));
    let agent = bed.start();
    fs::rename(&log, folder.join("0.log.20261124-120000")).unwrap();
    append(&log, &cri("F", "ended"));
    append(&log, &cri("F", "line=1/2 next"));
    bed.arrived(&agent, 1, 3);
    agent.stop();
    let all = bed.sink.with_tally(resource_logs);
    let bodies: Vec<_> = all.iter().flat_map(records).map(body).collect();
    assert!(bodies.contains(&"line=1/1 begun, ended"), "{bodies:?}");
    for resource_logs in &all {
        let of = |key| of_resource(resource_logs, key);
        for (key, value) in [
            ("k8s.namespace.name", "shop"),
            ("k8s.pod.name", "web-7d9-x2"),
            ("k8s.pod.uid", "6f1a-22"),
            ("k8s.container.name", "nginx"),
        ] {
            assert_eq!(of(key).as_deref(), Some(value), "{key}");
        }
    }
    bed.sink
        .with_tally(|tally| assert_eq!(tally.out_of_order, 0));
}
