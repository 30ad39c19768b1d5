use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn no_variables(_: &str) -> Option<String> {
    None
}

fn parse(text: &str) -> Config {
    Config::parse(text, "agent.yaml", no_variables).unwrap_or_else(|error| panic!("{error}"))
}

fn error(text: &str) -> String {
    Config::parse(text, "agent.yaml", no_variables)
        .unwrap_err()
        .to_string()
}

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
fn an_error_names_file_line_key_value_and_fix() {
    for (text, expected) in [
        (
            "\nendpoit: http://a",
            "agent.yaml:2: unknown key `endpoit`; did you mean `endpoint`? known here: endpoint, protocol, compression, headers, bearer_token_file, tls, state_dir, root, resource, logs, metrics, otlp, spool",
        ),
        (
            "logs:\n  files:\n    - include: [/a]\n      max-line: 1MiB",
            "agent.yaml:4: logs.files[0]: unknown key `max-line`; did you mean `max_line`? known here: include, exclude, format, start_at, multiline, parse, redact, drop, sample, rate_limit, max_line, resource",
        ),
        (
            "metrics:\n  host: {intervall: 1s}",
            "agent.yaml:2: metrics.host: unknown key `intervall`; did you mean `interval`? known here: interval",
        ),
        (
            "logs: {files: [{include: [/a], format: plian}]}",
            "agent.yaml:1: logs.files[0].format: `plian` cannot be used; did you mean `plain`? known here: plain, json, logfmt, docker, cri",
        ),
        (
            "protocol: udp",
            "agent.yaml:1: protocol: `udp` cannot be used; known here: grpc, http",
        ),
        (
            "logs:\n  files:\n    - exclude: [/a]",
            "agent.yaml:3: logs.files[0]: `include` is missing; add it",
        ),
        (
            "logs: {files: [{include: []}]}",
            "agent.yaml:1: logs.files[0].include: nothing is included; write a list like [/var/log/app/*.log]",
        ),
        (
            "logs:\n  files:\n    - include:\n        - /a\n        - log/*.log",
            "agent.yaml:5: logs.files[0].include[1]: `log/*.log` cannot be used: a path has to be absolute; write it from /, without ..",
        ),
        (
            "logs: {files: [{include: ['/a[']}]}",
            "agent.yaml:1: logs.files[0].include[0]: `/a[` cannot be used: not a glob: unclosed character class; missing ']'; * stands for a part of a name, ** for any folders, {a,b} for either",
        ),
        (
            "state_dir: state",
            "agent.yaml:1: state_dir: `state` cannot be used: a path has to be absolute; write it from /",
        ),
        (
            "spool:\n  max_bytes: 1G",
            "agent.yaml:2: spool.max_bytes: `1G` cannot be used: write a number of bytes like 500000, 64KiB, 16MiB, 1.5GiB or 10GB",
        ),
        (
            "spool: {max_age: 72}",
            "agent.yaml:1: spool.max_age: `72` cannot be used: write a number and its unit, like 500ms, 15s, 10m or 72h",
        ),
        (
            "metrics: {host: {interval: 0s}}",
            "agent.yaml:1: metrics.host.interval: `0s` cannot be used: a duration has to be longer than nothing",
        ),
        (
            "metrics: {host: 15s}",
            "agent.yaml:1: metrics.host: `15s` cannot be used: write its settings, or false to switch it off",
        ),
        (
            "logs:\n  files:\n    - include: [/a]\n      multiline: {start: '^(a'}",
            "agent.yaml:4: logs.files[0].multiline.start: `^(a` cannot be used: not a regular expression: unclosed group; its syntax is that of the Rust crate regex",
        ),
        (
            "otlp: {grpc: 14317}",
            "agent.yaml:1: otlp.grpc: `14317` cannot be used: write an IP address and a port, like 127.0.0.1:4317 or [::1]:4317",
        ),
        (
            "endpoint: 127.0.0.1:4317",
            "agent.yaml:1: endpoint: `127.0.0.1:4317` cannot be used: write http:// or https://, a host and a port, like http://127.0.0.1:4317",
        ),
        (
            "endpoint: http://a:4317/otlp",
            "agent.yaml:1: endpoint: `http://a:4317/otlp` cannot be used: gRPC has no path; remove what comes after the port, or write protocol: http",
        ),
        (
            "endpoint: http://me:secret@a:4317",
            "agent.yaml:1: endpoint: it holds a user; write the user to headers, as authorization: Basic …",
        ),
        (
            "logs: {containers: {multilne: {start: a}}}",
            "agent.yaml:1: logs.containers: unknown key `multilne`; did you mean `multiline`? known here: docker, kubernetes, docker_socket, include, exclude, start_at, multiline, parse, redact, drop, sample, rate_limit, max_line, resource",
        ),
        (
            "logs: {containers: {rate_limit: {lines_per_second: 1, burst: 0}}}",
            "agent.yaml:1: logs.containers.rate_limit.burst: `0` cannot be used: no line would be left; write 1 or more, or remove the source",
        ),
        (
            "protocol: http\nendpoint: http://a:4318/v1/logs",
            "agent.yaml:2: endpoint: `http://a:4318/v1/logs` cannot be used: the agent adds /v1/logs, /v1/metrics and /v1/traces itself; remove /v1/logs",
        ),
        (
            "endpoint: http://a\n\ntls:\n  ca: /ca.pem",
            "agent.yaml:4: tls: there are certificates, but endpoint is not https://; write https:// there, or remove tls",
        ),
        (
            "endpoint: https://a\ntls: {cert: /c.pem}",
            "agent.yaml:2: tls.cert: `/c.pem` cannot be used: a certificate needs its key; add tls.key",
        ),
        (
            "otlp:\n  grpc: 127.0.0.1:1\n  http: 127.0.0.1:1",
            "agent.yaml:3: otlp.http: `127.0.0.1:1` cannot be used: gRPC and HTTP cannot share an address; write another port",
        ),
        (
            "logs: {files: [{include: [/a], sample: 2}]}",
            "agent.yaml:1: logs.files[0].sample: `2` cannot be used: write the share that is kept, more than 0 and at most 1, like 0.1",
        ),
        (
            "logs: {containers: {rate_limit: {lines_per_second: 0}}}",
            "agent.yaml:1: logs.containers.rate_limit.lines_per_second: `0` cannot be used: no line would be left; write 1 or more, or remove the source",
        ),
        (
            "logs: {containers: {rate_limit: {lines_per_second: many}}}",
            "agent.yaml:1: logs.containers.rate_limit.lines_per_second: `many` cannot be used: write a whole number",
        ),
        (
            "logs: {files: [{include: [/a], format: json, parse: logfmt}]}",
            "agent.yaml:1: logs.files[0].parse: `logfmt` cannot be used: format says another thing; remove parse",
        ),
        (
            "logs: {files: [{include: [/a], max_line: 10}]}",
            "agent.yaml:1: logs.files[0].max_line: `10` cannot be used: every line would be cut; write 64 or more, like 1MiB",
        ),
        (
            "logs:\n  files: /var/log/*.log",
            "agent.yaml:2: logs.files: `/var/log/*.log` cannot be used: write a list, like [a, b]",
        ),
        (
            "resource: [a]",
            "agent.yaml:1: resource: a list cannot be used; write a mapping, like {key: value}",
        ),
        (
            "resource:\n  a: {b: c}",
            "agent.yaml:2: resource.a: a mapping cannot be used; write a string",
        ),
        (
            "headers: {a b: c}",
            "agent.yaml:1: headers: `a b` is no name of a header; write letters, digits and -",
        ),
        (
            "state_dir: ${STATE}",
            "agent.yaml:1: state_dir: the environment has no variable STATE; set it, or write ${STATE:-default}",
        ),
        (
            "spool: {max_bytes: 1GiB, max_bytes: 2GiB}",
            "agent.yaml:1: this is no YAML: ",
        ),
        ("a: [1\nb: 2", "agent.yaml:2: this is no YAML: "),
        (
            "- a",
            "agent.yaml:1: a list cannot be used; write a mapping, like {key: value}",
        ),
    ] {
        let error = error(text);
        if expected.ends_with("YAML: ") {
            assert!(error.starts_with(expected), "{text}\n{error}");
        } else {
            assert_eq!(error, expected, "{text}");
        }
        assert!(!error.contains('\n'), "one line: {error}");
    }
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

#[test]
fn what_is_probably_not_meant_is_warned_of() {
    let warnings = |text: &str| -> Vec<String> {
        parse(text)
            .warnings()
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(Config::default().warnings(), []);
    assert_eq!(
        warnings(
            "logs: {files: [{include: [/var/log/*.log]}, {include: [/x, /var/log/app*.log]}]}"
        ),
        [
            "logs.files[0] (/var/log/*.log) and logs.files[1] (/var/log/app*.log) may match the same files; a file is read once, by the first; exclude it from one of them"
        ]
    );
    for apart in [
        "logs: {files: [{include: [/var/log/*.log]}, {include: [/var/log/app/*.log]}]}",
        "logs: {files: [{include: [/var/log/*.log], exclude: [/var/log/app*.log]}, {include: [/var/log/app*.log]}]}",
        "logs: {files: [{include: [/var/log/**/*], exclude: ['/var/log/pods/**/*']}]}",
        "logs: {containers: false, files: [{include: [/var/log/pods/*/*/*.log], format: cri}]}",
        "endpoint: http://127.0.0.1:4317\nbearer_token_file: /t",
    ] {
        assert_eq!(warnings(apart), [""; 0], "{apart}");
    }
    assert_eq!(
        warnings("logs: {files: [{include: [/var/log/**/*.log]}]}"),
        [
            "logs.files[0] (/var/log/**/*.log) may match files below /var/log/pods, which logs.containers reads already; exclude /var/log/pods/**/*, or set logs.containers to false"
        ]
    );
    assert_eq!(
        warnings("endpoint: http://10.0.0.1:4317\nbearer_token_file: /t"),
        [
            "bearer_token_file or headers are sent to http://10.0.0.1:4317 without TLS; write https://"
        ]
    );
    assert_eq!(
        warnings("otlp: {http: '0.0.0.0:4318'}"),
        [
            "otlp.http (0.0.0.0:4318) takes data from other machines, without authentication; write 127.0.0.1 to take it from this one only"
        ]
    );
    assert_eq!(
        warnings("logs: {containers: false}\nmetrics: {host: false, containers: false}"),
        ["nothing is read, measured or received; switch on logs, metrics or otlp"]
    );
}

/// Where each section of the table is in a configuration; `{}` takes the keys.
const PLACES: &[(&str, &[&str])] = &[
    ("", &["{}"]),
    ("tls.", &["tls: {}"]),
    ("logs.", &["logs: {}"]),
    ("logs.containers.", &["logs: {containers: {}}"]),
    ("logs.files[].", &["logs: {files: [{}]}"]),
    (
        "multiline.",
        &[
            "logs: {containers: {multiline: {}}}",
            "logs: {files: [{multiline: {}}]}",
        ],
    ),
    (
        "rate_limit.",
        &[
            "logs: {containers: {rate_limit: {}}}",
            "logs: {files: [{rate_limit: {}}]}",
        ],
    ),
    (
        "redact.",
        &[
            "logs: {redact: {}}",
            "logs: {containers: {redact: {}}}",
            "logs: {files: [{redact: {}}]}",
        ],
    ),
    ("redact.patterns[].", &["logs: {redact: {patterns: [{}]}}"]),
    ("metrics.", &["metrics: {}"]),
    ("metrics.host.", &["metrics: {host: {}}"]),
    ("metrics.containers.", &["metrics: {containers: {}}"]),
    ("otlp.", &["otlp: {}"]),
    ("spool.", &["spool: {}"]),
];

#[test]
fn the_table_has_exactly_the_keys_that_can_be_written() {
    assert_eq!(PLACES.len(), reference::SECTIONS.len());
    for ((name, places), (section, settings)) in PLACES.iter().zip(reference::SECTIONS) {
        assert_eq!(name, section);
        let listed: BTreeSet<_> = settings.iter().map(|setting| setting.key).collect();
        for place in *places {
            let text = place.replace("{}", "{zzz: 1}");
            let Err(ConfigError::Setting { invalid, .. }) =
                Config::parse(&text, "agent.yaml", no_variables)
            else {
                panic!("{text} has an unknown key");
            };
            let Problem::UnknownKey { known, .. } = invalid.problem else {
                panic!("{text}: {invalid}");
            };
            assert_eq!(listed, known.iter().copied().collect(), "{section}");
        }
    }
}

#[test]
fn the_defaults_of_the_table_are_those_of_the_code() {
    // What has no default, as in the smallest section.
    let needed = |section: &str| match section {
        "logs.files[]." => "include: [/a], ",
        "multiline." => "start: a, ",
        "rate_limit." => "lines_per_second: 1, ",
        "redact.patterns[]." => "name: a, pattern: b, ",
        _ => "",
    };
    let mut tried = 0;
    for ((section, places), (_, settings)) in PLACES.iter().zip(reference::SECTIONS) {
        for setting in *settings {
            if matches!(setting.default, "" | "the section's defaults") {
                continue;
            }
            for place in *places {
                let (outer, needs) = (
                    place.replace("[{multiline", "[{include: [/a], multiline"),
                    needed(section),
                );
                let outer = outer
                    .replace("[{rate_limit", "[{include: [/a], rate_limit")
                    .replace("[{redact", "[{include: [/a], redact");
                let without = outer.replace("{}", &format!("{{{needs}}}"));
                let with = outer.replace(
                    "{}",
                    &format!("{{{needs}{}: {}}}", setting.key, quoted(setting.default)),
                );
                assert_eq!(parse(&with), parse(&without), "{with}");
                tried += 1;
            }
        }
    }
    assert!(tried > 30, "{tried} defaults were compared");
}

/// A default as a YAML value within braces.
fn quoted(default: &str) -> String {
    match default.as_bytes().first() {
        Some(b'*') => format!("'{default}'"),
        _ => default.to_owned(),
    }
}

#[test]
fn every_setting_has_a_text_that_is_a_sentence() {
    for (section, settings) in reference::SECTIONS {
        for setting in *settings {
            let name = format!("{section}{}", setting.key);
            assert!(setting.help.starts_with(' '), "{name}");
            assert!(setting.help.ends_with('.'), "{name}");
            assert!(for_help().contains(&name));
        }
    }
}

#[test]
fn the_readme_lists_the_settings() {
    const BEGIN: &str = "<!-- settings: begin -->\n";
    const END: &str = "<!-- settings: end -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let expected = format!("{before}{BEGIN}{}{END}{after}", for_readme());
    if std::env::var("TRIVIUM_UPDATE").is_ok_and(|value| value == "1") {
        fs::write(&path, &expected).unwrap();
    } else {
        assert!(
            readme == expected,
            "the README's settings are not those of the code; TRIVIUM_UPDATE=1 cargo test -p trivium-agent rewrites them"
        );
    }
}

#[test]
fn the_examples_of_the_readme_and_of_the_deployment_files_are_configurations() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let examples: Vec<_> = readme
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(examples.len() >= 2, "{} examples", examples.len());
    for example in examples {
        parse(example);
    }
    let env = |name: &str| {
        let value = match name {
            "OTLP_ENDPOINT" => "http://collector:4317",
            "NODE_NAME" => "node-1",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let parse_env =
        |text: &str| Config::parse(text, "example", env).unwrap_or_else(|e| panic!("{e}"));
    parse_env(&fs::read_to_string(folder.join("deploy/trivium-agent.yaml")).unwrap());
    let manifest = fs::read_to_string(folder.join("deploy/kubernetes.yaml")).unwrap();
    let (_, rest) = manifest.split_once("  trivium-agent.yaml: |\n").unwrap();
    let (embedded, _) = rest.split_once("---\n").unwrap();
    let config = parse_env(embedded);
    assert_eq!(config.root, Path::new("/host"));
}

proptest! {
    #[test]
    fn any_text_is_a_configuration_or_an_error(text in ".{0,200}") {
        let _ = Config::parse(&text, "agent.yaml", no_variables);
    }

    #[test]
    fn any_pieces_of_yaml_are_a_configuration_or_an_error(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "logs", "files", "include", "containers", "metrics", "host", "redact", "patterns", "multiline", "start", "spool",
                "max_bytes", "endpoint", "headers", "otlp", "grpc", ": ", "- ", "\n", "\n  ", "\n    ", "[", "]", "{", "}", ", ", "'",
                "\"", "&a ", "*a", "<<: ", "!x ", "|\n", ">", "~", "1", "-0.5", "1e999", "true", "false", "/a", "${", "}", "$", "#", "?",
                "---\n", "...", "\t", "\u{feff}", "é", "\0", "0x", ".nan", "15s", "1GiB", "((", "**",
            ]),
            0..40,
        )
    ) {
        let text: String = pieces.concat();
        let outcome = Config::parse(&text, "agent.yaml", |name| Some(name.to_owned()));
        if let Err(error) = outcome {
            let error = error.to_string();
            prop_assert!(error.starts_with("agent.yaml:") && !error.contains('\n'), "{error}");
        }
    }
}
