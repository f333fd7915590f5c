//! Tables on a terminal, or in a file.

use std::io::IsTerminal;

use comfy_table::CellAlignment;
use comfy_table::ContentArrangement;
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;

/// A table with its head; lines are broken where the terminal is too narrow.
pub fn table<S: Into<String>>(head: impl IntoIterator<Item = S>) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    let width = std::io::stdout().is_terminal().then(|| console::Term::stdout().size_checked());
    match width.flatten() {
        Some((_, columns)) => {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    table.set_header(head.into_iter().map(Into::into).collect::<Vec<String>>());
    table
}

/// Aligns columns of numbers by their ends.
pub fn align_right(table: &mut Table, columns: impl IntoIterator<Item = usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}
