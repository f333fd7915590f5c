//! Which of many texts hold a part.

use arrow::array::ByteView;
use arrow::array::StringViewArray;
use arrow::buffer::BooleanBuffer;
use arrow::buffer::MutableBuffer;
use arrow::util::bit_util::set_bit;
use memchr::memmem::Finder;

/// Texts up to this many bytes lie in their views.
const INLINE: u32 = 12;

/// Bytes between two texts that are searched along rather than around.
const GAP: u32 = 64;

/// A bit for each text that holds `part`; what it says of null rows means nothing.
///
/// Texts that lie one after another in a buffer, as those of a page do, are searched as one: a
/// search knows its part and starts slowly, and texts are short.
pub fn holding(texts: &StringViewArray, part: &[u8]) -> BooleanBuffer {
    let views = texts.views();
    if part.is_empty() {
        return BooleanBuffer::new_set(views.len());
    }
    let finder = Finder::new(part);
    let mut bits = MutableBuffer::from_len_zeroed(views.len().div_ceil(8));
    let mut row = 0;
    while let Some(view) = views.get(row) {
        if length(*view) <= INLINE {
            if finder.find(inlined(&view.to_le_bytes())).is_some() {
                set_bit(&mut bits, row);
            }
            row += 1;
            continue;
        }
        let run = Run::at(views, row);
        let buffer = texts.data_buffers().get(wide(run.buffer)).map_or(&[][..], |b| b.as_slice());
        run.search(views, buffer, &finder, |row| set_bit(&mut bits, row));
        // Short texts among the long ones lie elsewhere.
        for (at, view) in (row..run.next).zip(&views[row..run.next]) {
            if length(*view) <= INLINE && finder.find(inlined(&view.to_le_bytes())).is_some() {
                set_bit(&mut bits, at);
            }
        }
        row = run.next;
    }
    BooleanBuffer::new(bits.into(), 0, views.len())
}

/// Texts that lie one after another.
struct Run {
    first: usize,
    /// The row after the last.
    next: usize,
    buffer: u32,
    begin: u32,
    end: u32,
}

impl Run {
    /// The texts from `first` on, which does not lie in its view.
    fn at(views: &[u128], first: usize) -> Run {
        let view = ByteView::from(views[first]);
        let end = view.offset.saturating_add(view.length);
        let mut run =
            Run { first, next: first + 1, buffer: view.buffer_index, begin: view.offset, end };
        for view in &views[run.next..] {
            if length(*view) > INLINE {
                let view = ByteView::from(*view);
                let gap = view.offset.checked_sub(run.end);
                if view.buffer_index != run.buffer || gap.is_none_or(|gap| gap > GAP) {
                    break;
                }
                run.end = view.offset.saturating_add(view.length);
            }
            run.next += 1;
        }
        run
    }

    /// Gives `each` the rows that hold what is looked for.
    fn search(
        &self,
        views: &[u128],
        buffer: &[u8],
        finder: &Finder<'_>,
        mut each: impl FnMut(usize),
    ) {
        let bytes = buffer.get(wide(self.begin)..wide(self.end)).unwrap_or_default();
        let (mut row, mut at) = (self.first, 0);
        while let Some(found) = bytes.get(at..).and_then(|rest| finder.find(rest)) {
            let begin = wide(self.begin) + at + found;
            // The text that the match begins in, or the first behind it.
            let text = loop {
                if row >= self.next {
                    return;
                }
                let view = ByteView::from(views[row]);
                let end = wide(view.offset) + wide(view.length);
                if view.length > INLINE && begin < end {
                    break wide(view.offset)..end;
                }
                row += 1;
            };
            if text.start <= begin && begin + finder.needle().len() <= text.end {
                each(row);
                at = text.end - wide(self.begin);
                row += 1;
            } else {
                at = begin + 1 - wide(self.begin);
            }
        }
    }
}

/// The length of a text, the lowest four bytes of its view.
#[expect(clippy::cast_possible_truncation, reason = "the rest is not the length")]
fn length(view: u128) -> u32 {
    view as u32
}

/// The bytes of a text that lies in its view.
fn inlined(view: &[u8; 16]) -> &[u8] {
    view.get(4..4 + usize::from(view[0])).unwrap_or_default()
}

fn wide(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use arrow::array::Array;

    use super::*;

    fn check(texts: &StringViewArray, part: &str) {
        let found = holding(texts, part.as_bytes());
        for row in 0..texts.len() {
            let expected = texts.value(row).contains(part);
            assert_eq!(found.value(row), expected, "'{part}' in '{}', row {row}", texts.value(row));
        }
    }

    /// Texts of all lengths over two letters, so that parts are found in them and across them.
    fn texts() -> StringViewArray {
        let mut state = 7u64;
        let mut next = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % n
        };
        let texts: Vec<String> = (0..500)
            .map(|_| {
                let length = next(40);
                (0..length).map(|_| if next(3) == 0 { 'b' } else { 'a' }).collect()
            })
            .collect();
        StringViewArray::from_iter_values(texts)
    }

    #[test]
    fn texts_are_searched_each_by_itself() {
        let all = texts();
        let places: Vec<u32> = (0..500).rev().step_by(3).collect();
        let indices = arrow::array::UInt32Array::from(places);
        let some = arrow::compute::take(&all, &indices, None).unwrap();
        let some = arrow::array::AsArray::as_string_view(&some).clone();
        let joined = arrow::compute::concat(&[&all.slice(100, 50), &some, &all]).unwrap();
        let joined = arrow::array::AsArray::as_string_view(&joined).clone();
        for part in ["", "b", "aab", "bbbb", "abababab", "aaaaaaaaaaaaa", "baabaaabaaaabaaa", "c"] {
            for texts in [&all, &all.slice(3, 200), &some, &joined] {
                check(texts, part);
            }
        }
        check(&StringViewArray::from(Vec::<&str>::new()), "a");
    }

    #[test]
    fn a_match_across_two_texts_is_none() {
        let texts = StringViewArray::from_iter_values([
            "a text of some length ze",
            "bra and a long tail of words",
            "zebra at the begin of this",
            "at the end of this a zebra",
            "zebra",
        ]);
        assert_eq!(
            holding(&texts, b"zebra").iter().collect::<Vec<_>>(),
            [false, false, true, true, true]
        );
    }
}
