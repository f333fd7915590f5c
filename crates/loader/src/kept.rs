//! Rows that stay in memory from epoch to epoch: a small view is read once.

use std::sync::Arc;

use crate::builder::PlannedColumn;
use crate::error::Result;
use crate::group::Group;
use crate::pool::Pool;
use crate::source::Source;

/// All rows that a loader has.
pub(crate) struct Kept {
    pub group: Arc<Group>,
    /// Where each row of the base order is in the group.
    places: Vec<u32>,
}

impl Kept {
    /// Where rows of the base order are in the group.
    pub fn find<'a>(
        &'a self,
        rows: impl Iterator<Item = &'a u64> + 'a,
    ) -> impl Iterator<Item = Option<usize>> + 'a {
        rows.map(|row| {
            let place = usize::try_from(*row).ok().and_then(|row| self.places.get(row));
            place.and_then(|place| usize::try_from(*place).ok())
        })
    }
}

/// What an epoch that reads all rows has read so far.
pub(crate) struct Keeping {
    groups: Vec<Arc<Group>>,
    /// The positions of all groups, end to end.
    positions: Vec<u64>,
    bytes: usize,
    /// Bytes that may stay.
    most: usize,
}

impl Keeping {
    /// Of nothing yet.
    pub fn new(most: usize) -> Keeping {
        Keeping { groups: Vec::new(), positions: Vec::new(), bytes: 0, most }
    }

    /// With another group of rows at these positions; `None` if all that were read take too much.
    pub fn with(mut self, group: &Arc<Group>, positions: &[u64]) -> Option<Keeping> {
        self.positions.extend_from_slice(positions);
        let of_places = positions.len().saturating_mul(size_of::<u32>());
        self.bytes = self.bytes.saturating_add(group.memory()).saturating_add(of_places);
        self.groups.push(Arc::clone(group));
        let fits = self.bytes <= self.most && u32::try_from(self.positions.len()).is_ok();
        fits.then_some(self)
    }

    /// The rows in one group; `None` if there are rows that were not read, or too many for it.
    ///
    /// # Errors
    /// Columns that do not fit into one array.
    pub fn finish(
        self,
        source: &Source,
        columns: &[PlannedColumn],
        pool: &Arc<Pool>,
    ) -> Result<Option<Kept>> {
        let Some(places) = places(source, &self.positions) else { return Ok(None) };
        let groups: Vec<&Group> = self.groups.iter().map(|group| &**group).collect();
        let group = Group::merged(&groups, columns, pool)?.map(Arc::new);
        Ok(group.map(|group| Kept { group, places }))
    }
}

/// Where each row of the base order is among positions that were read.
fn places(source: &Source, positions: &[u64]) -> Option<Vec<u32>> {
    let mut known: Vec<(u64, u32)> = positions.iter().copied().zip(0..).collect();
    known.sort_unstable();
    let place = |row| {
        let position = source.position(row);
        // Rows of the version itself are at their own positions.
        let guess = usize::try_from(position).ok().and_then(|at| known.get(at));
        if let Some((_, place)) = guess.filter(|(known, _)| *known == position) {
            return Some(*place);
        }
        let at = known.partition_point(|(known, _)| *known < position);
        known.get(at).filter(|(known, _)| *known == position).map(|(_, place)| *place)
    };
    (0..source.rows).map(place).collect()
}
