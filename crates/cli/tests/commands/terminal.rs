//! The prompt in a real pseudo-terminal: what a person types, and what then stands on the screen.

use std::io::Read;
use std::io::Write;
use std::num::NonZeroU16;
use std::path::Path;
use std::process::Child;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use pty_process::Size;
use pty_process::blocking::Command;
use pty_process::blocking::Pty;

use crate::support::with_demo;

const ROWS: u16 = 30;
const COLUMNS: u16 = 100;
/// A machine under load is slow to answer; one that hangs never does.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal with the program in it.
struct Terminal {
    pty: Arc<Pty>,
    screen: Arc<Mutex<vt100::Parser>>,
    child: Child,
}

impl Terminal {
    fn start(folder: &Path, home: &Path, args: &[&str], variables: &[(&str, &str)]) -> Terminal {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(Size::new(ROWS, COLUMNS)).unwrap();
        let mut command =
            Command::new(env!("CARGO_BIN_EXE_lakebed")).args(args).current_dir(folder);
        for name in
            ["RUST_LOG", "COLUMNS", "NO_COLOR", "COLORTERM", "TERM_PROGRAM", "KITTY_WINDOW_ID"]
        {
            command = command.env_remove(name);
        }
        command = command.env("TERM", "xterm-256color").env("HOME", home).env("LAKEBED_PAGER", "");
        let child = command.envs(variables.iter().copied()).spawn(pts).unwrap();
        let size = |number| NonZeroU16::new(number).unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(size(ROWS), size(COLUMNS), 1000)));
        let pty = Arc::new(pty);
        let (from, seen) = (Arc::clone(&pty), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The end of the program is an error of reading from its terminal.
            while let Ok(count @ 1..) = (&*from).read(&mut bytes) {
                seen.lock().unwrap().process(&bytes[..count]);
            }
        });
        Terminal { pty, screen, child }
    }

    fn types(&self, text: &str) {
        (&*self.pty).write_all(text.as_bytes()).unwrap();
    }

    fn screen(&self) -> String {
        let contents = self.screen.lock().unwrap().screen().contents();
        contents.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    /// Waits until the screen holds a text.
    fn sees(&self, what: &str) -> String {
        self.waits(what, |screen| screen.contains(what))
    }

    /// Waits until the last line is a prompt that waits for input.
    fn asks(&self, prompt: &str) -> String {
        self.waits(prompt, |screen| screen.lines().last() == Some(prompt.trim_end()))
    }

    /// Enters a line, and waits for something that it shows and the next prompt.
    fn enters(&self, line: &str, shows: &str, prompt: &str) -> String {
        self.types(&format!("{line}\r"));
        self.waits(shows, |screen| {
            screen.contains(shows) && screen.lines().last() == Some(prompt.trim_end())
        })
    }

    fn waits(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if holds(&screen) {
                return screen;
            }
            assert!(begun.elapsed() < PATIENCE, "no {what:?} on\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn ends(mut self) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "still running\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// The screen without what differs from run to run: times, requests and bytes.
fn steady(screen: &str) -> String {
    let line = |line: &str| match line.split_once(" row").or_else(|| line.split_once(" rows")) {
        Some((count, rest)) if count.parse::<u64>().is_ok() && rest.contains(" ms") => {
            assert!(rest.contains("request") && rest.contains(" read"), "{line}");
            format!("{count} row(s), TIME; COST")
        }
        _ => line.to_string(),
    };
    screen.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_session_from_the_first_prompt_to_the_last() {
    let home = tempfile::tempdir().unwrap();
    let terminal = Terminal::start(with_demo(), home.path(), &["./demo"], &[]);
    terminal.asks("demo> ");
    // Nothing happens before the semicolon.
    terminal.types("SELECT scene, COUNT(*) AS n\r");
    terminal.enters("GROUP BY scene ORDER BY n;", "3 rows", "demo> ");
    terminal.enters("\\branches", "version", "demo> ");
    terminal.enters("\\lang sql", "", "demo sql> ");
    terminal.enters("SELECT no_such FROM dataset;", "error: ", "demo sql> ");
    let screen = terminal.enters("\\timing off", "timing is off", "demo sql> ");
    insta::assert_snapshot!("session", steady(&screen));
    terminal.types("\\q\r");
    terminal.ends();
}

#[test]
fn words_are_completed_coloured_and_remembered() {
    let home = tempfile::tempdir().unwrap();
    let terminal = Terminal::start(with_demo(), home.path(), &["./demo"], &[]);
    terminal.asks("demo> ");
    terminal.types("SELECT embe\t");
    terminal.sees("SELECT embeddings");
    {
        let parser = terminal.screen.lock().unwrap();
        let row = parser.screen().cursor_position().0;
        let color = |column| parser.screen().cell(row, column).unwrap().fgcolor();
        // A keyword has a colour, the space behind it and a column have none: `demo> SELECT embe`.
        assert_eq!(color(12), vt100::Color::Default);
        assert_ne!(color(7), vt100::Color::Default);
        assert_eq!(color(15), vt100::Color::Default);
    }
    terminal.types(" LIMIT 1;\r");
    terminal.sees("1 row");
    terminal.types("\\bra\t");
    terminal.sees("\\branches");
    // Ctrl-C throws a line away, Ctrl-D on an empty one leaves.
    terminal.types("\u{3}");
    terminal.asks("demo> ");
    terminal.types("\u{4}");
    terminal.ends();
    let terminal = Terminal::start(with_demo(), home.path(), &["./demo"], &[]);
    terminal.asks("demo> ");
    terminal.types("\u{1b}[A");
    terminal.sees("demo> SELECT embeddings LIMIT 1;");
    terminal.types("\r");
    terminal.sees("1 row");
    terminal.types("\u{4}");
    terminal.ends();
}

#[test]
fn ctrl_d_on_an_empty_line_drops_the_statement_that_was_begun() {
    let home = tempfile::tempdir().unwrap();
    let terminal = Terminal::start(with_demo(), home.path(), &["./demo"], &[]);
    terminal.asks("demo> ");
    terminal.types("SELECT nothing\r");
    terminal.sees("SELECT nothing");
    terminal.types("\u{4}");
    terminal.asks("demo> ");
    terminal.enters("SELECT 7 * 6 AS answer LIMIT 1;", "42", "demo> ");
    // In the middle of a line it deletes what stands under the cursor.
    terminal.types("xSELECT 6 * 9 AS n LIMIT 1;\u{1}\u{4}\u{5}\r");
    terminal.waits("54", |screen| screen.contains("54") && screen.lines().last() == Some("demo>"));
    terminal.types("\u{4}");
    terminal.ends();
}

#[test]
fn ctrl_c_stops_the_query_and_not_the_program() {
    let home = tempfile::tempdir().unwrap();
    let terminal = Terminal::start(with_demo(), home.path(), &["./demo", "--sql"], &[]);
    terminal.asks("demo sql> ");
    let others = ["b", "c", "d", "e", "f"].map(|name| format!(", dataset AS {name}")).concat();
    // 6.4e13 pairs: nobody waits for them.
    terminal.types(&format!("SELECT count(*) FROM dataset AS a{others} WHERE a.score + b.score + c.score + d.score + e.score + f.score < 0;\r"));
    std::thread::sleep(Duration::from_millis(1500));
    let begun = Instant::now();
    terminal.types("\u{3}");
    terminal.sees("error: stopped");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    terminal.asks("demo sql> ");
    terminal.enters("SELECT 20 + 3 AS works;", "│    23 │", "demo sql> ");
    terminal.types("\\q\r");
    terminal.ends();
}

#[test]
fn the_startup_file_runs_first() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(".lakebedrc"), "\\lang sql\n\\mode json\n").unwrap();
    let terminal = Terminal::start(with_demo(), home.path(), &["./demo"], &[]);
    terminal.asks("demo sql> ");
    terminal.types("SELECT count(*) AS n FROM dataset;\r");
    terminal.sees("{\"n\":200}");
    terminal.types("\\q\r");
    terminal.ends();
    let terminal = Terminal::start(with_demo(), home.path(), &["-X", "./demo"], &[]);
    terminal.asks("demo> ");
    terminal.types("\\q\r");
    terminal.ends();
}

#[test]
fn images_are_drawn_in_terminals_that_can() {
    let home = tempfile::tempdir().unwrap();
    let colours = [("COLORTERM", "truecolor")];
    let terminal = Terminal::start(with_demo(), home.path(), &["./demo"], &colours);
    terminal.asks("demo> ");
    terminal.enters("SELECT images LIMIT 2;", "2 rows", "demo> ");
    terminal.types("\\show 1 images\r");
    let screen = terminal.sees("images, row 1: ");
    assert!(screen.matches('▀').count() > 100, "{screen}");
    terminal.types("\\q\r");
    terminal.ends();
}

#[test]
fn long_and_wide_results_go_to_a_pager() {
    let home = tempfile::tempdir().unwrap();
    let paged = home.path().join("paged");
    let pager = format!("cat > '{}'", paged.display());
    let variables = [("LAKEBED_PAGER", pager.as_str())];
    let terminal = Terminal::start(with_demo(), home.path(), &["./demo"], &variables);
    terminal.asks("demo> ");
    terminal.enters("SELECT score LIMIT 2;", "2 rows", "demo> ");
    assert!(!paged.exists());
    terminal.types("SELECT score;\r");
    terminal.waits("a long table", |_| {
        std::fs::read_to_string(&paged).is_ok_and(|text| text.contains("the first 40 rows"))
    });
    terminal.asks("demo> ");
    let text = std::fs::read_to_string(&paged).unwrap();
    assert!(text.contains("the first 40 rows"), "{text}");
    // A line is as long as it needs to be there.
    terminal.types("SELECT *, captions AS again, meta AS more LIMIT 1;\r");
    terminal.waits("a wide table", |_| {
        std::fs::read_to_string(&paged).is_ok_and(|text| text.contains("again"))
    });
    let text = std::fs::read_to_string(&paged).unwrap();
    assert!(text.lines().any(|line| line.chars().count() > usize::from(COLUMNS)), "{text}");
    terminal.types("\\pager off\r");
    terminal.sees("pager is off");
    terminal.types("\\q\r");
    terminal.ends();
}
