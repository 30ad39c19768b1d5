use std::{fs, os::unix::fs::symlink};

use opentelemetry_proto::tonic::{common::v1::any_value::Value, resource::v1::Resource};
use prost::Message as _;
use tempfile::TempDir;

use super::*;
use crate::wire::attributes;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

struct Host {
    folder: TempDir,
    directory: ContainerDirectory,
}

impl Host {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            docker: Some(folder.path().join("docker")),
            kubernetes: Some(folder.path().join("log/pods")),
        };
        let mut host = Vec::new();
        attributes::string(&mut host, attributes::OF_RESOURCE, "host.name", "h");
        Self {
            folder,
            directory: ContainerDirectory::new(settings, host),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn link(&self, path: &str, target: impl AsRef<Path>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    fn describe(&self, name: &str) {
        self.write(
            &format!("docker/{ID}/config.v2.json"),
            &format!(
                r#"{{"ID":"{ID}","Name":"/{name}","Config":{{"Image":"registry:5000/web:1.2","Env":["A=b"],"Labels":
                {{"com.docker.compose.project":"shop","com.docker.compose.service":"web","other":"x"}}}},"More":[1]}}"#
            ),
        );
    }

    fn log(&self, path: &str) -> Option<ContainerLog> {
        self.directory.log(&self.path(path))
    }
}

/// The attributes as `key=value`, sorted.
fn shown(resource: &[u8]) -> Vec<String> {
    let value = |value: Option<Value>| match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(value)) => value.to_string(),
        other => format!("{other:?}"),
    };
    let resource = Resource::decode(resource).unwrap();
    let mut shown: Vec<_> = resource
        .attributes
        .into_iter()
        .map(
            |attribute| match attribute.value.and_then(|value| value.value) {
                Some(Value::ArrayValue(array)) => {
                    let values: Vec<_> = array
                        .values
                        .into_iter()
                        .map(|element| value(element.value))
                        .collect();
                    format!("{}=[{}]", attribute.key, values.join(","))
                }
                other => format!("{}={}", attribute.key, value(other)),
            },
        )
        .collect();
    shown.sort();
    shown
}

fn shown_log(log: &ContainerLog) -> Vec<String> {
    shown(&log.origin.identity().resource)
}

#[test]
fn a_docker_log_carries_what_docker_knows_about_its_container() {
    let host = Host::new();
    host.describe("shop-web-1");
    let log = host.log(&format!("docker/{ID}/{ID}-json.log")).unwrap();
    let expected = [
        format!("container.id={ID}"),
        "container.image.name=registry:5000/web".to_owned(),
        "container.image.tags=[1.2]".to_owned(),
        "container.label.com.docker.compose.project=shop".to_owned(),
        "container.label.com.docker.compose.service=web".to_owned(),
        "container.name=shop-web-1".to_owned(),
        "host.name=h".to_owned(),
        "service.name=web".to_owned(),
        "service.namespace=shop".to_owned(),
    ];
    assert_eq!(
        (log.format, shown_log(&log)),
        (Format::Docker, expected.to_vec())
    );
    assert_eq!(log.name, "shop-web-1");
    assert_eq!(
        shown(&host.directory.resource(ID).unwrap()),
        expected,
        "metrics get the same"
    );
    let rotated = host.log(&format!("docker/{ID}/{ID}-json.log.1")).unwrap();
    assert_eq!(rotated.origin.identity().key, log.origin.identity().key);
}

#[test]
fn a_container_that_is_renamed_has_its_new_name_after_a_refresh() {
    let host = Host::new();
    host.describe("old");
    let log = host.log(&format!("docker/{ID}/{ID}-json.log")).unwrap();
    let before = log.origin.identity().key;
    host.directory.refresh();
    assert_eq!(log.origin.identity().key, before, "nothing has changed");
    host.describe("renamed");
    host.directory.refresh();
    assert!(shown_log(&log).contains(&"container.name=renamed".to_owned()));
    assert_ne!(log.origin.identity().key, before);
    host.write(&format!("docker/{ID}/config.v2.json"), "{torn");
    host.directory.refresh();
    assert!(
        shown_log(&log).contains(&"container.name=renamed".to_owned()),
        "what is known stays"
    );
}

#[test]
fn a_container_that_cannot_be_described_has_its_id_and_is_described_later() {
    let host = Host::new();
    let log = host.log(&format!("docker/{ID}/{ID}-json.log")).unwrap();
    assert_eq!(
        shown_log(&log),
        [format!("container.id={ID}"), "host.name=h".to_owned()]
    );
    assert_eq!(log.name, ID);
    host.describe("web");
    host.directory.refresh();
    assert!(shown_log(&log).contains(&"container.name=web".to_owned()));
}

