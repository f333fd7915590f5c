//! Random rows and random expressions over their columns.

use proptest::prelude::*;
use proptest::sample::select;

use super::expression::Expr;
use super::slice::Subscript;
use super::types::COLUMNS;
use super::types::Dims;
use super::types::Kind;
use super::value::Arithmetic;
use super::value::Comparison;
use super::value::Reduction;

/// One row: a value a column, in the order of [`COLUMNS`].
#[derive(Debug, Clone)]
pub struct Cells {
    pub n: Option<i64>,
    pub x: Option<f64>,
    pub vec: Vec<f32>,
    pub mat: Option<Vec<i32>>,
    pub labels: Option<Vec<i32>>,
    /// Rows of four.
    pub boxes: Option<Vec<f32>>,
}

/// Rows, of which the first so many are a commit of their own.
#[derive(Debug, Clone)]
pub struct Table {
    pub rows: Vec<Cells>,
    pub first: usize,
    pub partitions: usize,
    pub batch_size: usize,
}

fn nullable<T: Clone + std::fmt::Debug>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<T>> {
    proptest::option::weighted(0.85, value)
}

/// Quarters, of which f32 and f64 sums are exact, and now and then NaN or an infinity.
fn single() -> impl Strategy<Value = f32> {
    prop_oneof![
        30 => (-64i16..64).prop_map(|quarters| f32::from(quarters) / 4.0),
        1 => Just(f32::NAN),
        1 => select(vec![f32::INFINITY, f32::NEG_INFINITY]),
    ]
}

fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        12 => (-4000i16..4000).prop_map(|eighths| f64::from(eighths) / 8.0),
        1 => Just(f64::NAN),
        1 => select(vec![f64::INFINITY, f64::NEG_INFINITY]),
    ]
}

fn long() -> impl Strategy<Value = i64> {
    prop_oneof![30 => -9i64..10, 1 => select(vec![i64::MAX, i64::MIN])]
}

fn cells() -> impl Strategy<Value = Cells> {
    let boxes = (0usize..4).prop_flat_map(|count| prop::collection::vec(single(), 4 * count));
    (
        nullable(long()),
        nullable(double()),
        prop::collection::vec(single(), 3),
        nullable(prop::collection::vec(-9i32..10, 6)),
        nullable(prop::collection::vec(-3i32..6, 0..5)),
        nullable(boxes),
    )
        .prop_map(|(n, x, vec, mat, labels, boxes)| Cells { n, x, vec, mat, labels, boxes })
}

/// At least one row. The first one has every value, so that an error which the types show is an
/// error of a row too.
pub fn table() -> impl Strategy<Value = Table> {
    let rows = (cells(), prop::collection::vec(cells(), 0..8), 0usize..8);
    (rows, 1usize..4, select(vec![8192usize, 2, 1])).prop_map(
        |((mut full, mut rows, first), partitions, batch_size)| {
            full.n.get_or_insert(2);
            full.x.get_or_insert(0.5);
            full.mat.get_or_insert_with(|| vec![1, 2, 3, 4, 5, 6]);
            full.labels.get_or_insert_with(Vec::new).push(1);
            full.boxes.get_or_insert_with(Vec::new).extend([1.0, 2.0, 3.0, 4.0]);
            rows.insert(0, full);
            let first = first.min(rows.len());
            Table { rows, first, partitions, batch_size }
        },
    )
}

fn rank(expr: &Expr) -> Option<usize> {
    expr.dims().ok().map(|dims| dims.len())
}

/// Numbers without dimensions.
fn small() -> BoxedStrategy<Expr> {
    prop_oneof![
        (-3i64..8).prop_map(Expr::Int),
        (-12i32..12).prop_map(|quarters| Expr::Decimal(f64::from(quarters) / 4.0)),
        select(vec!["n", "x"]).prop_map(Expr::Column),
    ]
    .boxed()
}

fn leaf() -> BoxedStrategy<Expr> {
    let exact = prop_oneof![
        (-5i64..9).prop_map(Expr::Int),
        (-9i32..9).prop_map(|halves| Expr::Decimal(f64::from(halves) / 2.0)),
    ];
    prop_oneof![
        12 => select(COLUMNS.to_vec()).prop_map(Expr::Column),
        3 => small(),
        2 => prop::collection::vec(exact, 1..5).prop_map(Expr::Array),
        // 2^24 + 1 is not exact in f32, so the array is i64.
        1 => prop::collection::vec(select(vec![16_777_217, 3]).prop_map(Expr::Int), 3)
            .prop_map(Expr::Array),
        1 => Just(Expr::Int(i64::MAX)),
    ]
    .boxed()
}

fn bound() -> impl Strategy<Value = Option<i64>> {
    proptest::option::of(-5i64..6)
}

