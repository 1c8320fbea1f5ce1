//! Tables: which cell covers which place, the names of columns, rows told with those names.

use domain::BoundingBox;

use crate::{Block, BlockKind, Cell};

/// More columns than any table a person reads.
const MAX_COLUMNS: usize = 200;

/// A value of a row, with the name of its column.
pub(crate) struct RowPart<'a> {
    /// The column's name; empty where it has none.
    pub(crate) name: &'a str,
    /// The cell; where cells are merged, possibly one that begins in a row above.
    pub(crate) cell: &'a Cell,
}

/// A table made of its rows; `header_rows` of them name the columns.
pub(crate) fn table_block(
    mut rows: Vec<Vec<Cell>>,
    header_rows: usize,
    bbox: Option<BoundingBox>,
) -> Block {
    rows.retain(|row| !row.is_empty());
    place_columns(&mut rows);
    let header_rows = header_rows.min(rows.len());
    let headers = column_names(&rows, header_rows);
    let mut block = Block {
        kind: BlockKind::Table,
        level: None,
        text: String::new(),
        bbox,
        rows: Some(rows),
        header_rows: header_rows as u32,
        headers,
        words: Vec::new(),
    };
    block.text = told_rows(&block);
    block
}

/// Gives a table that continues another the names of its columns.
pub(crate) fn inherit_headers(block: &mut Block, headers: &[String]) {
    block.headers = headers.to_vec();
    block.text = told_rows(block);
}

/// How many columns the rows have.
pub(crate) fn column_count(rows: &[Vec<Cell>]) -> usize {
    rows.iter()
        .flatten()
        .map(|cell| (cell.column + cell.column_span) as usize)
        .max()
        .unwrap_or(0)
        .min(MAX_COLUMNS)
}

/// The data rows of a table, each as its values with the names of their columns.
pub(crate) fn row_parts(block: &Block) -> Vec<Vec<RowPart<'_>>> {
    let Some(rows) = &block.rows else {
        return Vec::new();
    };
    let columns = column_count(rows);
    let named = block.headers.iter().any(|name| !name.is_empty());
    let owners = owners(rows, columns);
    let mut told = Vec::new();
    for (row, owner) in owners.iter().enumerate().skip(block.header_rows as usize) {
        let mut parts = Vec::new();
        let mut last = None;
        for (column, place) in owner.iter().enumerate() {
            let Some((from, index)) = *place else {
                continue;
            };
            if last == Some((from, index)) {
                continue;
            }
            last = Some((from, index));
            // Without names a merged cell is not repeated: nothing would say what it is.
            if from != row && (!named || from < block.header_rows as usize) {
                continue;
            }
            let cell = &rows[from][index];
            if cell.text.is_empty() {
                continue;
            }
            let whole = cell.column_span as usize >= columns && columns > 1;
            let name = block.headers.get(column).map_or("", String::as_str);
            parts.push(RowPart {
                name: if whole { "" } else { name },
                cell,
            });
        }
        told.push(parts);
    }
    told
}

