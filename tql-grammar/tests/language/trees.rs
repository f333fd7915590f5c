//! What the tree holds.

use lakebed_core::Limits;
use lakebed_grammar::Clauses;
use lakebed_grammar::Explain;
use lakebed_grammar::Statement;
use lakebed_grammar::clauses::Across;
use lakebed_grammar::clauses::Ungroup;
use lakebed_grammar::clauses::first_clause;
use lakebed_grammar::parse_tql;
use lakebed_grammar::print_expr;
use lakebed_grammar::sqlparser::ast::Expr;
use lakebed_grammar::sqlparser::ast::SelectItem;
use lakebed_grammar::sqlparser::ast::SetExpr;
use lakebed_grammar::sqlparser::ast::Spanned;
use lakebed_grammar::sqlparser::ast::TableFactor;
use lakebed_grammar::subscript::Item;
use lakebed_grammar::subscript::as_pair;
use lakebed_grammar::subscript::as_subscript;

fn parse(text: &str) -> Statement {
    parse_tql(text, &Limits::default()).unwrap_or_else(|error| panic!("{}", error.render(text)))
}

/// The first expression of the outermost SELECT.
fn first(text: &str) -> Expr {
    let SetExpr::Select(select) = *parse(text).query.body else { panic!("{text}") };
    match &select.projection[0] {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn subscripts_are_function_nodes() {
    let expr = first("SELECT images[100:500, -1, ..., ::2] AS x");
    let (root, items) = as_subscript(&expr).unwrap();
    assert_eq!(root.to_string(), "images");
    let bound = |item: &Option<Expr>| item.as_ref().map(Expr::to_string);
    assert_eq!(items.len(), 4);
    let Item::Slice { start, stop, step } = &items[0] else { panic!("{items:?}") };
    assert_eq!(
        (bound(start), bound(stop), bound(step)),
        (Some("100".into()), Some("500".into()), None)
    );
    let Item::Index(index) = &items[1] else { panic!("{items:?}") };
    assert_eq!(index.to_string(), "-1");
    assert_eq!(items[2], Item::Rest);
    let Item::Slice { start, stop, step } = &items[3] else { panic!("{items:?}") };
    assert_eq!((bound(start), bound(stop), bound(step)), (None, None, Some("2".into())));
    assert_eq!(
        expr.to_string(),
        "__subscript(images, __slice(100, 500, NULL), __index(-1), __rest(), __slice(NULL, NULL, 2))"
    );
    assert_eq!(print_expr(&expr), "images[100:500, -1, ..., ::2]");
    let span = expr.span();
    assert_eq!((span.start.column, span.start.line), (8, 1));
    assert_eq!(span.end.column, "SELECT images[100:500, -1, ..., ::2]".len() as u64 + 1);
}

#[test]
fn subscripts_bind_tighter_than_operators() {
    for (text, wanted) in [
        ("SELECT -a[0]", "-__subscript(a, __index(0))"),
        ("SELECT a[0] + b[1] * 2", "__subscript(a, __index(0)) + __subscript(b, __index(1)) * 2"),
        ("SELECT (a + 1)[0]", "__subscript((a + 1), __index(0))"),
        ("SELECT f(a)[0][1]", "__subscript(__subscript(f(a), __index(0)), __index(1))"),
        ("SELECT a[b == 1]", "__subscript(a, __index(b = 1))"),
        ("SELECT NOT a[0] = 3", "NOT __subscript(a, __index(0)) = 3"),
        ("SELECT x[0]::int", "__subscript(x, __index(0))::INT"),
    ] {
        assert_eq!(first(text).to_string(), wanted, "{text}");
    }
}

#[test]
fn the_clauses_of_a_query() {
    let tree = parse(
        "EXPLAIN SELECT a WHERE b EXPAND BY 1 2 OVERLAP false GROUP BY c ACROSS SPACE HAVING d UNGROUP BY ARRAY[1, 2] \
         ORDER BY e LIMIT 5 PERCENT SAMPLE BY MAX_WEIGHT(f: 0.5, g = 1: 2) REPLACE false LIMIT 10 PERCENT ARRANGE BY h, i[0]",
    );
    assert_eq!(tree.explain, Some(Explain::Plan));
    let clauses = tree.clauses();
    let expand = clauses.expand.as_ref().unwrap();
    assert_eq!(expand.before.to_string(), "1");
    assert_eq!(expand.after.as_ref().unwrap().to_string(), "2");
    assert!(!expand.overlap);
    assert_eq!(clauses.across, Some(Across::Space));
    assert!(matches!(clauses.ungroup, Some(Ungroup::Lengths(Expr::Array(_)))));
    assert!(clauses.limit_percent);
    let sample = clauses.sample.as_ref().unwrap();
    assert!(!sample.replace && sample.percent);
    assert_eq!(sample.limit.as_ref().unwrap().to_string(), "10");
    let Expr::Function(function) = &sample.weight else { panic!("{:?}", sample.weight) };
    assert_eq!(function.name.to_string(), "MAX_WEIGHT");
    assert_eq!(clauses.arrange.len(), 2);

    let (name, span) = first_clause(&tree.query).unwrap();
    assert_eq!(name, "EXPAND BY");
    assert_eq!(span.unwrap().start.column, 26);

    let mut query = tree.query.clone();
    assert_eq!(Clauses::take(&mut query), clauses);
    assert!(Clauses::of(&query).is_empty() && first_clause(&query).is_none());
    assert_eq!(query.to_string(), "SELECT a WHERE b GROUP BY c HAVING d ORDER BY e LIMIT 5");
}

#[test]
fn defaults_of_the_clauses() {
    let clauses = parse("SELECT a EXPAND BY 3 SAMPLE BY b").clauses();
    let expand = clauses.expand.unwrap();
    assert!(expand.after.is_none() && expand.overlap);
    let sample = clauses.sample.unwrap();
    assert!(sample.replace && sample.limit.is_none() && !sample.percent);
    assert!(parse("SELECT a AS sample, b expand FROM t arrange").clauses().is_empty());
}

#[test]
fn clauses_stay_with_their_query() {
    let tree = parse("SELECT * FROM (SELECT a SAMPLE BY a LIMIT 2) AS t ARRANGE BY a");
    assert!(tree.clauses().sample.is_none() && tree.clauses().arrange.len() == 1);
    let SetExpr::Select(select) = tree.query.body.as_ref() else { panic!() };
    let TableFactor::Derived { subquery, .. } = &select.from[0].relation else { panic!() };
    assert!(Clauses::of(subquery).sample.is_some() && Clauses::of(subquery).arrange.is_empty());

    // A SELECT of a set operation keeps its own clauses as a query of its own.
    let tree =
        parse("SELECT a UNGROUP BY SPLIT UNION ALL SELECT a EXPAND BY 1 ORDER BY a SAMPLE BY a");
    assert_eq!(
        tree.to_string(),
        "(SELECT a UNGROUP BY SPLIT) UNION ALL (SELECT a EXPAND BY 1) ORDER BY a SAMPLE BY a"
    );
    assert!(tree.clauses().expand.is_none() && tree.clauses().sample.is_some());
}

#[test]
fn pairs_and_names() {
    let tree = parse("SELECT id SAMPLE BY SUM_WEIGHT(a OR b: 0.5)");
    let Expr::Function(function) = tree.clauses().sample.unwrap().weight else { panic!() };
    let text = function.to_string();
    assert_eq!(text, "SUM_WEIGHT(__pair(a OR b, 0.5))");
    let sqlparser_list = match &function.args {
        lakebed_grammar::sqlparser::ast::FunctionArguments::List(list) => list.args[0].clone(),
        other => panic!("{other:?}"),
    };
    let lakebed_grammar::sqlparser::ast::FunctionArg::Unnamed(
        lakebed_grammar::sqlparser::ast::FunctionArgExpr::Expr(pair),
    ) = sqlparser_list
    else {
        panic!()
    };
    let (left, right) = as_pair(&pair).unwrap();
    assert_eq!((left.to_string(), right.to_string()), ("a OR b".to_string(), "0.5".to_string()));

    // ANY and ALL are functions; with a subquery they are SQL's.
    assert_eq!(first("SELECT b = ANY(labels = 3)").to_string(), "b = ANY(labels = 3)");
    assert!(matches!(first("SELECT b = ANY(labels = 3)"), Expr::BinaryOp { .. }));
    assert!(matches!(first("SELECT b = ANY(SELECT 1)"), Expr::AnyOp { .. }));

    let tree = parse("SELECT * FROM \"s3://bucket/x@v1\" JOIN data@main ON TRUE");
    assert_eq!(tree.to_string(), "SELECT * FROM \"s3://bucket/x@v1\" JOIN data@main ON true");
}
