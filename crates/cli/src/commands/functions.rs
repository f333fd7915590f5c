//! `lakebed functions`

use std::io::Write;

use clap::Args;
use lakebed::words;
use lakebed::words::Word;

use crate::error::Error;
use crate::error::Result;
use crate::table;

/// The statements that change rows: they are no words of a query.
const STATEMENTS: [[&str; 4]; 3] = [
    [
        "UPDATE",
        "UPDATE [DATASET] SET column = value, ... [WHERE condition]",
        "give cells new values, or parts of them: SET boxes[:, 0] = 0; one commit",
        "UPDATE SET labels = 'cat' WHERE labels = 'kat'",
    ],
    [
        "DELETE",
        "DELETE [FROM DATASET] [WHERE condition]",
        "delete rows, all of them without WHERE; one commit, and older versions keep them",
        "DELETE WHERE SHAPE(boxes)[0] = 0",
    ],
    [
        "INSERT",
        "INSERT INTO DATASET [(column, ...)] SELECT ...",
        "add the rows of a query, or VALUES (...), (...); one commit",
        "INSERT INTO dataset SELECT * FROM \"more.lakebed\"",
    ],
];

#[derive(Debug, Args)]
pub struct Functions {
    /// A function, statement or keyword to tell more of: IOU, "GROUP BY"; all functions without it
    name: Option<String>,
}

impl Functions {
    pub fn run(self, out: &mut dyn Write) -> Result<()> {
        match &self.name {
            None => list(out),
            Some(name) => one(name, out),
        }
    }
}

fn list(out: &mut dyn Write) -> Result<()> {
    let mut shown = table::table(["function", "what it does"]);
    for entry in words::functions() {
        shown.add_row([entry.tql.join(", "), entry.help.to_string()]);
    }
    writeln!(out, "{shown}")?;
    writeln!(out, "lakebed functions NAME tells more of one; SQL has them too.")?;
    Ok(())
}

fn one(name: &str, out: &mut dyn Write) -> Result<()> {
    let words: Vec<String> = name.split_whitespace().map(str::to_ascii_uppercase).collect();
    let statement = STATEMENTS.iter().find(|[word, ..]| match &words[..] {
        [one] => one == word,
        [one, two] => one == word && (two == "INTO" || two == "FROM" || two == "SET"),
        _ => false,
    });
    if let Some([_, form, help, example]) = statement {
        writeln!(out, "{form}\n  {help}\n  example: {example}")?;
        return Ok(());
    }
    let found = words::find(name);
    if found.is_empty() {
        let hint = match words::suggestion(name) {
            Some(near) => format!("did you mean {near}?"),
            None => "'lakebed functions' lists them all".to_string(),
        };
        let message = format!("no function or keyword of TQL is called '{name}'");
        return Err(Error::Refused { message, hint });
    }
    for word in found {
        match word {
            Word::Keyword(entry) => writeln!(out, "{}\n  {}", entry.word, entry.help)?,
            Word::Function(entry) => {
                writeln!(out, "{}\n  {}", entry.signature, entry.help)?;
                let others = entry.tql.iter().skip(1).copied().collect::<Vec<_>>().join(", ");
                if !others.is_empty() {
                    writeln!(out, "  also: {others}")?;
                }
                let sql = [entry.udf].into_iter().chain(entry.aliases.iter().copied());
                writeln!(out, "  in SQL: {}", sql.collect::<Vec<_>>().join(", "))?;
                if !entry.parameters.is_empty() {
                    writeln!(out, "  arguments by name: {}", entry.parameters.join(", "))?;
                }
                if !entry.example.is_empty() {
                    writeln!(out, "  example: {}", entry.example)?;
                }
            }
        }
    }
    Ok(())
}
