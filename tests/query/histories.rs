//! Random histories asked after every step: by a filter that statistics may prune and by the same
//! filter behind arithmetic that they cannot see through, by counts, by row ids, and at an older
//! version. `crates/trials` compares datasets with a larger model; this is about what queries see.

use std::sync::Arc;

use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::Env;
use lakebed::core::Schema;
use lakebed::dataset::Compaction;
use lakebed::dataset::Dataset;
use lakebed::dataset::Folding;
use lakebed::dataset::Options;
use lakebed::dataset::Policy;
use lakebed::engine::Language;
use lakebed::engine::Parameters;
use lakebed::engine::Session;
use serde_json::Value;
use serde_json::json;

use crate::data::sql;
use crate::data::tql;

const STEPS: usize = 40;

/// Rows by id: key and name.
type Rows = Vec<(u64, i64, Option<String>)>;

struct History {
    session: Session,
    random: Arc<Env>,
    rows: Rows,
    next_id: u64,
    next_key: i64,
    /// Rows of versions that were on the main branch.
    versions: Vec<(u64, Rows)>,
}

impl History {
    fn below(&self, n: u64) -> u64 {
        self.random.random_u64() % n.max(1)
    }

    fn dataset(&self) -> Dataset {
        self.session.current().unwrap()
    }

    async fn run(&self, text: &str) {
        let done = self.session.execute(Language::Tql, text, &Parameters::new(), None).await;
        done.unwrap_or_else(|error| panic!("{}", error.render(text)));
    }

    /// Twelve rows of keys that lie close together, so that chunks have narrow bounds.
    async fn append(&mut self) {
        let mut values = Vec::new();
        for _ in 0..12 {
            self.next_key += 1 + self.below(3).cast_signed();
            let name = (self.below(4) > 0).then(|| format!("n{}", self.below(9)));
            let text = name.as_ref().map_or("NULL".to_string(), |name| format!("'{name}'"));
            values.push(format!("({}, {text})", self.next_key));
            self.rows.push((self.next_id, self.next_key, name));
            self.next_id += 1;
        }
        self.run(&format!("INSERT INTO dataset (k, name) VALUES {}", values.join(", "))).await;
    }

    /// Keys of a range go far away, where no chunk had one.
    async fn update(&mut self) {
        let (from, to) = self.range();
        let far = 5_000 * (1 + self.below(4).cast_signed());
        self.run(&format!("UPDATE SET k = k + {far} WHERE k BETWEEN {from} AND {to}")).await;
        let hit = self.rows.iter_mut().filter(|row| (from..=to).contains(&row.1));
        hit.for_each(|row| row.1 += far);
    }

    async fn delete(&mut self) {
        let (from, to) = self.range();
        self.run(&format!("DELETE WHERE k BETWEEN {from} AND {to}")).await;
        self.rows.retain(|row| !(from..=to).contains(&row.1));
    }

    fn range(&self) -> (i64, i64) {
        let from = self.below(self.next_key.cast_unsigned() + 1).cast_signed();
        (from, from + self.below(9).cast_signed())
    }

    /// A branch gets new rows, this one loses some, and takes the others over.
    async fn merge(&mut self, step: usize) {
        let here = self.dataset();
        let main = self.rows.clone();
        let name = format!("side{step}");
        self.session.set_current(here.branch(&name, "").await.unwrap());
        let before = self.rows.len();
        self.append().await;
        let added = self.rows.split_off(before);
        self.rows = main;
        self.session.set_current(here.refresh().await.unwrap());
        self.delete().await;
        let merged = self.dataset().merge(&name, Policy::Fail, "").await.unwrap();
        self.session.set_current(merged.delete_ref(&name, "").await.unwrap());
        self.rows.extend(added);
    }

    async fn tidy(&mut self, kind: u64) {
        let dataset = self.dataset();
        let small = Compaction { small_bytes: 4 << 10, ..Compaction::default() };
        let few = Folding { neighbours: 2, ..Folding::default() };
        let done = match kind {
            0 => dataset.compact(&small, "", |_, _| ()).await,
            1 => dataset.fold(&few, "", |_, _| ()).await,
            _ => dataset.collect_garbage("", |_, _| ()).await.map(|(dataset, _)| dataset),
        };
        self.session.set_current(done.unwrap());
    }

    async fn check(&self) {
        let name = self.dataset().url().to_string();
        let version = self.dataset().version();
        self.asked(&format!("\"{name}@{version}\""), &self.rows).await;
        let older = &self.versions[self.below(self.versions.len() as u64) as usize];
        self.asked(&format!("\"{name}@{}\"", older.0), &older.1).await;
    }

    async fn asked(&self, from: &str, rows: &Rows) {
        let (low, high) = self.range();
        let keys = |wanted: &dyn Fn(&i64) -> bool| -> Value {
            rows.iter().map(|row| row.1).filter(wanted).collect()
        };
        // The same rows with and without the help of statistics.
        for (condition, wanted) in [
            (format!("BETWEEN {low} AND {high}"), keys(&|k| (low..=high).contains(k))),
            (format!("> {}", low + 5_000), keys(&|k| *k > low + 5_000)),
        ] {
            for key in ["k", "(k * 2 - k)"] {
                let text = format!("SELECT k FROM {from} WHERE {key} {condition}");
                assert_eq!(tql(&self.session, &text).await["k"], wanted, "{text}");
                let text = format!("SELECT count(*) AS n FROM {from} WHERE {key} {condition}");
                let n = wanted.as_array().unwrap().len();
                assert_eq!(sql(&self.session, &text).await["n"], json!([n]), "{text}");
            }
        }
        let text = format!("SELECT count(*) AS n, min(k) AS a, max(k) AS b FROM {from}");
        let bounds = (rows.iter().map(|row| row.1).min(), rows.iter().map(|row| row.1).max());
        let all = json!({ "n": [rows.len()], "a": [bounds.0], "b": [bounds.1] });
        assert_eq!(sql(&self.session, &text).await, all, "{text}");
        // Points.
        if rows.is_empty() {
            return;
        }
        let (id, key, name) = &rows[self.below(rows.len() as u64) as usize];
        let text = format!("SELECT k, name FROM {from} WHERE __row_id = {id}");
        assert_eq!(
            tql(&self.session, &text).await,
            json!({ "k": [key], "name": [name] }),
            "{text}"
        );
    }
}

#[tokio::test]
async fn random_histories_are_seen_alike_by_every_kind_of_question() {
    for seed in 0..3 {
        let columns = vec![Column::scalar("k", DType::I64), Column::text("name").nullable()];
        let url = format!("mem://histories-{seed}");
        let options = Options { chunk_bytes: 64, ..Options::default() };
        let schema = Schema::new(columns).unwrap();
        let session = Session::new().unwrap();
        session.set_current(Dataset::create(&url, schema, options).await.unwrap());
        let random = Arc::new(Env::seeded(seed));
        let versions = vec![(0, Rows::new())];
        let mut history =
            History { session, random, rows: Rows::new(), next_id: 0, next_key: 0, versions };
        for step in 0..STEPS {
            match history.below(12) {
                0..=3 => history.append().await,
                4..=5 => history.update().await,
                6..=7 => history.delete().await,
                8 => history.merge(step).await,
                kind => history.tidy(kind - 9).await,
            }
            history.check().await;
            history.versions.push((history.dataset().version(), history.rows.clone()));
        }
        assert!(history.next_id > 100, "few rows came: {}", history.next_id);
    }
}
