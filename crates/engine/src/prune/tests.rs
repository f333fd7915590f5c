//! Statistics never leave out a row that matches: random rows, random chunks, random predicates.

#![allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]
#![allow(clippy::single_range_in_vec_init, reason = "lists of ranges are what is compared")]

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::Float32Array;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::array::StringViewArray;
use arrow::array::UInt32Array;
use arrow::array::UInt64Array;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Int32Type;
use arrow_schema::Field;
use arrow_schema::Schema as ArrowSchema;
use datafusion::common::ScalarValue;
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions;
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_expr::expressions::CastExpr;
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_expr::expressions::Literal;
use lakebed_core::BoxFormat;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_dataset::ColumnChunks;
use lakebed_dataset::Scalar;
use lakebed_dataset::Stats;
use proptest::prelude::*;

use super::*;

type Expr = Arc<dyn PhysicalExpr>;

const I: usize = 0;
const F: usize = 1;
const T: usize = 2;
const C: usize = 3;
const R: usize = 4;
const B: usize = 5;
const U: usize = 6;
const FLAG: usize = 7;

#[derive(Debug, Clone)]
struct Row {
    i: Option<i64>,
    f: f32,
    t: Option<String>,
    c: u32,
    r: Option<Vec<i32>>,
    b: Vec<[f32; 4]>,
    u: u64,
    flag: Option<bool>,
}

fn columns() -> Vec<Column> {
    let classes = vec!["cat".to_string(), "dog".into(), "bird".into()];
    vec![
        Column::scalar("i", DType::I64).nullable(),
        Column::scalar("f", DType::F32),
        Column::text("t").nullable(),
        Column::class_label("c", classes),
        Column::tensor("r", DType::I32, &[None]).nullable(),
        Column::boxes("b", BoxFormat::Ltrb),
        Column::scalar("u", DType::U64),
        Column::scalar("flag", DType::Bool).nullable(),
    ]
}

fn types() -> Vec<TensorType> {
    columns().iter().map(TensorType::from_column).collect()
}

fn schema() -> Arc<ArrowSchema> {
    let fields: Vec<Field> =
        columns().iter().zip(types()).map(|(c, ty)| ty.to_field(&c.name, c.nullable)).collect();
    Arc::new(ArrowSchema::new(fields))
}

fn batch(rows: &[Row]) -> RecordBatch {
    let types = types();
    let mut r = TensorBuilder::<i32>::new(1);
    let mut b = TensorBuilder::<f32>::new(2);
    for row in rows {
        match &row.r {
            Some(list) => r.push(list, &[list.len()]).unwrap(),
            None => r.push_null(None).unwrap(),
        }
        b.push(&row.b.concat(), &[row.b.len(), 4]).unwrap();
    }
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| row.i).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| Some(row.f)).collect::<Float32Array>()),
        Arc::new(rows.iter().map(|row| row.t.clone()).collect::<StringViewArray>()),
        Arc::new(rows.iter().map(|row| Some(row.c)).collect::<UInt32Array>()),
        r.finish::<Int32Type>(&types[R]).unwrap(),
        b.finish::<Float32Type>(&types[B]).unwrap(),
        Arc::new(rows.iter().map(|row| Some(row.u)).collect::<UInt64Array>()),
        Arc::new(rows.iter().map(|row| row.flag).collect::<BooleanArray>()),
    ];
    RecordBatch::try_new(schema(), arrays).unwrap()
}

/// Statistics from the elements of each row; `None` is a null row.
fn stats(rows: Vec<Option<(Vec<Scalar>, Vec<u32>)>>, nan: bool, list: bool, text: bool) -> Stats {
    let mut all = Stats { rows: rows.len() as u64, exact: true, has_nan: nan, ..Stats::default() };
    let mut elements: Vec<Scalar> = Vec::new();
    for row in rows {
        let Some((values, shape)) = row else {
            all.nulls += 1;
            continue;
        };
        let blank = text && values == [Scalar::Text(String::new())];
        all.empties += u64::from(blank || shape.contains(&0));
        if all.shape_min.is_empty() {
            (all.shape_min, all.shape_max) = (shape.clone(), shape.clone());
        }
        for (axis, size) in shape.iter().enumerate() {
            all.shape_min[axis] = all.shape_min[axis].min(*size);
            all.shape_max[axis] = all.shape_max[axis].max(*size);
        }
        elements.extend(values);
    }
    all.elements = elements.len() as u64;
    elements.sort_by(|a, b| a.compare(b).unwrap());
    all.min = elements.first().cloned();
    all.max = elements.last().cloned();
    elements.dedup();
    all.distinct = (list && !nan && elements.len() <= 4).then_some(elements);
    all
}

