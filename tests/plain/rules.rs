//! The plain evaluator itself, by hand: values that NumPy 2 or the rules give.

use super::expression::Expr;
use super::expression::Place;
use super::expression::Row;
use super::generate::Cells;
use super::slice::positions;
use super::value::Arithmetic;
use super::value::Comparison;
use super::value::Numbers;
use super::value::Reduction;
use super::value::Trouble;
use super::value::Value;

fn row() -> Row {
    super::engine::row(&Cells {
        n: None,
        x: Some(f64::NAN),
        vec: vec![1.0, 2.0, 4.0],
        mat: Some(vec![1, 2, 3, 4, 5, 6]),
        labels: Some(vec![]),
        boxes: Some(vec![]),
    })
}

fn value(expr: &Expr) -> Option<String> {
    match expr.value(&row(), Place::Select) {
        Ok(Value::Null) => Some("null".to_string()),
        Ok(Value::Numbers(x)) => Some(match x {
            Numbers::Bool(x) => format!("{:?} {:?}", x.shape(), x.iter().collect::<Vec<_>>()),
            Numbers::Int(x) => format!("{:?} {:?}", x.shape(), x.iter().collect::<Vec<_>>()),
            Numbers::F32(x) => format!("{:?} {:?}", x.shape(), x.iter().collect::<Vec<_>>()),
            Numbers::F64(x) => format!("{:?} {:?}", x.shape(), x.iter().collect::<Vec<_>>()),
        }),
        Err(_) => None,
    }
}

fn column(name: &'static str) -> Box<Expr> {
    Box::new(Expr::Column(name))
}

#[test]
fn positions_are_pythons() {
    let of = |start, stop, step| positions(start, stop, step, 5).unwrap();
    assert_eq!(of(None, None, None), [0, 1, 2, 3, 4]);
    assert_eq!(of(Some(-2), None, None), [3, 4]);
    assert_eq!(of(Some(1), Some(-1), Some(2)), [1, 3]);
    assert_eq!(of(None, None, Some(-2)), [4, 2, 0]);
    assert_eq!(of(Some(9), Some(-9), Some(-3)), [4, 1]);
    assert_eq!(of(Some(3), Some(1), None), [0usize; 0]);
    assert!(positions(None, None, Some(0), 5).is_err());
}

#[test]
fn arithmetic_broadcasts_and_comparisons_do_not() {
    let of =
        |op, a: &'static str, b: &'static str| value(&Expr::Arithmetic(op, column(a), column(b)));
    assert_eq!(
        of(Arithmetic::Add, "mat", "vec").unwrap(),
        "[2, 3] [2.0, 4.0, 7.0, 5.0, 7.0, 10.0]"
    );
    assert_eq!(of(Arithmetic::Add, "mat", "n").unwrap(), "null");
    assert_eq!(of(Arithmetic::Mul, "boxes", "x").unwrap(), "[0, 4] []");
    assert_eq!(of(Arithmetic::Add, "boxes", "vec"), None);
    let minus = |x| Box::new(Expr::Int(x));
    let rem = |a, b| value(&Expr::Arithmetic(Arithmetic::Rem, minus(a), minus(b)));
    assert_eq!(rem(-7, 3).unwrap(), "[] [-1]");
    assert_eq!(rem(7, 0), None);
    let compare =
        |op, a: &'static str, b: &'static str| value(&Expr::Compare(op, column(a), column(b)));
    assert_eq!(compare(Comparison::Lt, "mat", "vec"), None);
    assert_eq!(compare(Comparison::Ne, "vec", "x").unwrap(), "[3] [true, true, true]");
    assert_eq!(compare(Comparison::Eq, "x", "x").unwrap(), "[] [false]");
}

#[test]
fn reductions_keep_rule_15() {
    let of = |by, x: &'static str, axis, keepdims| {
        value(&Expr::Reduce(by, column(x), axis, keepdims)).unwrap()
    };
    assert_eq!(of(Reduction::Sum, "mat", Some(0), false), "[3] [5, 7, 9]");
    assert_eq!(of(Reduction::Avg, "mat", Some(-1), true), "[2, 1] [2.0, 5.0]");
    assert_eq!(of(Reduction::Amax, "labels", None, false), "[] [0]");
    assert_eq!(of(Reduction::Amin, "boxes", Some(0), false), "[4] [0.0, 0.0, 0.0, 0.0]");
    assert_eq!(of(Reduction::All, "labels", None, true), "[1] [true]");
    assert_eq!(of(Reduction::Any, "x", None, false), "[] [true]");
}

#[test]
fn only_errors_that_an_answer_can_do_without_may_be_left_out() {
    let failing = || {
        let of = |x| Box::new(Expr::Int(x));
        Box::new(Expr::Arithmetic(Arithmetic::Rem, of(7), of(0)))
    };
    let of = |expr: Expr| expr.value(&row(), Place::Select).unwrap_err();
    let whatever = || Expr::IsNull(failing());
    assert!(matches!(of(*failing()), Trouble::Error(_)));
    assert!(matches!(of(whatever()), Trouble::Unneeded(_)));
    assert!(matches!(of(Expr::Shape(failing())), Trouble::Unneeded(_)));
    assert!(matches!(of(Expr::Logic(true, column("x"), failing())), Trouble::Unneeded(_)));
    // What is looked at is an error, whatever stands beside it.
    for (a, b) in [(Box::new(whatever()), failing()), (failing(), Box::new(whatever()))] {
        assert!(matches!(of(Expr::Compare(Comparison::Eq, a, b)), Trouble::Error(_)));
    }
    let keeps = |expr: Expr| expr.keeps(&row()).unwrap_err();
    assert!(matches!(keeps(Expr::Logic(false, column("x"), failing())), Trouble::Unneeded(_)));
    assert!(matches!(keeps(Expr::Not(failing())), Trouble::Error(_)));
}
