//! SQL beside TQL: the same functions under their own names, SQL's own rules.

use datafusion::prelude::SessionContext;
use lakebed::engine::SessionContextExt;
use serde_json::json;

use crate::data::dataset;
use crate::data::session;
use crate::data::sql;

#[tokio::test]
async fn sql_has_three_values_and_its_own_like() {
    let s = session("sql-values").await;
    assert_eq!(
        sql(&s, "SELECT id FROM dataset WHERE NOT name = 'beta' ORDER BY id").await,
        json!({ "id": [1, 3, 4] })
    );
    assert_eq!(sql(&s, "SELECT id FROM dataset WHERE name IS NULL").await, json!({ "id": [2] }));
    assert_eq!(
        sql(&s, "SELECT id FROM dataset WHERE name LIKE '_lpha' ORDER BY 1").await,
        json!({ "id": [3, 4] })
    );
    assert_eq!(
        sql(&s, "SELECT COUNT(*) AS n, SUM(id) AS s, 7 / 2 AS d FROM dataset").await,
        json!({ "n": [5], "s": [15], "d": [3] })
    );
}

#[tokio::test]
async fn tensor_functions_work_in_sql() {
    let s = session("sql-tensors").await;
    assert_eq!(
        sql(&s, "SELECT id, tensor_slice(images, '0, 0:2, 0') AS c FROM dataset WHERE tensor_any(labels = 'WBC') ORDER BY id DESC").await,
        json!({ "id": [5, 4, 3], "c": [[255, 40], [255, 50], [255, 10]] })
    );
    assert_eq!(
        sql(&s, "SELECT label, count(*) AS n FROM dataset WHERE label <> 'bird' GROUP BY label ORDER BY label").await,
        json!({ "label": ["cat", "dog"], "n": [2, 2] })
    );
    assert_eq!(
        sql(&s, "SELECT tensor_sum(vec) AS s, tensor_shape(boxes) AS n FROM dataset WHERE id = 1")
            .await,
        json!({ "s": [15.0], "n": [[0, 4]] })
    );
}

#[tokio::test]
async fn a_foreign_context_keeps_its_functions() {
    let context = SessionContext::new();
    let before: Vec<String> = context.state().scalar_functions().keys().cloned().collect();
    let kept = context.state().scalar_functions().clone();
    context.register_dataset("cells", dataset("foreign").await).unwrap();
    let state = context.state();
    for name in before {
        assert_eq!(state.scalar_functions()[&name], kept[&name], "{name}");
    }
    let frame = context
        .sql("SELECT id, tensor_amax(images) AS m, sum(id) OVER () AS s FROM cells WHERE id > 3 ORDER BY id")
        .await
        .unwrap();
    let shown = frame.to_string().await.unwrap();
    assert!(shown.contains("| 4  | 255 | 9 |"), "{shown}");
    context.register_dataset("more", dataset("foreign-2").await).unwrap();
}

#[tokio::test]
async fn subscripts_of_tensors_and_documents_are_sqls() {
    let s = session("sql-subscripts").await;
    assert_eq!(
        sql(&s, "SELECT vec[1] AS a, vec[-1] AS b, vec[4] AS c, boxes[1][1] AS d, labels[1] AS l FROM dataset ORDER BY id DESC LIMIT 2").await,
        json!({ "a": [-1.0, 0.5], "b": [-3.0, 0.5], "c": [null, null], "d": [30.0, 40.0], "l": ["Plt", "WBC"] })
    );
    assert_eq!(
        sql(&s, "SELECT meta -> 'tags' AS t, meta ->> 'k' AS k FROM dataset ORDER BY id").await,
        json!({ "t": [null, null, ["a", "b"], null, null], "k": ["x", null, "1", "2.5", null] })
    );
}
