//! Random queries over the columns of `tests/query/data.rs`, from a seed.

use lakebed::functions::Entry;
use lakebed::functions::catalogue;

/// Columns of numbers, one a row.
const NUMBERS: [&str; 5] = ["id", "score", "label", "SHAPE(boxes)[0]", "vec[0]"];
/// Columns of arrays.
const ARRAYS: [&str; 6] = ["labels", "boxes", "vec", "images", "boxes[:, 2]", "images[1:3, :, 0]"];
const TEXTS: [&str; 4] = ["name", "'alpha'", "''", "meta['k']"];
/// How deep expressions nest.
const DEPTH: u32 = 3;

/// Makes queries. The same seed makes the same queries.
#[derive(Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A maker of queries.
    pub fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    fn literal(&mut self) -> String {
        match self.below(8) {
            0 => "0".into(),
            1 => "1.5".into(),
            2 => "-1".into(),
            3 => "NULL".into(),
            4 => "9223372036854775807".into(),
            _ => self.below(6).to_string(),
        }
    }

    /// An expression of numbers.
    pub fn number(&mut self, depth: u32) -> String {
        if depth == 0 || self.chance(4) {
            return if self.chance(3) { self.literal() } else { self.one(&NUMBERS).to_string() };
        }
        let depth = depth - 1;
        match self.below(8) {
            0..=2 => {
                let op = self.one(&["+", "-", "*", "/", "%", "^"]);
                format!("({} {op} {})", self.number(depth), self.number(depth))
            }
            3 => format!("-{}", self.number(depth)),
            4 => {
                let reduce = self.one(&["SUM", "AVG", "AMIN", "AMAX", "PROD", "L2_NORM"]);
                format!("{reduce}({})", self.array(depth))
            }
            5 => format!("{}[{}]", self.array(depth), self.below(3)),
            6 => {
                let (p, a, b) = (self.predicate(depth), self.number(depth), self.number(depth));
                format!("CASE WHEN {p} THEN {a} ELSE {b} END")
            }
            _ => format!("ABS({})", self.number(depth)),
        }
    }

    /// An expression of arrays.
    pub fn array(&mut self, depth: u32) -> String {
        if depth == 0 || self.chance(3) {
            return self.one(&ARRAYS).to_string();
        }
        let depth = depth - 1;
        match self.below(7) {
            0 | 1 => {
                let op = self.one(&["+", "-", "*", "/", "==", "<", ">="]);
                format!("({} {op} {})", self.array(depth), self.number(depth))
            }
            2 => {
                let op = self.one(&["+", "*", "=="]);
                format!("({} {op} {})", self.array(depth), self.array(depth))
            }
            3 => {
                let count = self.below(4);
                let items: Vec<String> = (0..count).map(|_| self.number(depth)).collect();
                format!("ARRAY[{}]", items.join(", "))
            }
            4 => {
                let slice =
                    self.one(&[":2", "1:", "::-1", "-1:", "...", ":, 0", "0:1, 1:3", "::2"]);
                format!("{}[{slice}]", self.array(depth))
            }
            5 => self.call(depth),
            _ => format!("-{}", self.array(depth)),
        }
    }

    /// A condition.
    pub fn predicate(&mut self, depth: u32) -> String {
        let inner = depth.saturating_sub(1);
        match self.below(if depth == 0 { 6 } else { 12 }) {
            0 | 1 => {
                let op = self.one(&["=", "!=", "<", "<=", ">", ">="]);
                format!("{} {op} {}", self.number(inner), self.number(inner))
            }
            2 => {
                let op = self.one(&["==", "!=", "<", ">"]);
                format!("{} {op} {}", self.array(inner), self.number(inner))
            }
            3 => {
                let test = self.one(&["IS NULL", "IS NOT NULL"]);
                format!("{} {test}", self.one(&["id", "score", "name", "boxes", "meta", "images"]))
            }
            4 => {
                let like = self.one(&["LIKE", "NOT LIKE", "ILIKE"]);
                let pattern = self.one(&["'al*'", "'%a'", "'?eta'", "''", "'[ab]*'"]);
                format!("{} {like} {pattern}", self.one(&["name", "meta['k']"]))
            }
            5 => {
                format!("{} {} {}", self.one(&TEXTS), self.one(&["=", "!=", "<"]), self.one(&TEXTS))
            }
            6 => format!("{}({})", self.one(&["ANY", "ALL"]), self.predicate(inner)),
            7 => format!("({} AND {})", self.predicate(inner), self.predicate(inner)),
            8 => format!("({} OR {})", self.predicate(inner), self.predicate(inner)),
            9 => format!("NOT ({})", self.predicate(inner)),
            10 => format!(
                "{} BETWEEN {} AND {}",
                self.number(inner),
                self.number(inner),
                self.number(inner)
            ),
            _ => format!("{} IN ({}, {})", self.number(inner), self.literal(), self.literal()),
        }
    }

    /// A call of any function of the catalogue, with arguments that may or may not fit.
    pub fn call(&mut self, depth: u32) -> String {
        let named: Vec<&Entry> = catalogue().iter().filter(|entry| !entry.tql.is_empty()).collect();
        let entry = named[self.below(named.len())];
        let count = 1 + self.below(3);
        let arguments: Vec<String> = (0..count).map(|_| self.argument(depth)).collect();
        format!("{}({})", entry.tql[0], arguments.join(", "))
    }

    fn argument(&mut self, depth: u32) -> String {
        let depth = depth.saturating_sub(1);
        match self.below(6) {
            0 => self.literal(),
            1 => self.one(&TEXTS).to_string(),
            2 => self.number(depth),
            3 => self.one(&["meta", "name", "images"]).to_string(),
            _ => self.array(depth),
        }
    }

    /// Any value.
    pub fn value(&mut self) -> String {
        match self.below(4) {
            0 => self.number(DEPTH),
            1 => self.array(DEPTH),
            2 => self.predicate(DEPTH),
            _ => self.call(DEPTH),
        }
    }

    /// A whole query.
    pub fn query(&mut self) -> String {
        let mut text = match self.below(5) {
            0 => "SELECT *".to_string(),
            1 => "SELECT id".to_string(),
            _ => format!("SELECT {} AS x, id", self.value()),
        };
        if self.chance(6) {
            text = format!("{text} FROM ({})", self.query());
        }
        if self.chance(2) {
            text = format!("{text} WHERE {}", self.predicate(DEPTH));
        }
        if self.chance(10) {
            text = format!("{text} EXPAND BY {} {}", self.below(3), self.below(3));
        }
        if self.chance(8) {
            let across = self.one(&["", " ACROSS SPACE", " ACROSS TIME"]);
            text = format!("{text} GROUP BY {}{across}", self.number(1));
        }
        if self.chance(3) {
            let direction = self.one(&["", " DESC", " NULLS LAST"]);
            text = format!("{text} ORDER BY {}{direction}", self.number(DEPTH));
        }
        if self.chance(4) {
            let percent = self.one(&["", " PERCENT"]);
            text = format!("{text} LIMIT {}{percent}", self.below(4));
        }
        if self.chance(10) {
            text = format!("{text} SAMPLE BY {} LIMIT {}", self.number(1), self.below(5));
        }
        if self.chance(10) {
            text = format!("{text} ARRANGE BY {}", self.value());
        }
        if self.chance(12) {
            let set = self.one(&["UNION", "INTERSECT", "EXCEPT", "UNION ALL"]);
            text = format!("({text}) {set} ({})", self.query());
        }
        text
    }
}
