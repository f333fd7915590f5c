//! The meta commands: their names, arguments and help. Both families, `\x` and `.x`, are the same
//! commands.

use lakebed::core::nearest::nearest;

use crate::error::Error;
use crate::error::Result;

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Help,
    Quit,
    Describe,
    Tables,
    Functions,
    Timing,
    Cost,
    Mode,
    Rows,
    Pager,
    Output,
    Include,
    Use,
    Language,
    Seed,
    /// A command of `lakebed` about the current dataset.
    Command(&'static str),
    Diff,
    Stats,
    Save,
    Export,
    Show,
}

/// What completion offers behind a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    None,
    Choice(&'static [&'static str]),
    Column,
    File,
    Ref,
    Dataset,
    Word,
    Other,
}

/// One meta command.
#[derive(Debug)]
pub struct MetaCommand {
    /// Its names, without the sign before them.
    pub names: &'static [&'static str],
    /// What stands behind it.
    pub usage: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// What completion offers behind it.
    pub argument: Argument,
    /// What it does.
    pub action: Action,
}

impl MetaCommand {
    /// The most arguments; `None` for a command that takes a line of them.
    fn most(&self) -> Option<usize> {
        // GROUP BY is one keyword.
        (self.action != Action::Functions).then(|| self.usage.split_whitespace().count())
    }
}

const fn command(
    names: &'static [&'static str],
    usage: &'static str,
    help: &'static str,
    argument: Argument,
    action: Action,
) -> MetaCommand {
    MetaCommand { names, usage, help, argument, action }
}

const SWITCH: Argument = Argument::Choice(&["on", "off"]);
const MODES: Argument = Argument::Choice(&["table", "record", "json", "csv"]);
const LANGUAGES: Argument = Argument::Choice(&["tql", "sql"]);

/// All meta commands, in the order of the help.
pub const COMMANDS: &[MetaCommand] = &[
    command(&["?", "help"], "", "this list", Argument::None, Action::Help),
    command(&["q", "quit", "exit"], "", "leave", Argument::None, Action::Quit),
    command(
        &["use", "open"],
        "[DATASET][@VERSION]",
        "make it the current dataset; @VERSION alone is another branch, tag or version of this one",
        Argument::Dataset,
        Action::Use,
    ),
    command(
        &["d", "schema"],
        "[DATASET]",
        "columns, rows, sizes",
        Argument::Dataset,
        Action::Describe,
    ),
    command(
        &["dt", "tables"],
        "",
        "the current dataset, its branches, tags and views, and datasets in this folder",
        Argument::None,
        Action::Tables,
    ),
    command(&["df", "functions"], "", "list the functions", Argument::None, Action::Functions),
    command(&["h"], "NAME", "help on a function or keyword", Argument::Word, Action::Functions),
    command(
        &["stats"],
        "COLUMN",
        "statistics of a column and its chunks",
        Argument::Column,
        Action::Stats,
    ),
    command(&["branches"], "", "list branches", Argument::None, Action::Command("branch")),
    command(&["tags"], "", "list tags", Argument::None, Action::Command("tag")),
    command(&["views"], "", "list views", Argument::None, Action::Command("view")),
    command(
        &["log"],
        "[-n N]",
        "commits, the newest first",
        Argument::Other,
        Action::Command("log"),
    ),
    command(
        &["diff"],
        "[FROM [TO]]",
        "what differs from another version, or from the one before; or between two versions",
        Argument::Ref,
        Action::Diff,
    ),
    command(&["save"], "NAME", "save the last query as a view", Argument::Other, Action::Save),
    command(
        &["export"],
        "FILE",
        "write the rows of the last query to a file: .csv, .jsonl, .parquet, .npz and others",
        Argument::File,
        Action::Export,
    ),
    command(
        &["show"],
        "ROW COLUMN",
        "draw an image of the last result, or give a value in full; rows count from 1",
        Argument::Column,
        Action::Show,
    ),
    command(&["mode"], "[table|record|json|csv]", "how rows are written", MODES, Action::Mode),
    command(
        &["rows"],
        "N",
        "rows that a table shows at most, 0 for all",
        Argument::Other,
        Action::Rows,
    ),
    command(&["timing"], "[on|off]", "the time of each query", SWITCH, Action::Timing),
    command(&["cost"], "[on|off]", "what each query read", SWITCH, Action::Cost),
    command(&["pager"], "[on|off]", "wide and long results in a pager", SWITCH, Action::Pager),
    command(
        &["o", "output"],
        "[FILE]",
        "write results to a file, or here again",
        Argument::File,
        Action::Output,
    ),
    command(
        &["i", "read"],
        "FILE",
        "run the statements of a file",
        Argument::File,
        Action::Include,
    ),
    command(
        &["language", "lang"],
        "[tql|sql]",
        "the language of what follows",
        LANGUAGES,
        Action::Language,
    ),
    command(&["seed"], "N", "what RANDOM and SAMPLE BY depend on", Argument::Other, Action::Seed),
];

/// The command of a name.
pub fn find(name: &str) -> Option<&'static MetaCommand> {
    COMMANDS.iter().find(|command| command.names.contains(&name))
}

/// A line as a command and its arguments, which quotes keep together.
///
/// # Errors
/// [`Error::Refused`] for a command that there is not, more arguments than it takes, or quotes that
/// do not end.
pub fn parse(line: &str) -> Result<(&'static MetaCommand, Vec<String>)> {
    let line = line.trim().trim_end_matches(';').trim_end();
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let name = name.get(1..).unwrap_or_default();
    let Some(command) = find(name) else {
        let names = COMMANDS.iter().flat_map(|command| command.names).copied();
        let hint = match nearest(name, names) {
            Some(near) => format!("did you mean \\{near}? \\? lists all"),
            None => "\\? lists them".to_string(),
        };
        return Err(Error::Refused { message: format!("there is no command \\{name}"), hint });
    };
    let arguments = shlex::split(rest).ok_or_else(|| Error::Refused {
        message: format!("a quote does not end in: {rest}"),
        hint: "end it".to_string(),
    })?;
    if let Some(more) = command.most().and_then(|most| arguments.get(most)) {
        let takes = if command.usage.is_empty() { "nothing" } else { command.usage };
        return Err(Error::Refused {
            message: format!("\\{name} takes {takes}, and '{more}' is one word too many"),
            hint: "put what has blanks in it into quotes; \\? lists what commands take".to_string(),
        });
    }
    Ok((command, arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_name_the_same_commands() {
        for line in ["\\stats images", ".stats images;", "  \\stats  'images' ; "] {
            let (command, arguments) = parse(line).unwrap();
            assert_eq!(
                (command.action, &arguments[..]),
                (Action::Stats, &["images".to_string()][..])
            );
        }
        let error = parse("\\branchs").unwrap_err().report();
        assert!(error.contains("\\branches"), "{error}");
        assert!(parse("\\use 'a b").is_err());
        for line in ["\\branches new", "\\export my file.csv", "\\show 1 a b", "\\timing on off"] {
            let error = parse(line).unwrap_err().report();
            let last = line.rsplit(' ').next().unwrap();
            assert!(error.contains(&format!("'{last}' is one word too many")), "{error}");
        }
        for line in ["\\h group by", "\\log -n 3", "\\export 'my file.csv'", "\\diff 1 2"] {
            parse(line).unwrap();
        }
    }

    #[test]
    fn no_name_is_given_twice() {
        let mut names: Vec<&str> = COMMANDS.iter().flat_map(|c| c.names).copied().collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
