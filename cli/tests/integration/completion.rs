//! `trivium completion`.

use std::process::Command;

use crate::{success, trivium};

#[test]
fn each_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = success(&trivium().args(["completion", shell]).output().unwrap());
        for word in ["status", "state-dir", "detach", "otelcol"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
    }
}

#[test]
fn bash_completes_commands_and_names_of_parts() {
    let script = success(&trivium().args(["completion", "bash"]).output().unwrap());
    let complete = |words: &str| {
        let test = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
             _trivium trivium \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        success(&Command::new("bash").args(["-c", &test]).output().unwrap())
    };
    assert_eq!(complete("trivium sta"), "status\n");
    assert_eq!(complete("trivium logs ot"), "otelcol\n");
}
