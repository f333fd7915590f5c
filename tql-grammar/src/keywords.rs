//! The catalogue of keywords: completion, help and documents read it.

use sqlparser::keywords::ALL_KEYWORDS;
use sqlparser::keywords::ALL_KEYWORDS_INDEX;
use sqlparser::keywords::RESERVED_FOR_COLUMN_ALIAS;

/// One keyword of TQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeywordEntry {
    /// The word or words, in capitals.
    pub word: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// Whether it begins a clause.
    pub clause: bool,
}

const fn clause(word: &'static str, help: &'static str) -> KeywordEntry {
    KeywordEntry { word, help, clause: true }
}

const fn plain(word: &'static str, help: &'static str) -> KeywordEntry {
    KeywordEntry { word, help, clause: false }
}

/// All keywords of TQL, clauses first, in the order in which they stand in a query.
pub const KEYWORDS: &[KeywordEntry] = &[
    clause("EXPLAIN", "show the plan of the query instead of running it"),
    clause("EXPLAIN ANALYZE", "run the query and show its plan with what each part cost"),
    clause("WITH", "name a query for use below: WITH name AS (SELECT ...)"),
    clause("SELECT", "the columns and expressions of the result"),
    clause(
        "FROM",
        "the dataset, in double quotes if it is a URL or path; optional on an open dataset",
    ),
    clause(
        "JOIN",
        "combine rows of two datasets: INNER, LEFT, RIGHT, FULL or CROSS, with ON or USING",
    ),
    clause(
        "WHERE",
        "keep rows for which the expression is true; an array counts by its first element",
    ),
    clause("EXPAND BY", "add rows around each match: EXPAND BY before after [OVERLAP false]"),
    clause("GROUP BY", "gather rows with equal keys: sequences, or rows for COUNT, MIN, MAX"),
    clause(
        "ACROSS",
        "after GROUP BY: SPACE stacks each group into one array, TIME makes sequences",
    ),
    clause("HAVING", "keep groups for which the expression is true"),
    clause("UNGROUP BY", "make rows of sequences: SPLIT, a number of parts, or ARRAY[lengths]"),
    clause("WINDOW", "name a window for OVER"),
    clause("QUALIFY", "keep rows by the value of a window function"),
    clause("UNION", "rows of both queries, without repeats unless ALL follows"),
    clause("INTERSECT", "rows that both queries give"),
    clause("EXCEPT", "rows that the first query gives and the second does not"),
    clause("ORDER BY", "sort by one or more keys, each ASC or DESC, NULLS FIRST or LAST"),
    clause("LIMIT", "at most that many rows; LIMIT n PERCENT for a share of them"),
    clause("OFFSET", "leave out that many rows first"),
    clause(
        "SAMPLE BY",
        "draw rows by weight: SAMPLE BY weight [REPLACE false] [LIMIT n [PERCENT]]",
    ),
    clause(
        "ARRANGE BY",
        "put rows with equal values next to each other, groups by first appearance",
    ),
    plain("ALL", "with UNION, INTERSECT, EXCEPT: keep repeats; LIMIT ALL: no limit"),
    plain("AND", "both sides are true"),
    plain("ANALYZE", "with EXPLAIN: run the query"),
    plain("ARRAY", "an array of values: ARRAY[1, 2, 3]"),
    plain("AS", "the name of a column or dataset"),
    plain("ASC", "smallest first (the default)"),
    plain("BETWEEN", "x BETWEEN low AND high, both included"),
    plain("BY", "part of GROUP BY, ORDER BY and their like"),
    plain("CASE", "CASE WHEN condition THEN value ELSE other END"),
    plain("CAST", "another type: CAST(x AS float)"),
    plain("CROSS", "CROSS JOIN: every row with every row"),
    plain("DESC", "largest first"),
    plain("DISTINCT", "without repeated rows or values"),
    plain("ELSE", "the value of CASE when no condition holds"),
    plain("END", "the end of CASE"),
    plain("EXISTS", "whether a subquery gives a row"),
    plain("FALSE", "the truth value false"),
    plain("FILTER", "after an aggregate: only rows for which WHERE holds"),
    plain("FIRST", "NULLS FIRST"),
    plain("FULL", "FULL JOIN: rows without partner of both sides too"),
    plain("ILIKE", "LIKE without regard to case"),
    plain("IN", "one of a list or of the rows of a subquery"),
    plain("INNER", "INNER JOIN: rows with a partner only (the default)"),
    plain("IS", "IS NULL, IS NOT NULL, IS DISTINCT FROM"),
    plain("LAST", "NULLS LAST"),
    plain("LEFT", "LEFT JOIN: all rows of the left side"),
    plain("LIKE", "whole text against a pattern: * and % any run, ? one character, [abc] a set"),
    plain(
        "MAX_WEIGHT",
        "largest weight of the pairs that hold: MAX_WEIGHT(condition: weight, ...)",
    ),
    plain("NATURAL", "NATURAL JOIN: on all columns with equal names"),
    plain("NOT", "not true"),
    plain("NULL", "no value"),
    plain("NULLS", "NULLS FIRST or NULLS LAST in ORDER BY"),
    plain("ON", "the condition of a JOIN"),
    plain("OR", "one side is true"),
    plain("OUTER", "LEFT, RIGHT or FULL OUTER JOIN"),
    plain("OVER", "makes an aggregate a window function"),
    plain("OVERLAP", "with EXPAND BY: false keeps a row once though several windows hold it"),
    plain("PARTITION", "PARTITION BY inside OVER"),
    plain("PERCENT", "the LIMIT before it is a share of the rows"),
    plain("RECURSIVE", "WITH RECURSIVE: a named query may use itself"),
    plain("REPLACE", "with SAMPLE BY: false draws each row once at most"),
    plain("RIGHT", "RIGHT JOIN: all rows of the right side"),
    plain("SPACE", "ACROSS SPACE: stack each group into one array"),
    plain("SPLIT", "UNGROUP BY SPLIT: a row for each element"),
    plain(
        "SUM_WEIGHT",
        "sum of the weights of the pairs that hold: SUM_WEIGHT(condition: weight, ...)",
    ),
    plain("THEN", "the value of CASE when the condition holds"),
    plain("TIME", "ACROSS TIME: a sequence for each group (the default)"),
    plain("TRUE", "the truth value true"),
    plain("USING", "the common columns of a JOIN"),
    plain("VALUES", "rows written out: VALUES (1, 'a'), (2, 'b')"),
    plain("WHEN", "a condition of CASE"),
];

