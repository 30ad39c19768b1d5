//! A Docker Engine of this test's own, in a folder that vanishes: it shares nothing with one that may run here.
//!
//! It changes no firewall rule of the machine, and has no way to any registry: images are those that the test puts there.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, geteuid},
};
use tempfile::TempDir;

use crate::{
    here::{is_installed, is_there, until},
    succeed,
};

pub(crate) struct Engine {
    dockerd: Child,
    folder: TempDir,
}

impl Engine {
    /// `None` where there is no dockerd, or no right to start it.
    pub(crate) async fn start() -> Option<Self> {
        if !is_there("root, for dockerd,", geteuid().is_root())
            || !is_installed("dockerd", "docker.io")
            || !is_installed("docker", "docker.io")
        {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let log = File::create(at("dockerd.log")).unwrap();
        let mut command = Command::new("dockerd");
        command
            .arg(format!("--host=unix://{}", at("docker.sock").display()))
            .arg(format!("--data-root={}", at("data").display()))
            .arg(format!("--exec-root={}", at("exec").display()))
            .arg(format!("--pidfile={}", at("dockerd.pid").display()))
            .args(["--bridge=none", "--iptables=false", "--ip6tables=false"])
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let mut engine = Self {
            dockerd: command.spawn().unwrap(),
            folder,
        };
        until("the Docker Engine answers", || {
            let log = fs::read_to_string(engine.folder.path().join("dockerd.log")).unwrap();
            let ended = engine.dockerd.try_wait().unwrap();
            assert!(ended.is_none(), "dockerd ended with {ended:?}:\n{log}");
            let is_up = log.contains("API listen on");
            async move { is_up.then_some(()) }
        })
        .await;
        Some(engine)
    }

    /// The variable by which every client finds it.
    pub(crate) fn host(&self) -> String {
        format!(
            "unix://{}",
            self.folder.path().join("docker.sock").display()
        )
    }

    /// Where it keeps the containers, as `/var/lib/docker` elsewhere.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What `docker` prints.
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("docker");
        succeed(command.env("DOCKER_HOST", self.host()).args(arguments))
    }

    /// An image of one program and nothing else, under the name of the image that it stands for.
    pub(crate) fn import(&self, name: &str, program: &Path, entrypoint: &str) {
        let folder = self.folder.path().join("import");
        fs::create_dir(&folder).unwrap();
        fs::copy(program, folder.join(entrypoint)).unwrap();
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(&folder).args(["-c", entrypoint]);
        let mut tar = tar.stdout(Stdio::piped()).spawn().unwrap();
        let mut import = Command::new("docker");
        import
            .env("DOCKER_HOST", self.host())
            .args(["import", "--change", "USER 10001:10001", "--change"])
            .arg(format!("ENTRYPOINT [\"/{entrypoint}\"]"))
            .args(["-", name])
            .stdin(tar.stdout.take().unwrap());
        succeed(&mut import);
        assert!(tar.wait().unwrap().success());
        fs::remove_dir_all(folder).unwrap();
    }

    fn remove_containers_and_networks(&self) {
        let docker = |arguments: &[&str]| {
            let mut command = Command::new("docker");
            let output = command
                .env("DOCKER_HOST", self.host())
                .args(arguments)
                .output();
            output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        };
        for id in docker(&["ps", "--all", "--quiet"])
            .unwrap_or_default()
            .split_whitespace()
        {
            let _ = docker(&["rm", "--force", id]);
        }
        let _ = docker(&["network", "prune", "--force"]);
    }
}

/// Also when a test fails: a container outlives an engine that is killed, and keeps the folder mounted; a network outlives
/// it as a device of this machine.
impl Drop for Engine {
    fn drop(&mut self) {
        self.remove_containers_and_networks();
        let _ = kill(
            Pid::from_raw(self.dockerd.id().cast_signed()),
            Signal::SIGTERM,
        );
        let deadline = Instant::now() + Duration::from_secs(30);
        while matches!(self.dockerd.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.dockerd.kill();
        let _ = self.dockerd.wait();
    }
}
