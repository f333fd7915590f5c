//! What people who know NumPy reach for, in both languages.

use serde_json::json;

use crate::data::session;
use crate::data::sql;
use crate::data::tql;

#[tokio::test]
async fn numpy_functions_answer_in_both_languages() {
    let s = session("numpy").await;
    assert_eq!(
        tql(&s, "SELECT SUM(boxes, 0) AS s, STD(vec) AS d, ARGMAX(vec) AS a WHERE id = 3").await,
        json!({ "s": [[1.0, 2.0, 4.0, 6.0]], "d": [0.816_496_580_927_726], "a": [2] })
    );
    assert_eq!(
        tql(
            &s,
            "SELECT SORT(vec) AS v, TRANSPOSE(boxes)[0] AS x, UNIQUE(labels) AS l WHERE id = 5"
        )
        .await,
        json!({ "v": [[-3.0, -2.0, -1.0]], "x": [[30.0, 31.0, 32.0]], "l": [["WBC", "Plt"]] })
    );
    assert_eq!(
        tql(&s, "SELECT boxes[boxes > 20] AS b, RESHAPE(vec, ARRAY[3, -1]) AS r, SIZE(images) AS n WHERE id = 5").await,
        json!({ "b": [[30.0, 31.0, 32.0]], "r": [[[-1.0], [-2.0], [-3.0]]], "n": [60] })
    );
    assert_eq!(
        tql(&s, "SELECT id WHERE MAXIMUM(score, 0) > 0.5 OR ISNAN(score)").await,
        json!({ "id": [2, 5] })
    );
    assert_eq!(
        sql(&s, "SELECT tensor_sum(boxes, axis => 0) AS s, clip(vec, 0, 1) AS c FROM dataset WHERE id = 4").await,
        json!({ "s": [[40.0, 1.0, 2.0, 3.0]], "c": [[0.5, 0.5, 0.5]] })
    );
}