#[test]
fn a_container_that_is_gone_is_forgotten_when_nobody_reads_its_log() {
    let host = Host::new();
    host.describe("web");
    let log = host.log(&format!("docker/{ID}/{ID}-json.log")).unwrap();
    fs::remove_dir_all(host.path("docker")).unwrap();
    host.directory.refresh();
    assert!(host.directory.resource(ID).is_some());
    drop(log);
    host.directory.refresh();
    assert!(host.directory.resource(ID).is_none());
}

#[test]
fn a_kubernetes_log_carries_its_pod_and_the_id_that_the_kubelet_links() {
    let host = Host::new();
    host.write("log/pods/shop_web-x2_u-1/nginx/3.log", "");
    host.link(
        &format!("log/containers/web-x2_shop_nginx-{ID}.log"),
        "/var/log/pods/shop_web-x2_u-1/nginx/3.log",
    );
    let expected = [
        format!("container.id={ID}"),
        "host.name=h".to_owned(),
        "k8s.container.name=nginx".to_owned(),
        "k8s.container.restart_count=3".to_owned(),
        "k8s.namespace.name=shop".to_owned(),
        "k8s.pod.name=web-x2".to_owned(),
        "k8s.pod.uid=u-1".to_owned(),
        "service.name=nginx".to_owned(),
        "service.namespace=shop".to_owned(),
    ];
    assert_eq!(
        shown(&host.directory.resource(ID).unwrap()),
        expected,
        "found by its id"
    );
    let log = host.log("log/pods/shop_web-x2_u-1/nginx/3.log").unwrap();
    assert_eq!(
        (log.format, shown_log(&log)),
        (Format::Cri, expected.to_vec())
    );
    assert_eq!(log.name, "shop/web-x2/nginx");
    let rotated = host
        .log("log/pods/shop_web-x2_u-1/nginx/3.log.20261124-114248")
        .unwrap();
    assert_eq!(rotated.origin.identity().key, log.origin.identity().key);
}

#[test]
fn a_kubernetes_log_that_was_found_before_its_link_gets_its_id_later() {
    let host = Host::new();
    host.write("log/pods/shop_web_u/nginx/0.log", "");
    let log = host.log("log/pods/shop_web_u/nginx/0.log").unwrap();
    assert!(!shown_log(&log).concat().contains("container.id"));
    assert!(host.directory.resource(ID).is_none());
    host.link(
        &format!("log/containers/web_shop_nginx-{ID}.log"),
        "/var/log/pods/shop_web_u/nginx/0.log",
    );
    host.directory.refresh();
    assert!(shown_log(&log).contains(&format!("container.id={ID}")));
    assert_eq!(
        host.directory.resource(ID),
        Some(log.origin.identity().resource)
    );
}

#[test]
fn a_kubelet_that_runs_docker_writes_dockers_format() {
    let host = Host::new();
    host.link(
        "log/pods/shop_web_u/nginx/0.log",
        format!("/var/lib/docker/containers/{ID}/{ID}-json.log"),
    );
    let log = host.log("log/pods/shop_web_u/nginx/0.log").unwrap();
    assert_eq!(log.format, Format::Docker);
    assert!(shown_log(&log).contains(&format!("container.id={ID}")));
}

#[test]
fn what_is_no_container_is_none() {
    let host = Host::new();
    for path in ["docker/x/x-json.log", "log/pods/a/b/0.log", "log/app.log"] {
        assert!(host.log(path).is_none(), "{path}");
    }
    for id in ["", "../../etc", ID] {
        assert!(host.directory.resource(id).is_none());
    }
}

#[test]
fn the_socket_names_what_files_do_not_and_forgets_what_has_stopped() {
    let host = Host::new();
    let running = |name: &str| Container {
        id: Some(ID.to_owned()),
        name: Some(name.to_owned()),
        ..Container::default()
    };
    host.directory.set_running(vec![running("a")]);
    let log = host.log(&format!("docker/{ID}/{ID}-json.log")).unwrap();
    assert!(shown_log(&log).contains(&"container.name=a".to_owned()));
    host.directory.set_running(vec![running("b")]);
    assert!(shown_log(&log).contains(&"container.name=b".to_owned()));
    drop(log);
    host.directory.set_running(Vec::new());
    assert!(host.directory.resource(ID).is_none());
    host.describe("file");
    host.directory.refresh();
    host.log(&format!("docker/{ID}/{ID}-json.log")).unwrap();
    host.directory.set_running(vec![running("socket")]);
    assert!(
        shown(&host.directory.resource(ID).unwrap()).contains(&"container.name=file".to_owned())
    );
}
