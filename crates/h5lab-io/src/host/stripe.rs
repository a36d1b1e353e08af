//! Reads how Lustre cuts new files of a folder into stripes: the extended attribute `lustre.lov`.
//!
//! Its structures are `lov_user_md_v1`, `_v3` and `lov_comp_md_v1` of Lustre's
//! [lustre_user.h](https://git.whamcloud.com/?p=fs/lustre-release.git;a=blob;f=lustre/include/uapi/linux/lustre/lustre_user.h),
//! in the byte order of this machine. `lfs getstripe` shows the same.

use h5lab_core::host::Stripe;
use std::path::Path;

/// The attribute's name.
const ATTRIBUTE: &str = "lustre.lov";

/// `LOV_USER_MAGIC_V1`, `_V3`, `_SPECIFIC`: one layout for the whole file.
const PLAIN: [u32; 3] = [0x0BD1_0BD0, 0x0BD3_0BD0, 0x0BD5_0BD0];
/// `LOV_USER_MAGIC_COMP_V1`: a layout for each part of the file (progressive file layout).
const COMPOSITE: u32 = 0x0BD6_0BD0;

/// `LOV_ALL_STRIPES`: over all targets there are.
const ALL: u16 = 0xffff;

/// Bytes of `lov_comp_md_v1` and of one of its entries; where an entry has the offset of its layout.
const COMPOSITE_HEAD: usize = 32;
const ENTRY: usize = 48;
const ENTRY_OFFSET: usize = 24;

/// The stripes of a Lustre file, or those that new files of a folder get; `None` where Lustre does not say.
pub(super) fn of_lustre(path: &Path) -> Option<Stripe> {
    let mut value = vec![0; 64 << 10];
    let size = rustix::fs::getxattr(path, ATTRIBUTE, &mut value).ok()?;
    parse(value.get(..size)?)
}

fn parse(value: &[u8]) -> Option<Stripe> {
    match u32_at(value, 0)? {
        magic if PLAIN.contains(&magic) => plain(value),
        COMPOSITE => largest_part(value),
        _ => None,
    }
}

/// `lmm_stripe_size` and `lmm_stripe_count`; 0 stands for the file system's default, which the attribute does not tell.
fn plain(layout: &[u8]) -> Option<Stripe> {
    let (bytes, count) = (u64::from(u32_at(layout, 24)?), u16_at(layout, 28)?);
    let count = if count == ALL { None } else { Some(u64::from(count.max(1))) };
    (bytes > 0).then_some(Stripe { bytes, count })
}

/// Of a composite layout the last part that has stripes: the one that large files lie in.
fn largest_part(value: &[u8]) -> Option<Stripe> {
    let entries = usize::from(u16_at(value, 14)?);
    let part = |entry: usize| {
        let offset = u32_at(value, COMPOSITE_HEAD + entry * ENTRY + ENTRY_OFFSET)?;
        let layout = value.get(offset as usize..)?;
        PLAIN.contains(&u32_at(layout, 0)?).then(|| plain(layout)).flatten()
    };
    (0..entries).rev().find_map(part)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(magic: u32, size: u32, count: u16) -> Vec<u8> {
        let mut bytes = [magic.to_ne_bytes(), 1u32.to_ne_bytes()].concat();
        bytes.extend([0; 16]);
        bytes.extend(size.to_ne_bytes());
        bytes.extend(count.to_ne_bytes());
        bytes.extend([0; 18]); // the first target, and the name of a pool
        bytes
    }

    fn composite(parts: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = COMPOSITE.to_ne_bytes().to_vec();
        bytes.extend([0; 10]);
        bytes.extend((parts.len() as u16).to_ne_bytes());
        bytes.resize(COMPOSITE_HEAD, 0);
        let mut offset = COMPOSITE_HEAD + parts.len() * ENTRY;
        for part in parts {
            let mut entry = vec![0; ENTRY];
            entry[ENTRY_OFFSET..ENTRY_OFFSET + 4].copy_from_slice(&(offset as u32).to_ne_bytes());
            bytes.extend(entry);
            offset += part.len();
        }
        parts.iter().for_each(|part| bytes.extend(part));
        bytes
    }

    #[test]
    fn one_layout_for_the_whole_file() {
        for magic in PLAIN {
            assert_eq!(parse(&layout(magic, 1 << 20, 4)), Some(Stripe { bytes: 1 << 20, count: Some(4) }));
        }
        assert_eq!(parse(&layout(PLAIN[0], 4 << 20, ALL)), Some(Stripe { bytes: 4 << 20, count: None }));
        assert_eq!(parse(&layout(PLAIN[0], 0, 0)), None, "the default, which it does not tell");
    }

    #[test]
    fn of_a_composite_layout_the_part_of_large_files_counts() {
        let parts = [layout(PLAIN[0], 1 << 20, 1), layout(PLAIN[1], 4 << 20, 8), layout(PLAIN[1], 64 << 20, ALL)];
        assert_eq!(parse(&composite(&parts)), Some(Stripe { bytes: 64 << 20, count: None }));
        assert_eq!(parse(&composite(&parts[..2])), Some(Stripe { bytes: 4 << 20, count: Some(8) }));
    }

    #[test]
    fn what_is_cut_short_or_unknown_says_nothing() {
        let whole = composite(&[layout(PLAIN[0], 1 << 20, 1)]);
        assert!((0..COMPOSITE_HEAD + ENTRY + 30).all(|cut| parse(&whole[..cut]).is_none()));
        assert_eq!(parse(&layout(PLAIN[0], 1 << 20, 4)[..28]), None);
        assert_eq!(parse(&layout(0x0BD7_0BD0, 1 << 20, 4)), None);
        assert_eq!(of_lustre(Path::new(".")), None, "this is no Lustre");
    }
}