/// A row's text: `Fármaco: Bisoprolol; Dosis inicial: 1,25 mg`.
pub(crate) fn row_text(parts: &[RowPart<'_>]) -> String {
    let named = parts.iter().any(|part| !part.name.is_empty());
    let mut text = String::new();
    for part in parts {
        if !text.is_empty() {
            text.push_str(if named { "; " } else { " " });
        }
        if !part.name.is_empty() {
            text.push_str(part.name);
            text.push_str(": ");
        }
        text.push_str(&part.cell.text);
    }
    text
}

fn told_rows(block: &Block) -> String {
    let mut lines: Vec<String> = row_parts(block)
        .iter()
        .map(|parts| row_text(parts))
        .collect();
    lines.retain(|line| !line.is_empty());
    if lines.is_empty() {
        lines = block
            .rows
            .iter()
            .flatten()
            .map(|row| crate::extracted::verbatim_row(row))
            .collect();
    }
    lines.join("\n")
}

/// Gives each cell its column, past the places that cells of rows above cover.
fn place_columns(rows: &mut [Vec<Cell>]) {
    let mut covered: Vec<u32> = Vec::new();
    for row in rows.iter_mut() {
        let mut column = 0usize;
        for cell in row.iter_mut() {
            while covered.get(column).is_some_and(|rows| *rows > 0) {
                column += 1;
            }
            cell.column = column.max(cell.column as usize).min(MAX_COLUMNS) as u32;
            cell.column_span = cell.column_span.clamp(1, MAX_COLUMNS as u32);
            cell.row_span = cell.row_span.max(1);
            column = (cell.column + cell.column_span) as usize;
        }
        let width = row
            .iter()
            .map(|cell| (cell.column + cell.column_span) as usize)
            .max();
        covered.resize(covered.len().max(width.unwrap_or(0)), 0);
        for rows in &mut covered {
            *rows = rows.saturating_sub(1);
        }
        for cell in row.iter() {
            for column in cell.column..cell.column + cell.column_span {
                covered[column as usize] = covered[column as usize].max(cell.row_span - 1);
            }
        }
    }
}

/// For each row and column, the cell that covers it: row where it begins and index there.
fn owners(rows: &[Vec<Cell>], columns: usize) -> Vec<Vec<Option<(usize, usize)>>> {
    let mut owners = vec![vec![None; columns]; rows.len()];
    for (row, cells) in rows.iter().enumerate() {
        for (index, cell) in cells.iter().enumerate() {
            let last = (row + cell.row_span as usize).min(rows.len());
            let right = ((cell.column + cell.column_span) as usize).min(columns);
            for line in &mut owners[row..last] {
                for owner in line.iter_mut().take(right).skip(cell.column as usize) {
                    owner.get_or_insert((row, index));
                }
            }
        }
    }
    owners
}

/// The name of each column: the header cells above it, from top to bottom.
fn column_names(rows: &[Vec<Cell>], header_rows: usize) -> Vec<String> {
    if header_rows == 0 {
        return Vec::new();
    }
    let columns = column_count(rows);
    let owners = owners(rows, columns);
    (0..columns)
        .map(|column| {
            let mut places = Vec::new();
            for owner in owners.iter().take(header_rows) {
                // A title over the whole table names no column.
                if let Some((row, index)) = owner[column]
                    && !places.contains(&(row, index))
                    && (columns == 1 || (rows[row][index].column_span as usize) < columns)
                {
                    places.push((row, index));
                }
            }
            let names: Vec<&str> = places
                .into_iter()
                .map(|(row, index)| rows[row][index].text.trim_end_matches([':', ' ']))
                .filter(|name| !name.is_empty())
                .collect();
            names.join(" – ")
        })
        .collect()
}

/// A cell without a place on a page.
pub(crate) fn plain_cell(text: String, row_span: u32, column_span: u32) -> Cell {
    Cell {
        text,
        row_span,
        column_span,
        column: 0,
        bbox: None,
        words: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rows: &[&[(&str, u32, u32)]], header_rows: usize, expected: &str) {
        let rows = rows
            .iter()
            .map(|row| {
                row.iter()
                    .map(|(text, r, c)| plain_cell((*text).to_owned(), *r, *c))
                    .collect()
            })
            .collect();
        assert_eq!(table_block(rows, header_rows, None).text, expected);
    }

    #[test]
    fn each_value_stands_after_the_name_of_its_column() {
        check(
            &[
                &[
                    ("Fármaco", 1, 1),
                    ("Dosis inicial", 1, 1),
                    ("Objetivo", 1, 1),
                ],
                &[
                    ("Bisoprolol", 1, 1),
                    ("1,25 mg/24 h", 1, 1),
                    ("10 mg/24 h", 1, 1),
                ],
                &[("Ivabradina", 1, 1), ("", 1, 1), ("7,5 mg/12 h", 1, 1)],
            ],
            1,
            "Fármaco: Bisoprolol; Dosis inicial: 1,25 mg/24 h; Objetivo: 10 mg/24 h\n\
             Fármaco: Ivabradina; Objetivo: 7,5 mg/12 h",
        );
    }

    #[test]
    fn a_merged_cell_is_told_in_every_row_that_it_covers() {
        check(
            &[
                &[("Medio", 1, 1), ("Edad", 1, 1), ("NT-proBNP", 1, 1)],
                &[("Urgencias", 2, 1), ("< 50", 1, 1), ("≥ 450", 1, 1)],
                &[("50–74", 1, 1), ("≥ 900", 1, 1)],
            ],
            1,
            "Medio: Urgencias; Edad: < 50; NT-proBNP: ≥ 450\n\
             Medio: Urgencias; Edad: 50–74; NT-proBNP: ≥ 900",
        );
    }

    #[test]
    fn headers_of_two_rows_are_joined() {
        check(
            &[
                &[("Fármaco", 2, 1), ("Dosis", 1, 2)],
                &[("Inicial", 1, 1), ("Objetivo", 1, 1)],
                &[("Enalapril", 1, 1), ("2,5 mg", 1, 1), ("20 mg", 1, 1)],
            ],
            2,
            "Fármaco: Enalapril; Dosis – Inicial: 2,5 mg; Dosis – Objetivo: 20 mg",
        );
    }

    #[test]
    fn a_table_without_header_is_its_cells() {
        check(
            &[&[("Código", 1, 1), ("PRT-014", 1, 1)]],
            0,
            "Código PRT-014",
        );
    }
}