fn subscript() -> impl Strategy<Value = Subscript> {
    let step = prop_oneof![
        4 => Just(None),
        4 => select(vec![-3i64, -2, -1, 1, 2, 3]).prop_map(Some),
        // An error.
        1 => select(vec![Some(0), Some(1), Some(-1), None, Some(2), Some(9), Some(-9), Some(4)]),
    ];
    let length = |name| {
        let shape = Expr::Shape(Box::new(Expr::Column(name)));
        Expr::Subscript(Box::new(shape), vec![Subscript::Index(0)])
    };
    let last =
        |name| Expr::Arithmetic(Arithmetic::Sub, Box::new(length(name)), Box::new(Expr::Int(1)));
    prop_oneof![
        8 => (bound(), bound(), step).prop_map(|(a, b, c)| Subscript::Slice(a, b, c)),
        4 => (-2i64..2).prop_map(Subscript::Index),
        1 => (-5i64..5).prop_map(Subscript::Index),
        2 => Just(Subscript::Rest),
        1 => select(vec![Expr::Column("n"), last("labels"), last("boxes")])
            .prop_map(Subscript::Row),
    ]
}

/// Mostly as many subscripts as there are dimensions, or fewer.
fn subscripted(of: BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    (of, prop::collection::vec(subscript(), 1..4), 0..20u8)
        .prop_map(|(x, mut parts, wild)| {
            let Some(rank @ 1..) = rank(&x) else { return x };
            if wild > 0 {
                let mut rests = 0;
                parts.retain(|part| {
                    rests += usize::from(*part == Subscript::Rest);
                    *part != Subscript::Rest || rests == 1
                });
                parts.truncate(rank);
            }
            Expr::Subscript(Box::new(x), parts)
        })
        .boxed()
}

/// Along an axis that is there, mostly.
fn reduced(of: BoxedStrategy<Expr>, by: Vec<Reduction>) -> BoxedStrategy<Expr> {
    let axis = proptest::option::of(-2i64..3);
    (of, select(by), axis, any::<bool>(), 0..20u8)
        .prop_map(|(x, by, axis, keepdims, wild)| {
            let rank = rank(&x).unwrap_or(0) as i64;
            let axis = axis.and_then(|axis| match rank {
                _ if wild == 0 => Some(axis),
                0 => None,
                _ => Some(if axis < 0 { axis.max(-rank) } else { axis % rank }),
            });
            let by = match by {
                Reduction::Sum | Reduction::Avg if !is_exact(&x) => Reduction::Amax,
                by => by,
            };
            Expr::Reduce(by, Box::new(x), axis, keepdims)
        })
        .boxed()
}

/// True if the order in which elements are added does not show.
fn is_exact(x: &Expr) -> bool {
    x.kind() <= Kind::Int
        || !any_part(x, &|part| match part {
            Expr::Arithmetic(op, ..) => *op == Arithmetic::Div,
            Expr::Reduce(by, ..) => *by == Reduction::Avg,
            Expr::Int(x) => x.abs() > 100,
            Expr::Array(items) => items.iter().any(|item| matches!(item, Expr::Int(x) if *x > 100)),
            Expr::Column(name) => *name == "n",
            _ => false,
        })
}

/// True if a part of an expression is so. Subscripts are no part of its value.
fn any_part(x: &Expr, is: &impl Fn(&Expr) -> bool) -> bool {
    is(x)
        || match x {
            Expr::Column(_) | Expr::Int(_) | Expr::Decimal(_) | Expr::Array(_) => false,
            Expr::Arithmetic(_, a, b) | Expr::Compare(_, a, b) | Expr::Logic(_, a, b) => {
                any_part(a, is) || any_part(b, is)
            }
            Expr::Not(x)
            | Expr::Negative(x)
            | Expr::Reduce(_, x, ..)
            | Expr::Shape(x)
            | Expr::IsNull(x)
            | Expr::Subscript(x, _) => any_part(x, is),
        }
}

/// Arithmetic that does not clash by its types alone, mostly. Which zero a reduction gives, 0 or
/// -0, is not settled, and a divisor would show it.
fn arithmetic(of: &BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    let op = select(vec![
        Arithmetic::Add,
        Arithmetic::Sub,
        Arithmetic::Mul,
        Arithmetic::Div,
        Arithmetic::Rem,
    ]);
    let other = prop_oneof![1 => small(), 1 => of.clone()];
    (op, of.clone(), other, small(), any::<bool>(), 0..30u8)
        .prop_map(|(op, a, b, otherwise, swapped, wild)| {
            let clashes = match (a.dims(), b.dims()) {
                (Ok(p), Ok(q)) => may_clash(&p, &q),
                _ => true,
            };
            let b = if clashes && wild > 0 { otherwise } else { b };
            let (a, b) = if swapped { (b, a) } else { (a, b) };
            let op = match op {
                Arithmetic::Div if any_part(&b, &|part| matches!(part, Expr::Reduce(..))) => {
                    Arithmetic::Sub
                }
                op => op,
            };
            Expr::Arithmetic(op, Box::new(a), Box::new(b))
        })
        .boxed()
}

