//! Rules over logical plans that make a query read less.
//!
//! They run after DataFusion's own, in this order: [`late_projection`] puts dear work above sorts
//! that keep few rows, [`compute_in_scan`] puts what an aggregate or a sort needs of all rows into
//! the scan, [`fetch_late`] reads wide columns when the rows have been chosen.

pub(crate) mod compute_in_scan;
pub(crate) mod fetch_late;
pub(crate) mod keep_order;
pub(crate) mod late_projection;
pub(crate) mod one_stream;
pub(crate) mod origin;
pub(crate) mod strip;

pub(crate) use compute_in_scan::ComputeInScan;
pub(crate) use fetch_late::FetchLate;
pub(crate) use keep_order::KeepOrder;
pub(crate) use late_projection::LateProjection;
pub(crate) use one_stream::OneStream;
