//! The fragments that two versions may differ in: nothing below a node that both have is read.

use std::collections::HashSet;

use lakebed_core::ObjectId;
use lakebed_format::tree::FAN_OUT;

use crate::dataset::Dataset;
use crate::error::Result;
use crate::read::Below;
use crate::read::Fragment;
use crate::read::TreePart;

/// The fragments of one version and of another, but for those below nodes that both have.
///
/// # Errors
/// Damage, or an error of the store.
pub(crate) async fn unshared(
    one: &Dataset,
    other: &Dataset,
) -> Result<(Vec<Fragment>, Vec<Fragment>)> {
    let (mut left, mut right) = (one.roots()?, other.roots()?);
    loop {
        let (known, others) = (nodes(&left), nodes(&right));
        let is_shared = |object: &ObjectId| known.contains(object) && others.contains(object);
        for parts in [&mut left, &mut right] {
            parts.retain(|part| match &part.below {
                Below::Node(pointer) => !is_shared(&pointer.object),
                Below::Fragment(_) => true,
            });
        }
        // The highest first: a node that stands alone in one version may lie below another node in
        // the other one.
        let height = left.iter().chain(&right).filter_map(height).max();
        let Some(height) = height else { break };
        let highest = |fragments: u64| levels(fragments) == height;
        left = one.opened(left, &|pointer| highest(pointer.totals.fragments)).await?;
        right = other.opened(right, &|pointer| highest(pointer.totals.fragments)).await?;
    }
    let fragments = |parts: Vec<TreePart>| parts.into_iter().filter_map(TreePart::fragment);
    Ok((fragments(left).collect(), fragments(right).collect()))
}

fn nodes(parts: &[TreePart]) -> HashSet<ObjectId> {
    let object = |part: &TreePart| match &part.below {
        Below::Node(pointer) => Some(pointer.object),
        Below::Fragment(_) => None,
    };
    parts.iter().filter_map(object).collect()
}

fn height(part: &TreePart) -> Option<u32> {
    match &part.below {
        Below::Node(pointer) => Some(levels(pointer.totals.fragments)),
        Below::Fragment(_) => None,
    }
}

/// How many levels of nodes so many fragments need at least.
fn levels(fragments: u64) -> u32 {
    fragments.saturating_sub(1).max(1).ilog(FAN_OUT as u64)
}
