//! The logs of pods, as the kubelet lays them out.
//!
//! ```text
//! /var/log/pods/<namespace>_<pod>_<uid>/<container>/<restart count>.log
//! /var/log/containers/<pod>_<namespace>_<container>-<id>.log -> the log in /var/log/pods
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{docker::is_id, resource::Pod};

/// The kubelet's links have no longer names than 255 bytes, with some room for what it adds.
const LONGEST_LINK: usize = 250;

/// The pod and the container whose log has this path.
pub(super) fn pod_of_log(folder: &Path, path: &Path) -> Option<Pod> {
    let mut parts = path.strip_prefix(folder).ok()?.to_str()?.split('/');
    let (pod, container, log) = (parts.next()?, parts.next()?, parts.next()?);
    let mut names = pod.split('_').filter(|name| !name.is_empty());
    let pod = Pod {
        namespace: names.next()?.to_owned(),
        name: names.next()?.to_owned(),
        uid: names.next()?.to_owned(),
        container: container.to_owned(),
        restart_count: log.split_once(".log")?.0.parse().ok()?,
    };
    (names.next().is_none() && parts.next().is_none()).then_some(pod)
}

/// The id of the container whose log this is; none when no link names it, as for a run before the last.
pub(super) fn id_of_log(folder: &Path, path: &Path, pod: &Pod) -> Option<String> {
    let log = path.strip_prefix(folder).ok()?;
    let name = format!("{}_{}_{}-", pod.name, pod.namespace, pod.container);
    // The kubelet cuts long names.
    let is_ours = |link: &str| link.starts_with(&name) || link.len() >= LONGEST_LINK;
    links(folder, is_ours)?
        .find(|(_, target)| target.ends_with(log))
        .map(|(id, _)| id)
}

/// The log of a container.
pub(super) fn log_of_id(folder: &Path, id: &str) -> Option<PathBuf> {
    let (_, target) = links(folder, |link| link.contains(id))?.next()?;
    // The folder may be another one here than on the host, as in a container of our own.
    let mut parts = target.components().rev();
    let (log, container, pod) = (parts.next()?, parts.next()?, parts.next()?);
    Some(folder.join(pod).join(container).join(log))
}

/// The id of the container that a log of a pod is linked to, where the kubelet runs Docker.
pub(super) fn docker_id(path: &Path) -> Option<String> {
    let target = fs::read_link(path).ok()?;
    let id = target.file_name()?.to_str()?.strip_suffix("-json.log")?;
    is_id(id).then(|| id.to_owned())
}

/// The ids of containers and the logs they are linked to, of the links whose names are wanted.
fn links(
    folder: &Path,
    is_wanted: impl Fn(&str) -> bool,
) -> Option<impl Iterator<Item = (String, PathBuf)>> {
    let links = fs::read_dir(folder.parent()?.join("containers")).ok()?;
    Some(links.filter_map(move |link| {
        let link = link.ok()?;
        let name = link.file_name();
        let name = name.to_str().filter(|name| is_wanted(name))?;
        let (_, id) = name.strip_suffix(".log")?.rsplit_once('-')?;
        is_id(id).then(|| Some((id.to_owned(), fs::read_link(link.path()).ok()?)))?
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_names_its_pod_and_container() {
        let folder = Path::new("/var/log/pods");
        assert_eq!(
            pod_of_log(folder, &folder.join("shop_web-7d9-x2_6f1a-22/nginx/3.log")),
            Some(Pod {
                namespace: "shop".to_owned(),
                name: "web-7d9-x2".to_owned(),
                uid: "6f1a-22".to_owned(),
                container: "nginx".to_owned(),
                restart_count: 3,
            })
        );
        assert_eq!(
            pod_of_log(folder, &folder.join("a_b_c/d/0.log.20261124-114248.gz"))
                .map(|pod| pod.restart_count),
            Some(0)
        );
        for path in [
            "a_b/c/0.log",
            "a_b_c_d/e/0.log",
            "a_b_c/d/x.log",
            "a_b_c/0.log",
            "a__c/d/0.log",
            "a_b_c/d/e/0.log",
        ] {
            assert_eq!(pod_of_log(folder, &folder.join(path)), None, "{path}");
        }
    }
}
