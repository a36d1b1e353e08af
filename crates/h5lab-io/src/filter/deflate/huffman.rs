//! Huffman codes as deflate wants them: canonical, and no longer than a limit (RFC 1951, section 3.2.2).

/// A symbol's code, its bits in the order in which they are sent, and how many there are (0: the symbol has none).
#[derive(Clone, Copy, Default, Debug, PartialEq)]
pub(super) struct Code {
    pub(super) bits: u16,
    pub(super) length: u8,
}

/// The codes of symbols that occur `counts` times, none longer than `limit` bits. Of fewer than two symbols that occur,
/// each has one bit.
pub(super) fn codes<const N: usize>(counts: &[u32; N], limit: u8) -> [Code; N] {
    canonical(&lengths(counts, limit))
}

/// Lengths of the codes: Huffman's, shortened to `limit` where they are longer.
fn lengths<const N: usize>(counts: &[u32; N], limit: u8) -> [u8; N] {
    let mut used: Vec<(u32, u16)> =
        (0u16..).zip(counts).filter(|(_, n)| **n > 0).map(|(symbol, n)| (*n, symbol)).collect();
    used.sort_unstable();
    let mut lengths = [0; N];
    let mut of_length = shortened(&depths(&used), limit);
    // The rarest symbols have the longest codes.
    let mut length = usize::from(limit);
    for (_, symbol) in &used {
        while of_length[length] == 0 {
            length -= 1;
        }
        of_length[length] -= 1;
        lengths[usize::from(*symbol)] = length as u8;
    }
    lengths
}

/// How deep each symbol lies in Huffman's tree, for symbols from the rarest up. Nodes are made in order of their weights,
/// so that the two lightest are always at the head of either the symbols or the nodes.
fn depths(used: &[(u32, u16)]) -> Vec<usize> {
    let leaves = used.len();
    if leaves < 2 {
        return vec![1; leaves];
    }
    let mut weights: Vec<u64> = used.iter().map(|(n, _)| u64::from(*n)).collect();
    let mut parents = vec![0; 2 * leaves - 1];
    let (mut leaf, mut node) = (0, leaves);
    for made in leaves..2 * leaves - 1 {
        let mut weight = 0;
        for _ in 0..2 {
            let leaf_is_lighter = leaf < leaves && (node >= made || weights[leaf] <= weights[node]);
            let lightest = if leaf_is_lighter { &mut leaf } else { &mut node };
            weight += weights[*lightest];
            parents[*lightest] = made;
            *lightest += 1;
        }
        weights.push(weight);
    }
    let mut depths = vec![0; 2 * leaves - 1];
    for at in (0..2 * leaves - 2).rev() {
        depths[at] = depths[parents[at]] + 1;
    }
    depths.truncate(leaves);
    depths
}

/// How many codes have each length, once none is longer than `limit`. What is cut short takes room (2 to the power of
/// `limit` codes of full length are all there is) that one shorter code at a time gives up by growing.
fn shortened(depths: &[usize], limit: u8) -> Vec<u32> {
    let limit = usize::from(limit);
    let mut of_length = vec![0; limit + 1];
    for depth in depths {
        of_length[(*depth).min(limit)] += 1;
    }
    let taken =
        |of_length: &[u32]| (1..=limit).map(|length| u64::from(of_length[length]) << (limit - length)).sum::<u64>();
    while taken(&of_length) > 1 << limit {
        let grows = (1..limit).rev().find(|length| of_length[*length] > 0).expect("fewer symbols than codes");
        of_length[limit] -= 1;
        of_length[grows] -= 1;
        of_length[grows + 1] += 2;
    }
    of_length
}

/// The codes that follow from their lengths.
fn canonical<const N: usize>(lengths: &[u8; N]) -> [Code; N] {
    let mut next = [0u16; 17];
    for length in lengths.iter().filter(|length| **length > 0) {
        next[usize::from(*length) + 1] += 1;
    }
    for length in 1..17 {
        next[length] = (next[length] + next[length - 1]) << 1;
    }
    lengths.map(|length| {
        if length == 0 {
            return Code::default();
        }
        let code = next[usize::from(length)];
        next[usize::from(length)] += 1;
        Code { bits: code.reverse_bits() >> (16 - length), length }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_of_the_specification() {
        // RFC 1951, 3.2.2: lengths 3, 3, 3, 3, 3, 2, 4, 4 make 010, 011, 100, 101, 110, 00, 1110, 1111.
        let codes = canonical(&[3, 3, 3, 3, 3, 2, 4, 4]).map(|code| code.bits.reverse_bits() >> (16 - code.length));
        assert_eq!(codes, [0b010, 0b011, 0b100, 0b101, 0b110, 0b00, 0b1110, 0b1111]);
    }

    proptest! {
        #[test]
        fn codes_fill_their_room_and_frequent_symbols_have_the_shorter_ones(
            counts in prop::array::uniform32(prop_oneof![Just(0u32), 1..4u32, 1..1_000_000u32]),
            limit in 5..=15u8,
        ) {
            let lengths = lengths(&counts, limit);
            let used = counts.iter().filter(|n| **n > 0).count();
            let room: u32 = lengths.iter().filter(|length| **length > 0).map(|length| 1 << (15 - length)).sum();
            prop_assert_eq!(room, match used { 0 => 0, 1 => 1 << 14, _ => 1 << 15 });
            for (a, n) in counts.iter().enumerate() {
                prop_assert_eq!(*n == 0, lengths[a] == 0);
                prop_assert!(lengths[a] <= limit);
                for (b, m) in counts.iter().enumerate() {
                    prop_assert!(*m == 0 || n <= m || lengths[a] <= lengths[b]);
                }
            }
        }
    }
}