fn column_stats(column: usize, rows: &[Row], list: bool) -> Stats {
    let one = |scalar: Scalar| Some((vec![scalar], Vec::new()));
    let float = |value: f32| (!value.is_nan()).then(|| Scalar::Float(f64::from(value)));
    let mut nan = false;
    let values = rows
        .iter()
        .map(|row| match column {
            I => row.i.and_then(|v| one(Scalar::Int(v))),
            F => {
                nan |= row.f.is_nan();
                Some((float(row.f).into_iter().collect(), Vec::new()))
            }
            T => row.t.clone().and_then(|v| one(Scalar::Text(v))),
            C => one(Scalar::UInt(u64::from(row.c))),
            R => row.r.as_ref().map(|list| {
                let elements = list.iter().map(|v| Scalar::Int(i64::from(*v))).collect();
                (elements, vec![list.len() as u32])
            }),
            B => {
                let elements = row.b.concat().iter().filter_map(|v| float(*v)).collect();
                Some((elements, vec![row.b.len() as u32, 4]))
            }
            U => one(Scalar::UInt(row.u)),
            _ => row.flag.and_then(|v| one(Scalar::Bool(v))),
        })
        .collect();
    let mut all = stats(values, nan, list, column == T);
    if column == F {
        all.elements = rows.len() as u64;
    }
    all
}

fn facts(rows: &[Row], chunk: [usize; 8], list: bool) -> Facts {
    let mut facts = Facts::new(rows.len() as u64);
    for (column, size) in chunk.into_iter().enumerate() {
        let mut chunks =
            ColumnChunks { first_rows: vec![0], bytes: vec![], stats: vec![], patched: false };
        for part in rows.chunks(size) {
            chunks.first_rows.push(chunks.first_rows.last().unwrap() + part.len() as u64);
            chunks.bytes.push(1);
            chunks.stats.push(column_stats(column, part, list));
        }
        facts.insert(column, ColumnFacts::Chunks(Arc::new(chunks)));
    }
    facts
}

fn col(index: usize) -> Expr {
    Arc::new(ColumnExpr::new(schema().field(index).name(), index))
}

fn lit(value: impl Into<ScalarValue>) -> Expr {
    Arc::new(Literal::new(value.into()))
}

fn call(name: &str, args: Vec<Expr>) -> Expr {
    let udf = lakebed_functions::by_udf_name(name).unwrap();
    let config = Arc::new(ConfigOptions::default());
    Arc::new(ScalarFunctionExpr::try_new(Arc::new(udf), args, &schema(), config).unwrap())
}

fn binary(a: Expr, op: Operator, b: Expr) -> Expr {
    Arc::new(BinaryExpr::new(a, op, b))
}

fn row() -> impl Strategy<Value = Row> {
    let f = prop_oneof![
        6 => (-3i8..6).prop_map(|v| f32::from(v) / 2.0),
        1 => Just(f32::NAN),
        1 => Just(-0.0f32),
        1 => Just(0.1f32),
    ];
    let t = prop_oneof![
        Just(""),
        Just("a"),
        Just("cat"),
        Just("catch"),
        Just("caterpillar"),
        Just("d"),
        Just("zoo")
    ];
    let u = prop_oneof![0u64..4, Just(u64::MAX), Just((1u64 << 53) + 1)];
    let boxes = prop::collection::vec(prop::array::uniform4((0i8..9).prop_map(f32::from)), 0..3);
    (
        prop::option::weighted(0.8, -4i64..8),
        f,
        prop::option::weighted(0.8, t.prop_map(str::to_string)),
        0u32..3,
        prop::option::weighted(0.8, prop::collection::vec(-2i32..5, 0..4)),
        boxes,
        u,
        prop::option::weighted(0.8, any::<bool>()),
    )
        .prop_map(|(i, f, t, c, r, b, u, flag)| Row { i, f, t, c, r, b, u, flag })
}

/// Rows in runs of equal ones, so that chunks have narrow bounds.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec((row(), 1usize..6), 1..10)
        .prop_map(|runs| runs.into_iter().flat_map(|(row, n)| vec![row; n]).collect())
}

const NATIVE: [Operator; 6] =
    [Operator::Eq, Operator::NotEq, Operator::Lt, Operator::LtEq, Operator::Gt, Operator::GtEq];
const TENSOR: [&str; 6] =
    ["tensor_eq", "tensor_ne", "tensor_lt", "tensor_le", "tensor_gt", "tensor_ge"];

fn number() -> impl Strategy<Value = Expr> {
    prop_oneof![
        (-4i64..8).prop_map(lit),
        (-8i64..16).prop_map(|v| lit(v as f64 / 2.0)),
        Just(lit(0.1f64)),
        Just(lit(-0.0f64)),
        Just(lit(u64::MAX)),
        Just(lit(9_007_199_254_740_992.0f64)),
    ]
}

