//! What cannot be used is an error with its place and fix, what is probably not meant a warning, whatever is written.

use proptest::prelude::*;

use super::*;

fn error(text: &str) -> String {
    Config::parse(text, "agent.yaml", no_variables)
        .unwrap_err()
        .to_string()
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
