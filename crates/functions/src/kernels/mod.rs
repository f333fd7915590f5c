//! The functions themselves.

mod all;
mod any;
pub mod compare;
mod contains;
mod slice;
mod shape;
mod truth;

use crate::function::TensorFunction;

/// Every function, in the order in which help lists them.
pub static ALL: &[&dyn TensorFunction] = &[
    &shape::Shape,
    &any::Any,
    &all::ALL,
    &all::ALL_STRICT,
    &contains::Contains,
    &compare::EQ,
    &compare::NE,
    &compare::LT,
    &compare::LE,
    &compare::GT,
    &compare::GE,
    &truth::Truth,
    &slice::SLICE,
    &slice::SLICE_OR_NULL,
];
