//! What running a plan has cost.

use std::ops::Add;
use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;

/// What the scans and fetches of a plan have read: see [`Cost::of`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Requests to the store.
    pub requests: u64,
    /// Bytes that came.
    pub bytes: u64,
    /// Images and other encoded samples that were decoded.
    pub samples_decoded: u64,
}

impl Cost {
    /// What a plan has cost until now; all of it once its last stream has ended. What planning read
    /// (manifests, statistics) is not in it.
    pub fn of(plan: &Arc<dyn ExecutionPlan>) -> Cost {
        let metrics = plan.metrics();
        let sum = |name: &str| {
            let value = metrics.as_ref().and_then(|metrics| metrics.sum_by_name(name));
            value.map_or(0, |value| u64::try_from(value.as_usize()).unwrap_or(u64::MAX))
        };
        let own = Cost {
            requests: sum("requests"),
            bytes: sum("bytes"),
            samples_decoded: sum("samples_decoded"),
        };
        plan.children().into_iter().fold(own, |cost, child| cost + Cost::of(child))
    }
}

impl Add for Cost {
    type Output = Cost;

    fn add(self, other: Cost) -> Cost {
        Cost {
            requests: self.requests.saturating_add(other.requests),
            bytes: self.bytes.saturating_add(other.bytes),
            samples_decoded: self.samples_decoded.saturating_add(other.samples_decoded),
        }
    }
}
