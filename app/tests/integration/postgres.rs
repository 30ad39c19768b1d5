//! A PostgreSQL server for tests: of the binaries that Debian installs, in a folder of its own, on a free port, as another
//! user than root. It ends, and its folder vanishes, with the process of the tests, also when that is killed.

use std::{
    fs,
    io::Write,
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// It must appear nowhere; the tests of signals look for it.
pub(crate) const DATABASE_PASSWORD: &str = "canarydatabasepassword";
const USER: &str = "trivium";
/// What `pg_isready` ends with; while the server starts or shuts down it is 1.
const ACCEPTING: i32 = 0;
const NO_RESPONSE: i32 = 2;

/// Starts and stops the server as it is told, and ends it when there is nobody left to tell.
const GUARD: &str = r#"
folder=$1
shift
server=
stop() { [ -z "$server" ] || { kill -INT "$server"; wait "$server"; server=; }; }
while read -r order; do
    case $order in
        start) "$@" >>"$folder/log" 2>&1 & server=$! ;;
        stop) stop ;;
    esac
done
stop
rm -rf "$folder"
"#;

pub(crate) struct Postgres {
    binaries: PathBuf,
    folder: PathBuf,
    port: u16,
    guard: Child,
    databases: AtomicU32,
}

impl Postgres {
    /// The one that most tests share. `None`, and said: PostgreSQL is not installed; that is a failure under CI=true.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// One that can be stopped. `None` likewise.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(None)
    }

    /// One that shows a certificate, both in PEM. `None` likewise.
    pub(crate) fn start_with_tls(certificate: &str, key: &str) -> Option<Self> {
        Self::start_with(Some((certificate, key)))
    }

    fn start_with(tls: Option<(&str, &str)>) -> Option<Self> {
        let Some(binaries) = binaries() else {
            assert!(
                std::env::var_os("CI").is_none_or(|ci| ci != "true"),
                "PostgreSQL is not installed"
            );
            eprintln!("SKIPPED on PostgreSQL: it is not installed; apt-get install postgresql");
            return None;
        };
        let folder = tempfile::tempdir().unwrap().keep();
        let owner = other_than_root();
        let give = |path: &Path| {
            if let Some((user, group)) = owner {
                chown(path, Some(user), Some(group)).unwrap();
            }
        };
        give(&folder);
        let file = |name: &str, content: &str| {
            let path = folder.join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            give(&path);
            path
        };
        let password_file = file("password", DATABASE_PASSWORD);
        let tls = tls.map(|(certificate, key)| {
            let certificate = file("certificate.pem", certificate).display().to_string();
            let key = file("key.pem", key).display().to_string();
            [
                "-c".to_owned(),
                "ssl=on".to_owned(),
                "-c".to_owned(),
                format!("ssl_cert_file={certificate}"),
                "-c".to_owned(),
                format!("ssl_key_file={key}"),
            ]
        });
        let data = folder.join("data");
        let initialised = as_owner(owner, &binaries.join("initdb"))
            .args([
                "--username",
                USER,
                "--auth=scram-sha-256",
                "--encoding=UTF8",
            ])
            .args(["--locale=C", "--no-sync", "--pwfile"])
            .arg(&password_file)
            .arg(&data)
            .output()
            .unwrap();
        assert!(initialised.status.success(), "{initialised:?}");

        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let server = as_owner(owner, &binaries.join("postgres"));
        let guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(&folder)
            .arg(server.get_program())
            .args(server.get_args())
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-k", "", "-p", &port.to_string(), "-F"])
            .args(tls.into_iter().flatten())
            .stdin(Stdio::piped())
            // Ctrl-C is for the tests; the guard hears of their end.
            .process_group(0)
            .spawn()
            .unwrap();
        let mut postgres = Self {
            binaries,
            folder,
            port,
            guard,
            databases: AtomicU32::new(0),
        };
        postgres.resume();
        Some(postgres)
    }

    /// The URL of a new, empty database.
    pub(crate) fn database(&self) -> String {
        let name = format!("auth{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let created = self.client("createdb").arg(&name).output().unwrap();
        assert!(created.status.success(), "{created:?}");
        format!(
            "postgres://{USER}:{DATABASE_PASSWORD}@127.0.0.1:{}/{name}",
            self.port
        )
    }

    /// Ends the server; its data stay.
    pub(crate) fn stop(&mut self) {
        self.tell("stop");
        self.wait("it still answers", NO_RESPONSE);
    }

    /// Starts it again, at the same port.
    pub(crate) fn resume(&mut self) {
        self.tell("start");
        self.wait("it does not answer", ACCEPTING);
    }

    fn tell(&mut self, order: &str) {
        let orders = self.guard.stdin.as_mut().unwrap();
        writeln!(orders, "{order}").unwrap();
    }

    fn wait(&self, problem: &str, expected: i32) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let asked = self.client("pg_isready").output().unwrap();
            if asked.status.code() == Some(expected) {
                return;
            }
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "{problem}: {}", log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        command
            .args(["-h", "127.0.0.1", "-U", USER, "-p"])
            .arg(self.port.to_string())
            .env("PGPASSWORD", DATABASE_PASSWORD);
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// Those of the newest version.
fn binaries() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    versions
        .filter_map(|entry| Some((version(&entry.path())?, entry.path().join("bin"))))
        .filter(|(_, binaries)| binaries.join("initdb").exists())
        .max()
        .map(|(_, binaries)| binaries)
}

/// Ids of user and group, where it may not run as who runs the tests.
fn other_than_root() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .parse::<u32>()
            .unwrap()
    };
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}

fn as_owner(owner: Option<(u32, u32)>, program: &Path) -> Command {
    let Some((user, group)) = owner else {
        return Command::new(program);
    };
    let mut command = Command::new("setpriv");
    command
        .args([format!("--reuid={user}"), format!("--regid={group}")])
        .arg("--clear-groups")
        .arg(program)
        .current_dir("/");
    command
}
