//! The loop in which most of inflate's time goes, for one or two streams at once: literals, while there is nothing else.
//!
//! Where a stream's next code begins is known when the last one is found: some seven cycles, of which a processor works
//! for two or three. What it does for another stream meanwhile costs little.

use super::bits::Bits;
use super::table::{Entry, LITERAL_BITS};

/// Looks between two loads of input: their codes of eleven bits each are surely held.
const LOOKS: usize = 4;
/// What a turn reads at most, and what it writes at most: three bytes a look, and a fourth of no meaning.
const MOST_IN: usize = 8;
const MOST_OUT: usize = 3 * LOOKS + 1;

/// A stream within a block.
pub(super) struct Lane<'l, 's> {
    pub(super) bits: &'l mut Bits<'s>,
    pub(super) raw: &'l mut [u8],
    /// Bytes of `raw` that are made.
    pub(super) made: &'l mut usize,
    pub(super) first: &'l [Entry; 1 << LITERAL_BITS],
}

/// Whether there is input for a turn, and room for what it makes.
pub(super) fn has_margin(bits: &Bits<'_>, raw: &[u8], made: usize) -> bool {
    bits.at + MOST_IN <= bits.from.len() && made + MOST_OUT <= raw.len()
}

/// Decodes literals of all lanes until one of them has no margin or something else comes in one of them. Returns what each
/// lane's last look found, which is not yet taken if it is no literals.
pub(super) fn turns<const N: usize>(lanes: [Lane<'_, '_>; N]) -> [Entry; N] {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("bmi2") {
        // SAFETY: the processor has BMI2.
        return unsafe { turns_bmi2(lanes) };
    }
    take_turns(lanes)
}

/// With shifts that need no certain register.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi2")]
fn turns_bmi2<const N: usize>(lanes: [Lane<'_, '_>; N]) -> [Entry; N] {
    take_turns(lanes)
}

/// A lane in registers.
#[derive(Clone, Copy)]
struct Cursor<'l> {
    held: u64,
    /// Bits held, in the lowest six bits; the others have no meaning.
    count: u32,
    input: *const u8,
    output: *mut u8,
    /// Where a turn may begin at the latest.
    last_input: *const u8,
    last_output: *mut u8,
    first: &'l [Entry; 1 << LITERAL_BITS],
}

impl<'l> Cursor<'l> {
    /// None if there is no margin.
    #[inline(always)]
    fn of(lane: &mut Lane<'l, '_>) -> Option<Self> {
        let Lane { bits, raw, made, first } = lane;
        let (last_at, last_made) = (bits.from.len().checked_sub(MOST_IN)?, raw.len().checked_sub(MOST_OUT)?);
        let (input, output) = (bits.from.as_ptr(), raw.as_mut_ptr());
        (bits.at <= last_at && **made <= last_made).then(|| Cursor {
            held: bits.held,
            count: bits.count,
            // SAFETY: these are offsets within the two slices, the latter by the condition.
            input: unsafe { input.add(bits.at) },
            output: unsafe { output.add(**made) },
            last_input: unsafe { input.add(last_at) },
            last_output: unsafe { output.add(last_made) },
            first,
        })
    }

    #[inline(always)]
    fn has_margin(&self) -> bool {
        self.input <= self.last_input && self.output <= self.last_output
    }

    /// Holds 56 bits at least.
    ///
    /// # Safety
    /// There is a margin.
    #[inline(always)]
    unsafe fn refill(&mut self) {
        // SAFETY: there are MOST_IN bytes from here on. To move on by seven at most leads to their end at most.
        unsafe {
            self.held |= u64::from_le(self.input.cast::<u64>().read_unaligned()).wrapping_shl(self.count);
            self.input = self.input.add((!self.count >> 3 & 7) as usize);
        }
        self.count |= 56;
    }

    /// # Safety
    /// There was a margin before at most [`LOOKS`] looks, this one included.
    #[inline(always)]
    unsafe fn look(&mut self) -> Entry {
        let found = self.first[self.held as usize & ((1 << LITERAL_BITS) - 1)];
        // SAFETY: there were MOST_OUT bytes, and each look so far has moved on by three at most: a count has two bits.
        unsafe {
            self.output.cast::<[u8; 4]>().write(found.literals());
            self.output = self.output.add(found.count() as usize);
        }
        // Shifts and counts are of six bits; to cut off the others of an entry would take a cycle more.
        self.held = self.held.wrapping_shr(found.all());
        self.count = self.count.wrapping_sub(found.all());
        found
    }

    #[inline(always)]
    fn put_back(&self, lane: &mut Lane<'_, '_>) {
        lane.bits.held = self.held;
        lane.bits.count = self.count & 63;
        lane.bits.at = self.input as usize - lane.bits.from.as_ptr() as usize;
        *lane.made = self.output as usize - lane.raw.as_ptr() as usize;
    }
}

#[inline(always)]
fn take_turns<const N: usize>(mut lanes: [Lane<'_, '_>; N]) -> [Entry; N] {
    let mut found = [Entry::default(); N];
    let cursors = lanes.each_mut().map(Cursor::of);
    if cursors.iter().any(Option::is_none) {
        return found.map(|_| Entry::NOTHING_ELSE);
    }
    let mut cursors = cursors.map(|cursor| cursor.expect("was looked at"));
    loop {
        // SAFETY: all have a margin: at first by `Cursor::of`, then by the condition below.
        unsafe {
            cursors.iter_mut().for_each(|cursor| cursor.refill());
            for _ in 0..LOOKS {
                for (cursor, found) in cursors.iter_mut().zip(&mut found) {
                    *found = cursor.look();
                }
            }
        }
        let literals = found.iter().all(|found| found.count() > 0);
        if !literals || !cursors.iter().all(Cursor::has_margin) {
            break;
        }
    }
    lanes.iter_mut().zip(&cursors).for_each(|(lane, cursor)| cursor.put_back(lane));
    found
}
