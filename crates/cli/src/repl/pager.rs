//! Results that are wider or longer than the terminal, in a pager.

use std::io::IsTerminal;
use std::io::Write;
use std::process::Command;
use std::process::Stdio;

use crate::error::Result;

/// Lines that the prompt and the last command take.
const KEPT: usize = 2;

/// The pager to use: what LAKEBED_PAGER or PAGER says, else `less` where it is; `None` where stdout
/// is no terminal or a variable says nothing.
pub fn command() -> Option<String> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let told = ["LAKEBED_PAGER", "PAGER"].iter().find_map(|name| std::env::var(name).ok());
    match told {
        Some(told) if told.trim().is_empty() => None,
        Some(told) if told.trim() == "less" => Some("less -SRFX".to_string()),
        Some(told) => Some(told),
        None => {
            let path = std::env::var_os("PATH")?;
            let found = std::env::split_paths(&path).any(|folder| folder.join("less").is_file());
            found.then(|| "less -SRFX".to_string())
        }
    }
}

/// True if a text does not fit a terminal of so many rows and columns.
pub fn is_large(text: &str, (rows, columns): (u16, u16)) -> bool {
    let wide = || text.lines().any(|line| console::measure_text_width(line) > usize::from(columns));
    text.lines().count() + KEPT > usize::from(rows) || wide()
}

/// Shows a text in a pager; false if it cannot be started.
pub fn show(pager: &str, text: &str) -> Result<bool> {
    let started = Command::new("sh").args(["-c", pager]).stdin(Stdio::piped()).spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            tracing::debug!(%error, pager, "not started");
            return Ok(false);
        }
    };
    if let Some(mut input) = child.stdin.take() {
        // Who has seen enough leaves before the end.
        let _ = input.write_all(text.as_bytes());
    }
    child.wait()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::is_large;

    #[test]
    fn what_does_not_fit_is_large() {
        assert!(!is_large("ab\ncd\n", (10, 2)));
        assert!(is_large("abc\n", (10, 2)));
        assert!(is_large("a\nb\nc\n", (4, 2)));
    }
}
