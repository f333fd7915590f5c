//! The kinds of request, for counting and for making them fail.

/// One kind of request to a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`crate::Store::get`].
    Get,
    /// One request for a range, alone or merged from several.
    GetRange,
    /// [`crate::Store::size`].
    Size,
    /// [`crate::Store::create`].
    Create,
    /// [`crate::Store::put`].
    Put,
    /// [`crate::ObjectWriter::write`]: bytes on their way, no object yet.
    Write,
    /// [`crate::ObjectWriter::finish`]: one streamed object.
    Finish,
    /// [`crate::Store::delete`].
    Delete,
    /// [`crate::Store::list`].
    List,
}

impl Operation {
    /// Everything that reads.
    pub const READS: &[Operation] =
        &[Operation::Get, Operation::GetRange, Operation::Size, Operation::List];

    /// Everything that makes or removes an object: a process that dies can die at any of them.
    pub const WRITES: &[Operation] =
        &[Operation::Create, Operation::Put, Operation::Finish, Operation::Delete];
}
