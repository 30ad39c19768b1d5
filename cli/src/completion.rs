//! `trivium completion SHELL`: the script that makes a shell complete commands, options and their values.

use std::io::{self, Write};

use clap::{Args, Command};
use clap_complete::Shell;

/// `trivium completion`
#[derive(Debug, Args)]
#[command(
    after_help = "Bash, for one session:   source <(trivium completion bash)\n\
                        Zsh, in your $fpath:     trivium completion zsh > ~/.zfunc/_trivium\n\
                        Fish:                    trivium completion fish > ~/.config/fish/completions/trivium.fish"
)]
pub(crate) struct Options {
    /// The shell that reads it
    #[arg(value_enum)]
    shell: Shell,
}

/// The script could not be printed.
#[derive(Debug, thiserror::Error)]
#[error("cannot print the completion script: {0}")]
pub(crate) struct CompletionError(#[from] io::Error);

/// Prints the script for all of `command`.
pub(crate) fn run(options: &Options, mut command: Command) -> Result<(), CompletionError> {
    let name = command.get_name().to_owned();
    // Written as a whole, as the generator panics where its output is closed.
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, name, &mut script);
    Ok(io::stdout().write_all(&script)?)
}
