//! The agent's configuration: any text is one, or an error of one line that names the file and a line of it.

use trivium_agent::config::Config;

/// A text, with every variable set.
pub(crate) fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Config::parse(text, "agent.yaml", |name| Some(name.to_owned())) {
        Ok(config) => {
            for warning in config.warnings() {
                let warning = warning.to_string();
                assert!(!warning.contains('\n'), "one line: {warning:?}");
            }
        }
        Err(error) => {
            let error = error.to_string();
            assert!(!error.contains('\n'), "one line: {error:?}");
            let line = error
                .strip_prefix("agent.yaml:")
                .and_then(|rest| rest.split_once(": "))
                .and_then(|(line, _)| line.parse::<usize>().ok());
            // For YAML, a carriage return ends a line too; the end of the text is behind its last line.
            let lines = 1 + text.matches(['\n', '\r']).count();
            assert!(
                line.is_some_and(|line| (1..=lines).contains(&line)),
                "of {lines} lines: {error:?}"
            );
        }
    }
}
