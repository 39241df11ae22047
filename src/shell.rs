//! What a shell and `man` want to know of an executable: made from its own command line, so nothing is forgotten.

use std::io;
use std::path::Path;

use clap::Command;
pub use clap_complete::Shell;

/// The script that completes the command line in this shell.
pub fn completions(mut command: Command, shell: Shell) -> Vec<u8> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    script
}

/// The page of the executable itself, for `man -l -`.
///
/// # Errors
/// None in practice: it is written to memory.
pub fn man_page(command: Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.disable_help_subcommand(true)).render(&mut page)?;
    Ok(page)
}

/// Writes the pages of the executable and of each of its commands into a folder, which is made if needed.
///
/// # Errors
/// The folder cannot be made or written.
pub fn man_pages(command: Command, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(command, folder)
}
