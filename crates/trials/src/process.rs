//! This program again, as processes that may be killed.

use std::process::Command;
use std::process::Stdio;

/// What a child is to do; set by its parent.
const ROLE: &str = "LAKEBED_TRIALS_ROLE";

/// How to start this program so that it comes to [`child`] and does nothing else: the arguments, for
/// a test program `--exact NAME_OF_THE_TEST_THAT_CALLS_IT --nocapture --test-threads=1`.
#[derive(Debug, Clone, Copy)]
pub struct Program(pub &'static [&'static str]);

impl Program {
    /// A child that plays a role of [`child`]; its standard output is read by the parent, what else it
    /// needs goes through environment variables.
    pub fn child(&self, role: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(self.0).env(ROLE, role).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }
}

/// Plays the role that this process was started for. In a process that was not started by a trial it
/// returns false at once.
pub fn child() -> bool {
    match std::env::var(ROLE).as_deref() {
        Err(_) => false,
        Ok(crate::fuzz::ROLE) => {
            crate::fuzz::child();
            true
        }
        Ok(crate::writers::ROLE) => {
            crate::writers::child();
            true
        }
        Ok(crate::kill::WORKER) => {
            crate::kill::work();
            true
        }
        Ok(crate::kill::STEP) => {
            crate::kill::step();
            true
        }
        Ok(role) => panic!("no trial has the role '{role}'"),
    }
}
