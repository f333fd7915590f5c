//! The functions themselves.

mod abs;
mod across_space;
mod all;
mod any;
mod area;
mod arg_extreme;
mod arithmetic;
mod array;
mod assign;
mod atan2;
mod between;
mod bitwise;
mod bm25_length;
mod bm25_score;
mod bm25_terms;
mod box_convert;
pub(crate) mod cast;
mod choose;
mod class_label;
mod clip;
pub mod compare;
mod concat;
mod contains;
mod contains_token;
mod cosine_similarity;
mod crop;
mod cumulate;
mod dot;
mod expand_dims;
mod extremes;
mod fancy;
mod flip;
mod grayscale;
mod group_key;
mod hamming_distance;
mod histogram;
mod identity;
mod index;
mod iou;
mod iou_pairwise;
mod is_empty;
mod is_in;
mod is_null;
mod json_get;
mod json_length;
mod json_type;
mod keys;
mod like;
mod logic;
mod mask;
mod math;
mod matmul;
mod maxsim;
mod measure;
mod median;
mod negate;
mod nms;
mod nonzero;
mod norm;
mod normalize;
mod normalize_image;
mod nullable;
mod one_hot;
mod predicates;
mod random;
mod readable;
mod reduce;
mod reduce_along;
mod reshape;
mod resize;
mod reverse;
mod rounding;
mod sample_key;
mod shape;
mod slice;
mod sort;
mod sort_key;
mod spread;
mod sqrt;
mod square;
mod template;
mod to_json;
mod transpose;
mod truth;
mod unique;

use crate::function::TensorFunction;

pub use sort_key::json_key;

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
    &spread::STD,
    &spread::VAR,
    &median::Median,
    &arg_extreme::ARGMIN,
    &arg_extreme::ARGMAX,
    &cumulate::CUMSUM,
    &cumulate::DIFF,
    &abs::Abs,
    &sqrt::Sqrt,
    &square::Square,
    &math::EXP,
    &math::EXPM1,
    &math::LOG,
    &math::LOG2,
    &math::LOG10,
    &math::LOG1P,
    &math::SIN,
    &math::COS,
    &math::TAN,
    &math::ASIN,
    &math::ACOS,
    &math::ATAN,
    &math::SINH,
    &math::COSH,
    &math::TANH,
    &math::CBRT,
    &math::DEGREES,
    &math::RADIANS,
    &math::SIGMOID,
    &atan2::Atan2,
    &rounding::FLOOR,
    &rounding::CEIL,
    &rounding::TRUNC,
    &rounding::ROUND,
    &rounding::SIGN,
    &predicates::ISNAN,
    &predicates::ISINF,
    &predicates::ISFINITE,
    &extremes::MAXIMUM,
    &extremes::MINIMUM,
    &clip::Clip,
    &choose::Choose,
    &cast::Cast,
    &bitwise::AND,
    &bitwise::OR,
    &bitwise::XOR,
    &bitwise::LEFT,
    &bitwise::RIGHT,
    &bitwise::NOT,
    &norm::L1,
    &norm::L2,
    &norm::LINF,
    &dot::Dot,
    &matmul::Matmul,
    &cosine_similarity::CosineSimilarity,
    &maxsim::MaxSim,
    &hamming_distance::HammingDistance,
    &iou::Iou,
    &iou_pairwise::IouPairwise,
    &area::Area,
    &normalize::Normalize,
    &nms::Nms,
    &box_convert::BoxConvert,
    &crop::Crop,
    &resize::Resize,
    &flip::Flip,
    &grayscale::Grayscale,
    &histogram::Histogram,
    &one_hot::OneHot,
    &class_label::ClassLabel,
    &is_empty::IsEmpty,
    &nonzero::Nonzero,
    &measure::SIZE,
    &measure::NDIM,
    &measure::DTYPE,
    &assign::Assign,
    &reshape::RESHAPE,
    &reshape::FLATTEN,
    &transpose::Transpose,
    &expand_dims::ExpandDims,
    &expand_dims::Squeeze,
    &concat::CONCAT,
    &concat::STACK,
    &sort::SORT,
    &sort::ARGSORT,
    &sort::TOPK,
    &unique::Unique,
    &reverse::Reverse,
    &compare::EQ,
    &compare::NE,
    &compare::LT,
    &compare::LE,
    &compare::GT,
    &compare::GE,
    &compare::EQ_STRICT,
    &compare::NE_STRICT,
    &compare::LT_STRICT,
    &compare::LE_STRICT,
    &compare::GT_STRICT,
    &compare::GE_STRICT,
    &arithmetic::ADD,
    &arithmetic::SUB,
    &arithmetic::MUL,
    &arithmetic::DIV,
    &arithmetic::MOD,
    &arithmetic::POW,
    &negate::Negate,
    &logic::AND,
    &logic::OR,
    &logic::XOR,
    &logic::AND_STRICT,
    &logic::OR_STRICT,
    &logic::Not,
    &truth::Truth,
    &slice::SLICE,
    &slice::SLICE_OR_NULL,
    &index::INDEX,
    &index::INDEX_OR_NULL,
    &json_get::GET,
    &json_get::GET_TEXT,
    &keys::Keys,
    &json_type::JsonType,
    &json_length::JsonLength,
    &to_json::ToJson,
    &to_json::JsonParse,
    &readable::READABLE,
    &readable::SINGLE,
    &contains_token::ContainsToken,
    &bm25_length::Bm25Length,
    &bm25_terms::Bm25Terms,
    &bm25_score::Bm25Score,
    &random::Random,
    &sample_key::SampleKey,
    &like::LIKE,
    &like::ILIKE,
    &is_null::IsNull,
    &is_in::IsIn,
    &between::Between,
    &sort_key::SortKey,
    &array::ARRAY,
    &array::TYPED_ARRAY,
    &across_space::AcrossSpace,
    &identity::Identity,
    &nullable::Nullable,
    &group_key::GroupKey,
];
