//! Which container a log, a cgroup or a process belongs to: ids, names, images, labels, Kubernetes names.
