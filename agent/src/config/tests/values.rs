//! Each setting's value, from a file, variables and defaults.

use super::*;

#[test]
fn the_example_of_the_readme_is_read_value_by_value() {
    let config = parse(
        r"
endpoint: http://127.0.0.1:4317      # protocol: grpc (default) or http
state_dir: /var/lib/trivium-agent
resource: {deployment.environment.name: dev}
logs:
  containers: {docker: /var/lib/docker/containers, kubernetes: /var/log/pods}
  files:
    - include: [/var/log/app/*.log]
      exclude: []
      format: plain                  # plain, json, logfmt, docker, cri
      start_at: beginning            # or end: for files first seen at the first start only
      multiline: {start: '^\d{4}-'}
metrics: {host: {interval: 15s}, containers: {interval: 15s}}
otlp: {grpc: 127.0.0.1:14317, http: 127.0.0.1:14318}
spool: {max_bytes: 1GiB, max_age: 72h}
",
    );
    let mut expected = Config {
        resource: [("deployment.environment.name".to_owned(), "dev".to_owned())].into(),
        otlp: Otlp {
            grpc: Some(SocketAddr::from(([127, 0, 0, 1], 14317))),
            http: Some(SocketAddr::from(([127, 0, 0, 1], 14318))),
        },
        ..Config::default()
    };
    expected.logs.files.push(FileSource {
        include: vec![Glob::of_paths("/var/log/app/*.log").unwrap()],
        exclude: Vec::new(),
        format: Format::Plain,
        start_at: StartAt::Beginning,
        multiline: Some(Multiline {
            start: Pattern::new(r"^\d{4}-").unwrap(),
            timeout: Duration::from_secs(1),
        }),
        parse: Parse::None,
        redact: None,
        drop: Vec::new(),
        sample: None,
        rate_limit: None,
        max_line: 1_048_576,
        resource: BTreeMap::new(),
    });
    assert_eq!(config, expected);
}

#[test]
fn every_other_setting_is_read_value_by_value() {
    let config = parse(
        r"
endpoint: https://otlp.example.com/tenant
protocol: http
compression: zstd
headers: {X-Scope-OrgID: team-a}
bearer_token_file: /etc/agent/token
tls: {ca: /etc/agent/ca.pem, cert: /etc/agent/cert.pem, key: /etc/agent/key.pem}
root: /host
logs:
  containers:
    docker: false
    kubernetes: /pods
    docker_socket: /run/docker.sock
    include: [web-*]
    exclude: [web-test]
    parse: auto
  files:
    - include: [/a/**/*.log]
      exclude: [/a/b/*.log]
      format: cri
      start_at: end
      multiline: {start: ^x, timeout: 5s}
      parse: json
      redact: {defaults: false, patterns: [{name: ssn, pattern: '\d{3}-(\d{2})', replacement: 'x${1}'}]}
      drop: [healthz, ^$]
      sample: 0.25
      rate_limit: {lines_per_second: 100, burst: 1000}
      max_line: 64KiB
      resource: {service.name: shop}
    - include: [/b.log]
      redact: false
  redact:
    patterns: [{name: mail, pattern: '\S+@\S+'}]
metrics: {host: false, containers: {interval: 1m}}
spool: {max_bytes: 5GB, max_age: 30m}
",
    );
    assert_eq!(config.endpoint, "https://otlp.example.com/tenant");
    assert_eq!(config.protocol, Protocol::Http);
    assert_eq!(config.compression, Compression::Zstd);
    assert_eq!(config.headers.get("x-scope-orgid").unwrap(), "team-a");
    assert!(
        !format!("{config:?}").contains("team-a"),
        "headers are secret"
    );
    assert_eq!(config.bearer_token_file, Some("/etc/agent/token".into()));
    assert_eq!(
        config.tls,
        Tls {
            ca: Some("/etc/agent/ca.pem".into()),
            cert: Some("/etc/agent/cert.pem".into()),
            key: Some("/etc/agent/key.pem".into()),
        }
    );
    assert_eq!(config.root, Path::new("/host"));
    let containers = config.logs.containers.as_ref().unwrap();
    assert_eq!(containers.docker, None);
    assert_eq!(containers.kubernetes, Some("/pods".into()));
    assert_eq!(containers.docker_socket, Some("/run/docker.sock".into()));
    assert_eq!(containers.parse, Parse::Auto);
    assert_eq!(
        ["web-1", "web-test", "db"].map(|name| containers.takes(name)),
        [true, false, false]
    );
    let file = &config.logs.files[0];
    assert_eq!(
        ["/a/x.log", "/a/b/x.log", "/a/b/c/x.log"].map(|path| file.takes(path)),
        [true, false, true]
    );
    assert_eq!((file.format, file.start_at), (Format::Cri, StartAt::End));
    let multiline = file.multiline.as_ref().unwrap();
    assert_eq!(multiline.timeout, Duration::from_secs(5));
    assert_eq!(file.parse, Parse::Json);
    assert_eq!(
        file.redact,
        Some(Redact {
            defaults: false,
            patterns: vec![RedactPattern {
                name: "ssn".to_owned(),
                pattern: Pattern::new(r"\d{3}-(\d{2})").unwrap(),
                replacement: Some("x${1}".to_owned()),
            }],
        })
    );
    assert_eq!(file.drop.len(), 2);
    assert_eq!(file.sample, Some(0.25));
    assert_eq!(
        file.rate_limit,
        Some(RateLimit {
            lines_per_second: 100,
            burst: Some(1000)
        })
    );
    assert_eq!(file.max_line, 65_536);
    assert_eq!(file.resource["service.name"], "shop");
    let off = config.redaction(&config.logs.files[1].redact);
    assert_eq!((off.defaults, off.patterns.len()), (false, 0));
    let shared = config.redaction(&containers.redact);
    assert_eq!(shared.patterns[0].replacement, None);
    assert!(shared.defaults);
    assert_eq!(config.metrics.host, None);
    assert_eq!(
        config.metrics.containers.unwrap().interval,
        Duration::from_secs(60)
    );
    assert_eq!(config.spool.max_bytes, 5_000_000_000);
    assert_eq!(config.spool.max_age, Duration::from_secs(1800));
}

#[test]
fn nothing_written_is_all_defaults() {
    for text in [
        "",
        "{}",
        "# nothing\n",
        "logs:\n",
        "logs: {files: }\nmetrics:\n  host:\ntls:\n",
        "logs: {containers: true, files: []}\nmetrics: {host: true}",
        "state_dir:\n",
    ] {
        assert_eq!(parse(text), Config::default(), "{text:?}");
    }
    assert!(Config::default().logs.containers.is_some());
}

#[test]
fn variables_come_from_the_lookup_and_may_be_of_any_kind() {
    let env = |name: &str| {
        let value = match name {
            "HOST" => "collector",
            "RATE" => "250",
            "OFF" => "false",
            "STATE" => "/s",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let text = "endpoint: http://${env:HOST}:${PORT:-4317}\nstate_dir: ${STATE}/agent # ${UNSET}\nmetrics: {host: '${OFF}'}\nlogs: {containers: {rate_limit: {lines_per_second: '${RATE}'}, drop: ['^$', 'a${2}']}}\nresource: {a: '$${HOST}'}";
    let config = Config::parse(text, "agent.yaml", env).unwrap();
    assert_eq!(config.endpoint, "http://collector:4317/");
    assert_eq!(config.state_dir, Path::new("/s/agent"));
    assert_eq!(config.metrics.host, None);
    let containers = config.logs.containers.unwrap();
    assert_eq!(containers.rate_limit.unwrap().lines_per_second, 250);
    assert_eq!(containers.drop[0].regex().as_str(), "^$");
    assert_eq!(config.resource["a"], "${HOST}");
}

#[test]
fn the_named_file_is_read_else_the_default_one_else_none() {
    let folder = tempfile::tempdir().unwrap();
    let (named, default) = (folder.path().join("a.yaml"), folder.path().join("b.yaml"));
    let load = |named| Config::load_or_default(named, &default, no_variables);

    let (config, origin) = load(None).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(
        origin.to_string(),
        format!(
            "the defaults, as no file is named and {} does not exist",
            default.display()
        )
    );

    fs::write(&default, "state_dir: /b").unwrap();
    let (config, origin) = load(None).unwrap();
    assert_eq!(config.state_dir, Path::new("/b"));
    assert_eq!(origin, Origin::File(default.clone()));

    let missing = load(Some(&named)).unwrap_err().to_string();
    assert!(
        missing.starts_with(&format!(
            "cannot read the configuration {}: ",
            named.display()
        )),
        "{missing}"
    );
    fs::write(&named, "state_dir: a").unwrap();
    let wrong = load(Some(&named)).unwrap_err().to_string();
    assert!(
        wrong.starts_with(&format!("{}:1: state_dir: ", named.display())),
        "{wrong}"
    );
}
