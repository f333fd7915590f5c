//! The functions themselves.

mod abs;
mod all;
mod any;
mod area;
mod arithmetic;
mod array;
mod between;
pub mod compare;
mod contains;
mod cosine_similarity;
mod dot;
mod fancy;
mod index;
mod iou;
mod is_empty;
mod is_in;
mod is_null;
mod json_get;
mod like;
mod logic;
mod negate;
mod nonzero;
mod norm;
mod reduce;
mod shape;
mod slice;
mod sqrt;
mod template;
mod truth;

use crate::function::TensorFunction;

/// Every function, in the order in which help lists them.
pub static ALL: &[&dyn TensorFunction] = &[
    &shape::Shape,
    &any::Any,
    &all::ALL,
    &all::ALL_STRICT,
    &contains::Contains,
    &reduce::SUM,
    &reduce::AVG,
    &reduce::AMIN,
    &reduce::AMAX,
    &reduce::PROD,
    &abs::Abs,
    &sqrt::Sqrt,
    &norm::L1,
    &norm::L2,
    &norm::LINF,
    &dot::Dot,
    &cosine_similarity::CosineSimilarity,
    &iou::Iou,
    &area::Area,
    &is_empty::IsEmpty,
    &nonzero::Nonzero,
    &compare::EQ,
    &compare::NE,
    &compare::LT,
    &compare::LE,
    &compare::GT,
    &compare::GE,
    &arithmetic::ADD,
    &arithmetic::SUB,
    &arithmetic::MUL,
    &arithmetic::DIV,
    &arithmetic::MOD,
    &arithmetic::POW,
    &negate::Negate,
    &logic::AND,
    &logic::OR,
    &logic::Not,
    &truth::Truth,
    &slice::SLICE,
    &slice::SLICE_OR_NULL,
    &index::INDEX,
    &index::INDEX_OR_NULL,
    &json_get::JsonGet,
    &like::LIKE,
    &like::ILIKE,
    &is_null::IsNull,
    &is_in::IsIn,
    &between::Between,
    &array::ArrayOf,
];
