//! Plans: plain conditions plan in TQL as they do in SQL.

use datafusion::logical_expr::LogicalPlan;
use lakebed::engine::Query;

use crate::data::session;

/// The lines of the optimized plan that choose rows.
fn filters(query: &Query) -> Vec<String> {
    fn visit(plan: &LogicalPlan, found: &mut Vec<String>) {
        match plan {
            LogicalPlan::Filter(filter) => found.push(filter.predicate.to_string()),
            LogicalPlan::TableScan(scan) => {
                found.extend(scan.filters.iter().map(ToString::to_string));
            }
            _ => {}
        }
        plan.inputs().into_iter().for_each(|input| visit(input, found));
    }
    let mut found = Vec::new();
    visit(&query.optimized_plan().unwrap(), &mut found);
    found
}

#[tokio::test]
async fn plain_conditions_plan_alike_in_both_languages() {
    let s = session("plans").await;
    for condition in [
        "id = 3",
        "id > 3 AND label = 2",
        "id IN (1, 2)",
        "id BETWEEN 2 AND 4",
        "name = 'beta'",
        "id = 1 OR id = 5",
        "label = 'cat'",
    ] {
        let tql = s.tql(&format!("SELECT id FROM dataset WHERE {condition}")).await.unwrap();
        let sql = s.sql(&format!("SELECT id FROM dataset WHERE {condition}")).await.unwrap();
        assert_eq!(filters(&tql), filters(&sql), "{condition}");
        assert!(!filters(&tql).is_empty(), "{condition}");
    }
}

#[tokio::test]
async fn the_plan_of_a_plain_query() {
    let s = session("plan-snapshot").await;
    let plan = async |text: &str| {
        let plan = s.tql(text).await.unwrap().optimized_plan().unwrap();
        plan.display_indent().to_string()
    };
    insta::assert_snapshot!(plan("SELECT id WHERE id = 3").await, @r#"
    Projection: dataset.id
      Sort: dataset.__position ASC NULLS LAST
        TableScan: dataset projection=[id, __position], full_filters=[dataset.id = Int64(3)]
    "#);
    insta::assert_snapshot!(plan("SELECT images[0:2, :, 0] AS c WHERE ANY(labels == 'WBC') ORDER BY SHAPE(boxes)[0] DESC LIMIT 2").await, @r#"
    Projection: __fetched_0 AS c
      Limit: skip=0, fetch=2
        Fetch: [tensor_slice(tensor_decode(images), Utf8("0:2, :, 0"))] at dataset.__position
          Sort: __datafusion_extracted_2 AS tensor_sort_key(tensor_slice_or_null(tensor_shape(dataset.boxes),Utf8("0"))) DESC NULLS LAST, dataset.__position DESC NULLS FIRST, fetch=2
            Projection: dataset.__position, tensor_slice_or_null(tensor_shape(dataset.boxes), Utf8("0")) AS __datafusion_extracted_2
              TableScan: dataset projection=[boxes, __position], full_filters=[tensor_any(tensor_eq(dataset.labels, Utf8("WBC")))]
    "#);
    insta::assert_snapshot!(plan("SELECT label, COUNT(*) AS n GROUP BY label").await, @r#"
    Projection: dataset.label, n
      Sort: min(dataset.__position) ASC NULLS LAST
        Projection: dataset.label, count(Int64(1)) AS count(*) AS n, min(dataset.__position)
          Aggregate: groupBy=[[dataset.label]], aggr=[[count(Int64(1)), min(dataset.__position)]]
            TableScan: dataset projection=[label, __position]
    "#);
}

#[tokio::test]
async fn explain_shows_the_plan_and_analyze_what_it_cost() {
    let s = session("explain").await;
    for (text, wanted) in [
        ("EXPLAIN SELECT id WHERE id = 3", "logical_plan"),
        ("EXPLAIN ANALYZE SELECT id WHERE id = 3", "metrics"),
    ] {
        let batches = s.tql(text).await.unwrap().collect().await.unwrap();
        let shown = datafusion::arrow::util::pretty::pretty_format_batches(&batches).unwrap();
        assert!(shown.to_string().contains(wanted), "{shown}");
    }
    let shown = s.sql("EXPLAIN SELECT id FROM dataset").await.unwrap().collect().await.unwrap();
    assert!(!shown.is_empty());
    let explained = s.tql("SELECT id WHERE id = 3").await.unwrap().explain().await.unwrap();
    assert!(explained.contains("id = Int64(3)"), "{explained}");
}