/// The entry of a keyword, in any case.
pub fn find(word: &str) -> Option<&'static KeywordEntry> {
    KEYWORDS.iter().find(|entry| entry.word.eq_ignore_ascii_case(word))
}

/// Whether a bare name of this spelling would be taken for a keyword after an expression, so that
/// a column of that name needs double quotes there.
pub fn is_reserved(word: &str) -> bool {
    let upper = word.to_ascii_uppercase();
    let Ok(index) = ALL_KEYWORDS.binary_search(&upper.as_str()) else { return false };
    ALL_KEYWORDS_INDEX.get(index).is_some_and(|keyword| RESERVED_FOR_COLUMN_ALIAS.contains(keyword))
        || matches!(
            upper.as_str(),
            "AND"
                | "OR"
                | "NOT"
                | "BETWEEN"
                | "LIKE"
                | "ILIKE"
                | "IN"
                | "IS"
                | "CASE"
                | "SELECT"
                | "NULL"
                | "AS"
        )
}

/// First words of clauses, for "did you mean".
pub(crate) fn clause_words() -> impl Iterator<Item = &'static str> {
    KEYWORDS.iter().filter(|entry| entry.clause).filter_map(|entry| entry.word.split(' ').next())
}

#[cfg(test)]
mod tests {
    use super::KEYWORDS;
    use super::find;
    use super::is_reserved;

    #[test]
    fn the_catalogue_has_no_repeats_and_no_empty_help() {
        for (index, entry) in KEYWORDS.iter().enumerate() {
            assert!(!entry.help.is_empty(), "{}", entry.word);
            assert!(
                KEYWORDS[..index].iter().all(|other| other.word != entry.word),
                "{}",
                entry.word
            );
        }
        assert!(find("sample by").is_some_and(|entry| entry.clause));
    }

    #[test]
    fn clause_words_are_reserved_and_column_names_are_not() {
        for word in ["from", "WHERE", "Limit", "order", "and"] {
            assert!(is_reserved(word), "{word}");
        }
        for word in ["images", "expand", "sample", "arrange", "label", "time", "index"] {
            assert!(!is_reserved(word), "{word}");
        }
    }
}