/// Numbers of one row, and arrays of numbers.
fn numeric() -> impl Strategy<Value = Expr> {
    let shape = || call("tensor_shape", vec![col(B)]);
    let slice = |of: Expr, text: &str| call("tensor_slice_or_null", vec![of, lit(text)]);
    prop::sample::select(vec![
        col(I),
        col(F),
        col(C),
        col(U),
        col(R),
        col(B),
        slice(col(B), ":, 2"),
        slice(col(R), "1"),
        slice(col(R), "::2"),
        slice(shape(), "0"),
        slice(shape(), "-1"),
        slice(call("tensor_shape", vec![col(R)]), "0"),
        call("tensor_amax", vec![col(R)]),
        call("tensor_amin", vec![col(B)]),
    ])
}

fn leaf() -> impl Strategy<Value = Expr> {
    let compare = (numeric(), 0usize..6, number(), any::<bool>());
    let tensor = compare.prop_flat_map(|(value, op, number, flip)| {
        let args = if flip { vec![number, value] } else { vec![value, number] };
        let test = call(TENSOR[op], args);
        let wrap = prop::sample::select(vec!["tensor_truth", "tensor_any", "tensor_all"]);
        wrap.prop_map(move |name| call(name, vec![Arc::clone(&test)]))
    });
    let native = (0usize..6, -4i64..8, 0usize..6).prop_map(|(op, v, which)| {
        let op = NATIVE[op];
        match which {
            0 => binary(col(I), op, lit(v)),
            1 => binary(col(F), op, lit(v as f32 / 2.0)),
            2 => binary(col(U), op, lit(v.unsigned_abs())),
            3 => binary(col(C), op, lit(v.unsigned_abs() as u32)),
            4 => {
                let wide = CastExpr::new(col(I), arrow_schema::DataType::Float64, None);
                binary(Arc::new(wide), op, lit(v as f64 / 2.0))
            }
            _ => binary(lit(v), op, col(I)),
        }
    });
    let text = (prop::sample::select(vec!["", "a", "cat", "caterpillar", "e"]), 0usize..9)
        .prop_map(|(text, which)| {
            let view = || lit(ScalarValue::Utf8View(Some(text.to_string())));
            match which {
                op @ 0..6 => binary(col(T), NATIVE[op], view()),
                6 => call("tensor_truth", vec![call("tensor_ne", vec![col(T), lit(text)])]),
                7 => call("tensor_truth", vec![call("tensor_contains", vec![col(T), lit(text)])]),
                _ => expressions::like(
                    false,
                    false,
                    col(T),
                    lit(ScalarValue::Utf8View(Some(format!("{text}%")))),
                    &schema(),
                )
                .unwrap(),
            }
        });
    let class = prop::sample::select(vec!["cat", "dog", "bird"]).prop_flat_map(|name| {
        prop::sample::select(TENSOR.to_vec())
            .prop_map(move |op| call("tensor_truth", vec![call(op, vec![col(C), lit(name)])]))
    });
    let list =
        prop::collection::vec(prop::option::weighted(0.9, -4i64..8), 1..5).prop_flat_map(|items| {
            any::<bool>().prop_map(move |negated| {
                let items = items.iter().map(|v| lit(ScalarValue::Int64(*v))).collect();
                expressions::in_list(col(I), items, &negated, &schema()).unwrap()
            })
        });
    let null = prop::sample::select(vec![
        expressions::is_null(col(I)).unwrap(),
        expressions::is_not_null(col(R)).unwrap(),
        expressions::is_null(col(T)).unwrap(),
        call("tensor_is_null", vec![col(R)]),
        call("tensor_is_null", vec![col(T)]),
        call("tensor_is_null", vec![col(B)]),
        call("tensor_truth", vec![call("is_empty", vec![col(R)])]),
        col(FLAG),
        call("tensor_truth", vec![col(FLAG)]),
        call("tensor_truth", vec![col(F)]),
        call("tensor_any", vec![col(R)]),
        call("tensor_all", vec![col(R)]),
    ]);
    let member = (-3i64..6)
        .prop_map(|v| call("tensor_truth", vec![call("tensor_contains", vec![col(R), lit(v)])]));
    prop_oneof![4 => tensor, 3 => native, 2 => text, 1 => class, 1 => list, 1 => null, 1 => member]
}

