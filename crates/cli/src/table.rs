//! Tables on a terminal, or in a file.

use std::io::IsTerminal;

use comfy_table::CellAlignment;
use comfy_table::ContentArrangement;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use comfy_table::presets::UTF8_FULL_CONDENSED;

/// Characters that a column needs to be read with ease.
const READABLE: usize = 14;

/// A table with its head; lines are broken where the terminal is too narrow.
pub fn table<S: Into<String>>(head: impl IntoIterator<Item = S>) -> Table {
    let mut table = sized(UTF8_FULL_CONDENSED);
    table.set_header(head.into_iter().map(Into::into).collect::<Vec<String>>());
    table
}

/// A table with its head whose lines are as long as they need to be, for a pager.
pub fn natural<S: Into<String>>(head: impl IntoIterator<Item = S>) -> Table {
    let mut table = table(head);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// A table without lines and head, for one record: a name and a value a line.
pub fn record() -> Table {
    sized(NOTHING)
}

/// True if the terminal is too narrow for so many columns.
pub fn is_cramped(columns: usize) -> bool {
    width().is_some_and(|width| columns.saturating_mul(READABLE) > usize::from(width))
}

/// Aligns columns of numbers by their ends.
pub fn align_right(table: &mut Table, columns: impl IntoIterator<Item = usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn sized(preset: &str) -> Table {
    let mut table = Table::new();
    table.load_preset(preset);
    match width() {
        Some(width) => {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    table
}

/// What COLUMNS says, else the terminal's width; `None` in files and pipes: no limit.
fn width() -> Option<u16> {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let seen = || {
        let stdout = std::io::stdout();
        let size = stdout.is_terminal().then(|| console::Term::stdout().size_checked());
        size.flatten().map(|(_, columns)| columns)
    };
    told.or_else(seen).filter(|width| *width >= 20)
}
