//! The words that every room of Lakebed shares: data types, shapes, columns, tensors in Arrow,
//! NumPy subscripts, ids, limits, and the clock and randomness of one process.
//!
//! This crate never does I/O and knows no chunk, no store and no query.
//!
//! Read first: [`schema`] (what a column is), [`tensor_type`] (how a column appears in Arrow),
//! [`subscript`] (what `x[1:3, ::2, 0]` means).

pub mod cells;
pub mod dtype;
pub mod env;
pub mod error;
pub mod htype;
pub mod human;
pub mod ids;
pub mod limits;
pub mod nearest;
pub mod region;
pub mod schema;
pub mod shape;
pub mod subscript;
pub mod tensor_array;
pub mod tensor_builder;
pub mod tensor_type;

pub use dtype::DType;
pub use env::Env;
pub use error::Error;
pub use error::Result;
pub use htype::BoxFormat;
pub use htype::HType;
pub use ids::ColumnId;
pub use ids::DatasetId;
pub use ids::ObjectId;
pub use limits::Limits;
pub use region::Region;
pub use schema::Column;
pub use schema::Compression;
pub use schema::Schema;
pub use shape::MAX_NDIM;
pub use shape::Shape;
pub use subscript::Subscript;
pub use tensor_array::TensorArray;
pub use tensor_builder::TensorBuilder;
pub use tensor_type::Layout;
pub use tensor_type::TensorType;