fn predicate() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| binary(a, Operator::And, b)),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| binary(a, Operator::Or, b)),
            inner.prop_map(|a| expressions::not(a).unwrap()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_matching_row_is_left_out(
        rows in rows(),
        chunk in prop::array::uniform8(1usize..12),
        list in any::<bool>(),
        expr in predicate(),
    ) {
        let batch = batch(&rows);
        let result = expr.evaluate(&batch).unwrap().into_array(rows.len()).unwrap();
        let result = result.as_boolean();
        let outcomes = compile(&expr, &types()).outcomes(&facts(&rows, chunk, list));
        let mut covered = 0;
        for (range, outcome) in outcomes.iter() {
            for at in range.clone() {
                let at = usize::try_from(at).unwrap();
                let possible = if result.is_null(at) {
                    outcome.null
                } else if result.value(at) {
                    outcome.yes
                } else {
                    outcome.no
                };
                prop_assert!(possible, "{expr} on {:?}: row {at}, {outcome:?}", rows[at]);
            }
            covered = range.end;
        }
        prop_assert_eq!(covered, rows.len() as u64);
    }
}

/// Ranges that survive over 30 rows in chunks of 10: i is 0..30, boxes grow with the row.
fn survivors(expr: &Expr) -> Vec<std::ops::Range<u64>> {
    let rows: Vec<Row> = (0u8..30)
        .map(|n| Row {
            i: Some(i64::from(n)),
            f: f32::from(n),
            t: Some(format!("{}", char::from(b'a' + n / 10)).repeat(3)),
            c: u32::from(n / 10),
            r: Some(vec![i32::from(n); usize::from(n / 10)]),
            b: vec![[0.0, 0.0, f32::from(n), 1.0]; usize::from(n)],
            u: u64::from(n),
            flag: Some(n < 10),
        })
        .collect();
    let result = expr.evaluate(&batch(&rows)).unwrap().into_array(30).unwrap();
    let spans = compile(expr, &types()).outcomes(&facts(&rows, [10; 8], true));
    let kept = spans.ranges(|outcome| outcome.yes);
    for (at, pass) in result.as_boolean().iter().enumerate() {
        let at = at as u64;
        assert!(pass != Some(true) || kept.iter().any(|range| range.contains(&at)), "{expr}: {at}");
    }
    kept
}

#[test]
fn every_shape_of_predicate_prunes() {
    let slice = |of: Expr, text: &str| call("tensor_slice_or_null", vec![of, lit(text)]);
    let any = |op: &str, a: Expr, b: Expr| call("tensor_any", vec![call(op, vec![a, b])]);
    let truth = |x: Expr| call("tensor_truth", vec![x]);
    let last = vec![20..30];
    let cases: Vec<(Expr, Vec<std::ops::Range<u64>>)> = vec![
        (binary(col(I), Operator::Gt, lit(25i64)), last.clone()),
        (truth(call("tensor_gt", vec![col(F), lit(25.5f64)])), last.clone()),
        (truth(call("tensor_eq", vec![col(C), lit("bird")])), last.clone()),
        (any("tensor_eq", col(R), lit(25i64)), last.clone()),
        (
            call("tensor_all", vec![call("tensor_gt", vec![col(R), lit(19i64)])]),
            vec![0..10, 20..30],
        ),
        (any("tensor_gt", slice(col(B), ":, 2"), lit(24i64)), last.clone()),
        (
            truth(call(
                "tensor_gt",
                vec![slice(call("tensor_shape", vec![col(B)]), "0"), lit(20i64)],
            )),
            last.clone(),
        ),
        (
            truth(call("tensor_gt", vec![call("tensor_amax", vec![col(R)]), lit(19i64)])),
            last.clone(),
        ),
        (truth(call("tensor_contains", vec![col(R), lit(25i64)])), last.clone()),
        (call("tensor_is_null", vec![col(R)]), vec![0..10]),
        (expressions::is_null(col(I)).unwrap(), vec![]),
        (
            expressions::in_list(col(I), vec![lit(3i64), lit(27i64)], &false, &schema()).unwrap(),
            vec![0..10, 20..30],
        ),
        (
            expressions::like(
                false,
                false,
                col(T),
                lit(ScalarValue::Utf8View(Some("cc%".into()))),
                &schema(),
            )
            .unwrap(),
            last.clone(),
        ),
        (truth(call("tensor_like", vec![col(T), lit("b*")])), vec![10..20]),
        (expressions::not(col(FLAG)).unwrap(), vec![10..30]),
        (
            binary(
                binary(col(I), Operator::Lt, lit(5i64)),
                Operator::Or,
                binary(col(F), Operator::Gt, lit(25.0f32)),
            ),
            vec![0..10, 20..30],
        ),
        (
            binary(
                binary(col(I), Operator::Lt, lit(15i64)),
                Operator::And,
                expressions::not(binary(col(I), Operator::Lt, lit(10i64))).unwrap(),
            ),
            vec![10..20],
        ),
        (binary(col(I), Operator::Lt, lit(0i64)), vec![]),
    ];
    for (expr, expected) in cases {
        assert_eq!(survivors(&expr), expected, "{expr}");
    }
}