fn may_clash(a: &Dims, b: &Dims) -> bool {
    a.iter().rev().zip(b.iter().rev()).any(|pair| match pair {
        (Some(1), _) | (_, Some(1)) => false,
        (Some(m), Some(n)) => m != n,
        _ => true,
    })
}

/// Comparisons, mostly with a scalar or with something of the same shape.
fn compared(of: &BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    let op = select(vec![
        Comparison::Eq,
        Comparison::Ne,
        Comparison::Lt,
        Comparison::Le,
        Comparison::Gt,
        Comparison::Ge,
    ]);
    (op, of.clone(), of.clone(), small(), 0..16u8, any::<bool>())
        .prop_map(|(op, a, b, small, choice, swapped)| {
            let derived =
                Expr::Arithmetic(Arithmetic::Sub, Box::new(small.clone()), Box::new(a.clone()));
            let b = match choice {
                0..8 => small,
                8..11 => derived,
                11..15 if a.dims() != b.dims() => small,
                _ => b,
            };
            let (a, b) = if swapped { (b, a) } else { (a, b) };
            Expr::Compare(op, Box::new(a), Box::new(b))
        })
        .boxed()
}

fn negative(of: BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    of.prop_map(|x| Expr::Negative(Box::new(x))).boxed()
}

/// Numbers. In conditions no comparison stands inside of them: whether a comparison with null is
/// null or false there, deep in an expression, is not settled.
pub fn numbers(depth: u32, with_bools: bool) -> BoxedStrategy<Expr> {
    if depth == 0 {
        return leaf();
    }
    let inner = numbers(depth - 1, with_bools);
    let by = vec![Reduction::Sum, Reduction::Avg, Reduction::Amin, Reduction::Amax];
    let plain = prop_oneof![
        2 => leaf(),
        5 => arithmetic(&inner),
        6 => subscripted(inner.clone()),
        3 => reduced(inner.clone(), by.clone()),
        1 => negative(inner.clone()),
        1 => inner.prop_map(|x| Expr::Shape(Box::new(x))),
    ];
    if !with_bools {
        return plain.boxed();
    }
    let bools = bools(depth - 1);
    prop_oneof![
        15 => plain,
        1 => reduced(bools.clone(), by),
        1 => negative(bools.clone()),
        1 => (bools, small()).prop_map(|(a, b)| {
            Expr::Arithmetic(Arithmetic::Mul, Box::new(a), Box::new(b))
        }),
    ]
    .boxed()
}

fn is_null(of: BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    of.prop_map(|x| Expr::IsNull(Box::new(x))).boxed()
}

/// Bools, for SELECT.
pub fn bools(depth: u32) -> BoxedStrategy<Expr> {
    let numbers = numbers(depth, true);
    if depth == 0 {
        return compared(&numbers);
    }
    let inner = bools(depth - 1);
    let judged = prop_oneof![3 => inner.clone(), 1 => numbers.clone()].boxed();
    prop_oneof![
        6 => compared(&numbers),
        3 => reduced(judged, vec![Reduction::Any, Reduction::All]),
        1 => inner.clone().prop_map(|x| Expr::Not(Box::new(x))),
        1 => is_null(numbers),
        2 => subscripted(inner.clone()),
        2 => (any::<bool>(), inner.clone(), inner).prop_map(|(and, a, b)| {
            Expr::Logic(and, Box::new(a), Box::new(b))
        }),
    ]
    .boxed()
}

/// What SELECT shows.
pub fn selected() -> BoxedStrategy<Expr> {
    prop_oneof![3 => numbers(3, true), 2 => bools(2)].boxed()
}

/// What WHERE keeps rows by.
pub fn condition(depth: u32) -> BoxedStrategy<Expr> {
    let numbers = numbers(2, false);
    let judged = reduced(compared(&numbers), vec![Reduction::Any, Reduction::All]);
    let leaf = prop_oneof![
        6 => compared(&numbers),
        2 => judged,
        2 => numbers.clone(),
        1 => is_null(numbers),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let inner = condition(depth - 1);
    prop_oneof![
        4 => leaf,
        2 => inner.clone().prop_map(|x| Expr::Not(Box::new(x))),
        2 => (any::<bool>(), inner.clone(), inner).prop_map(|(and, a, b)| {
            Expr::Logic(and, Box::new(a), Box::new(b))
        }),
    ]
    .boxed()
}
