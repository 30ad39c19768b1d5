//! App → Collector → Kafka → Collector → lens, with Kafka stopped and the consumer killed, each for a while.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    client::{App, Sent},
    collector::Collector,
    here::{free, until},
    install::{collector_with_kafka, installed_for_java},
    java::java,
    part::Part,
    suite::{Backend, assert_has, send},
    swap::lens,
};

/// Long against every interval and every timeout of the way, and short for whoever waits for the tests.
const OUTAGE: Duration = Duration::from_secs(10);

/// One node, broker and controller at once.
struct Kafka {
    address: SocketAddr,
    jars: PathBuf,
    folder: PathBuf,
    part: Option<Part>,
}

impl Kafka {
    /// With a new, empty store. `None` when it can't be had, and this is not CI.
    async fn start(folder: &Path) -> Option<Self> {
        let jars = installed_for_java("kafka")?;
        let [address, controller] = free();
        let folder = folder.join("kafka");
        fs::create_dir(&folder).unwrap();
        let properties = format!(
            "process.roles=broker,controller\n\
             node.id=1\n\
             controller.quorum.voters=1@{controller}\n\
             listeners=PLAINTEXT://{address},CONTROLLER://{controller}\n\
             controller.listener.names=CONTROLLER\n\
             log.dirs={folder}/data\n\
             num.partitions=3\n\
             offsets.topic.num.partitions=1\n\
             offsets.topic.replication.factor=1\n\
             group.initial.rebalance.delay.ms=0\n",
            folder = folder.display(),
        );
        fs::write(folder.join("server.properties"), properties).unwrap();
        let mut kafka = Self {
            address,
            jars,
            folder,
            part: None,
        };
        let mut format = kafka.java("kafka.tools.StorageTool");
        format.args(["format", "-t", "dHJpdml1bS10ZXN0cy0wMQ", "-c"]);
        let mut format = Part::start(
            format.arg(kafka.folder.join("server.properties")),
            &kafka.folder,
            "format",
        );
        assert!(format.exit().await.success(), "{}", format.output());
        kafka.start_again().await;
        Some(kafka)
    }

    fn java(&self, class: &str) -> Command {
        let mut command = java();
        command.arg("-cp").arg(self.jars.join("*")).arg(class);
        command
    }

    async fn start_again(&mut self) {
        let mut command = self.java("kafka.Kafka");
        command.arg(self.folder.join("server.properties"));
        let mut part = Part::start(&mut command, &self.folder, "kafka");
        until("Kafka takes connections", || {
            part.assert_runs();
            async { tokio::net::TcpStream::connect(self.address).await.ok() }
        })
        .await;
        self.part = Some(part);
    }

    async fn stop(&mut self) {
        self.part.take().unwrap().stop().await;
    }
}

/// A request each 50 ms for as long as an outage lasts.
async fn send_for_an_outage(app: &App) -> Vec<Sent> {
    let mut sent = Vec::new();
    let started = std::time::Instant::now();
    while started.elapsed() < OUTAGE {
        sent.push(app.get("/").await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_kafka_or_its_consumer_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Some(program) = collector_with_kafka() else {
        return;
    };
    let Some(mut kafka) = Kafka::start(folder).await else {
        return;
    };
    let brokers = ("KAFKA_BROKERS", kafka.address.to_string());
    let (lens, _lens, mut environment) = lens(folder).await;
    environment.push(brokers.clone());

    let edge = ["config.yaml", "backends/kafka.yaml"];
    let edge = Collector::start(&program, folder, "edge", &edge, &[brokers]).await;
    let files = ["config-from-kafka.yaml", "backends/lens.yaml"];
    let mut consumer = Collector::start(&program, folder, "consumer", &files, &environment).await;
    let (app, _app) = edge.app(|_| {}).await;

    let mut sent = send(&app).await;
    assert_has(&Backend::lens(&lens), &sent).await;

    kafka.stop().await;
    sent.extend(send_for_an_outage(&app).await);
    kafka.start_again().await;

    // It is taking what waited at the edge.
    consumer.kill();
    sent.extend(send_for_an_outage(&app).await);
    consumer.start_again().await;

    assert_has(&Backend::lens(&lens), &sent).await;
}
