//! A folder with a configuration, logs and state; the agent as a process.

mod requests;
mod writer;

use std::{
    fmt::Write as _,
    fs,
    io::BufReader,
    net::Ipv4Addr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use opentelemetry_proto::tonic::logs::v1::ResourceLogs;
use tempfile::TempDir;
use trivium_bench_agent::sink::{Sink, Tally};

pub(crate) use self::{
    requests::{
        DeclaredLoss, attribute, body, last_value, losses, of_resource, records, resource_logs,
        resource_metrics, resource_spans,
    },
    writer::Writer,
};

/// Longer than anything takes that is going to happen, on a machine that does other things too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What one agent needs, and a sink for it.
pub(crate) struct Bed {
    folder: TempDir,
    pub(crate) sink: Sink,
}

impl Bed {
    /// With a configuration that reads `logs/*.log` and measures nothing.
    pub(crate) fn new() -> Self {
        let bed = Self {
            folder: tempfile::tempdir().unwrap(),
            sink: Sink::start_at((own_address(), 0).into()).unwrap(),
        };
        fs::create_dir(bed.logs()).unwrap();
        bed.configure("");
        bed
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.path("logs")
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs().join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("agent.yaml")
    }

    /// The default configuration of a test, with `more` of it.
    pub(crate) fn configure(&self, more: &str) {
        let logs = format!("{{include: [{}/*.log]}}", self.logs().display());
        self.configure_sources(&[&logs], more);
    }

    /// Reads these sources of `logs.files`.
    pub(crate) fn configure_sources(&self, sources: &[&str], more: &str) {
        // Redaction takes most of the time of an unoptimised agent, and has its own tests.
        let mut text = format!(
            "logs:\n  containers: false\n  redact: {{defaults: false}}\n  files: [{}]\n",
            sources.join(", ")
        );
        if !more.contains("metrics:") {
            text.push_str("metrics: {host: false, containers: false}\n");
        }
        self.configure_as(&format!("{text}{more}\n"));
    }

    /// Everything but the state folder and, unless `text` has one, the endpoint.
    pub(crate) fn configure_as(&self, text: &str) {
        let mut whole = String::new();
        if !text.contains("endpoint:") {
            writeln!(whole, "endpoint: http://{}", self.sink.address()).unwrap();
        }
        if !text.contains("state_dir:") {
            writeln!(whole, "state_dir: {}", self.path("state").display()).unwrap();
        }
        fs::write(self.config(), whole + text).unwrap();
    }

    /// Starts the agent, and returns when it has read its configuration and hears signals.
    pub(crate) fn start(&self) -> Agent {
        let mut child = self
            .command(&["run"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Said::default());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn({
            let said = Arc::clone(&said);
            move || said.listen(stderr)
        });
        let agent = Agent { child, said };
        agent.says("configuration: ");
        agent
    }

    /// Runs a command of the agent to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that succeeds; what it wrote.
    pub(crate) fn answer(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {stdout}{stderr}");
        stdout
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trivium-agent"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .stdin(Stdio::null());
        command
    }

    /// Waits until the lines `0..count` of `source` have arrived.
    #[track_caller]
    pub(crate) fn arrived(&self, agent: &Agent, source: u32, count: u64) {
        self.sink.wait_for_all(source, count, PATIENCE).unwrap_or_else(|| {
            let missing = self.sink.with_tally(|tally| tally.missing(source, count));
            let first = self.sink.with_tally(|tally| tally.first_missing(source, count));
            panic!(
                "{missing} of {count} lines of source {source} are missing, the first is {first:?}; the agent said:\n{}",
                agent.said()
            )
        });
    }

    /// A log of so many lines of source 1, and an agent that has delivered them.
    #[track_caller]
    pub(crate) fn delivered(&self, count: u64) -> (Writer, Agent) {
        let mut writer = Writer::new(&self.log("app.log"), 1);
        writer.write(count);
        let agent = self.start();
        self.arrived(&agent, 1, count);
        (writer, agent)
    }

    /// So many lines are written while the Collector is away, and the agent has seen that it is.
    #[track_caller]
    pub(crate) fn falls_behind(&self, agent: &Agent, writer: &mut Writer, count: u64) {
        self.sink.leave().unwrap();
        writer.write(count);
        agent.says("sending logs fails and is tried again");
    }

    /// Waits until the spool holds so many records.
    #[track_caller]
    pub(crate) fn has_spooled(&self, count: u64) {
        until("all of it is in the spool", || {
            let spool = self.answer(&["spool", "ls"]);
            spool.contains(&format!(", {count} items, ")).then_some(())
        });
    }

    #[track_caller]
    pub(crate) fn waits_for(&self, agent: &Agent, what: &str, is_met: impl Fn(&Tally) -> bool) {
        if self.sink.wait(PATIENCE, is_met).is_none() {
            self.sink
                .with_tally(|tally| panic!("{what}: {tally:?}; the agent said:\n{}", agent.said()));
        }
    }

    /// The requests for logs that the sink kept.
    pub(crate) fn resource_logs(&self) -> Vec<ResourceLogs> {
        self.sink.with_tally(resource_logs)
    }
}

/// An address of the loopback for this bed alone: while its sink is away, nobody else can be given its port.
fn own_address() -> Ipv4Addr {
    static BEDS: AtomicU32 = AtomicU32::new(0);
    let [_, _, high, low] = BEDS.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let process = std::process::id() % 200;
    Ipv4Addr::new(127, 1 + process as u8, 1 + high, 1 + low)
}

/// A running agent; killed when it is dropped.
pub(crate) struct Agent {
    child: Child,
    said: Arc<Said>,
}

#[derive(Default)]
struct Said {
    text: Mutex<(String, bool)>,
    changed: Condvar,
}

impl Said {
    fn listen(&self, stderr: impl std::io::BufRead) {
        for line in stderr.lines() {
            let line = line.unwrap();
            self.text.lock().unwrap().0.push_str(&(line + "\n"));
            self.changed.notify_all();
        }
        self.text.lock().unwrap().1 = true;
        self.changed.notify_all();
    }
}

impl Agent {
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// All that it wrote to standard error so far.
    pub(crate) fn said(&self) -> String {
        self.said.text.lock().unwrap().0.clone()
    }

    /// Waits until it has said so.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> String {
        self.says_again(text, 1)
    }

    /// Waits until it has said so as often as that; all that it said.
    #[track_caller]
    pub(crate) fn says_again(&self, text: &str, times: usize) -> String {
        let said = self.said.text.lock().unwrap();
        let is_missing =
            |said: &mut (String, bool)| said.0.matches(text).count() < times && !said.1;
        let (said, _) = self
            .said
            .changed
            .wait_timeout_while(said, PATIENCE, is_missing)
            .unwrap();
        assert!(
            said.0.matches(text).count() >= times,
            "no `{text}` in:\n{}",
            said.0
        );
        said.0.clone()
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, which drains; its exit status.
    #[track_caller]
    pub(crate) fn terminate(mut self) -> ExitStatus {
        kill(self.pid(), Signal::SIGTERM).unwrap();
        self.ended()
    }

    /// SIGTERM, and that it ends with 0.
    #[track_caller]
    pub(crate) fn stop(self) {
        let said = Arc::clone(&self.said);
        let status = self.terminate();
        assert!(
            status.success(),
            "{status}: {}",
            said.text.lock().unwrap().0
        );
    }

    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        until("the agent ends", || self.child.try_wait().unwrap())
    }

    /// SIGHUP.
    pub(crate) fn reload(&self) {
        kill(self.pid(), Signal::SIGHUP).unwrap();
    }

    #[track_caller]
    pub(crate) fn is_running(&mut self) {
        let status = self.child.try_wait().unwrap();
        assert!(status.is_none(), "{status:?}: {}", self.said());
    }

    /// Open descriptors.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid()))
            .unwrap()
            .count()
    }

    /// Whether it has a file open whose path contains this.
    pub(crate) fn has_open(&self, part: &str) -> bool {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap();
        folder
            .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
            .any(|path| path.to_string_lossy().contains(part))
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again and again until there is an answer.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(20));
    }
}
