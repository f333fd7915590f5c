//! Cells in one line, as JSON and as CSV.

use lakebed::engine::Session;
use lakebed::engine::result::Cells;
use serde_json::json;

use crate::data::picture;
use crate::data::session;

async fn cells(session: &Session, text: &str) -> Vec<Cells> {
    let query = session.tql(text).await.unwrap_or_else(|error| panic!("{}", error.render(text)));
    let batches = query.collect().await.unwrap();
    let batch = datafusion::arrow::compute::concat_batches(&query.schema(), &batches).unwrap();
    Cells::of_batch(&batch).unwrap()
}

#[tokio::test]
async fn values_in_one_line() {
    let s = session("summaries").await;
    let all = cells(&s, "SELECT *").await;
    let row = |row: usize| -> Vec<String> { all.iter().map(|cells| cells.summary(row)).collect() };
    let size = picture(0).len();
    assert_eq!(
        row(0),
        [
            "3".to_string(),
            "0.5".into(),
            "dog".into(),
            "[WBC, RBC]".into(),
            "alpha".into(),
            r#"{"k":1,"tags":["a","b"]}"#.into(),
            "f32[2×4] min 0 max 3 mean 1.625".into(),
            "[1.0, 2.0, 3.0]".into(),
            format!("png u8[4×5×3] {size} B"),
        ]
    );
    assert_eq!(row(1)[3], "u32[0] empty");
    assert_eq!(row(1)[6], "f32[0×4] empty");
    assert_eq!(row(1)[1], "null");
    assert_eq!(row(1)[4], "");
    assert_eq!(row(2)[4], "null");
    assert_eq!(row(2)[8], "null");
}

#[tokio::test]
async fn full_values_as_json_and_csv() {
    let s = session("full-values").await;
    let all = cells(&s, "SELECT score, labels, name, meta, boxes").await;
    assert_eq!(all[0].json(3), json!("NaN"));
    assert_eq!(all[0].json(1), json!(null));
    assert_eq!(all[1].json(0), json!(["WBC", "RBC"]));
    assert_eq!(all[3].json(0), json!({"k": 1, "tags": ["a", "b"]}));
    assert_eq!(all[4].json(1), json!([]));
    assert_eq!(all[4].csv(2), "[[20.0,1.0,2.0,3.0]]");
    assert_eq!(all[2].csv(0), "alpha");
    assert_eq!(all[2].csv(2), "");
}
