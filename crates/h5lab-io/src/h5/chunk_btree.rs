//! Reads a dataset's chunk index from the file itself, without HDF5: the version 1 B-tree, which every library writes unless
//! it is asked for newer formats.
//!
//! HDF5 File Format Specification 3.0: IV.A.1 (object headers), IV.A.2.i (the layout message), III.A.1 (B-trees).

use std::collections::HashSet;
use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// How a file counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Where addresses count from: the bytes of the user block.
    pub(super) base: u64,
    /// Bytes of an address.
    pub(super) offset_size: usize,
    /// Bytes of a length.
    pub(super) length_size: usize,
}

/// What is done with a chunk: coordinates of its first element, filter mask, address in the file, stored bytes.
type Visit<'a> = &'a mut dyn FnMut(&[u64], u32, u64, u64);

/// Visits all chunks of the dataset whose object header is at `header`. False, and none was visited, if its index is of
/// another kind.
///
/// # Errors
/// The file system's; `InvalidData` if the file is damaged.
pub(super) fn walk(path: &Path, place: Place, header: u64, axes: usize, visit: Visit<'_>) -> Result<bool> {
    let file = File::open(path)?;
    let end = file.metadata()?.len();
    let mut walk = Walk { file, end, place, axes, visit, met: HashSet::new() };
    match walk.tree_of(header)? {
        None => Ok(false),
        Some(None) => Ok(true),
        Some(Some(root)) => walk.node(root, None).map(|()| true),
    }
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("the file is damaged: {what}"))
}

struct Walk<'a> {
    file: File,
    end: u64,
    place: Place,
    axes: usize,
    visit: Visit<'a>,
    /// Blocks that were read: none leads back to one of them.
    met: HashSet<u64>,
}

/// Bytes that are taken from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(|| damaged("a block ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// A little-endian number of up to 8 bytes.
    fn number(&mut self, bytes: usize) -> Result<u64> {
        let mut all = [0u8; 8];
        let taken = self.take(bytes)?;
        all.get_mut(..bytes).ok_or_else(|| damaged("a number of more than 8 bytes"))?.copy_from_slice(taken);
        Ok(u64::from_le_bytes(all))
    }

    /// An address; `None` if it is the undefined one.
    fn address(&mut self, bytes: usize) -> Result<Option<u64>> {
        let number = self.number(bytes)?;
        let undefined = if bytes >= 8 { u64::MAX } else { (1 << (8 * bytes)) - 1 };
        Ok((number != undefined).then_some(number))
    }
}

/// Where the layout message says that the index is: `None` if it is no version 1 B-tree, `Some(None)` if there is none yet.
type Tree = Option<Option<u64>>;

/// Message types.
const LAYOUT: u64 = 0x08;
const CONTINUATION: u64 = 0x10;

impl Walk<'_> {
    fn read(&self, address: u64, bytes: usize) -> Result<Vec<u8>> {
        let from = self
            .place
            .base
            .checked_add(address)
            .filter(|from| from.checked_add(bytes as u64).is_some_and(|to| to <= self.end));
        let mut block = vec![0; bytes];
        self.file.read_exact_at(&mut block, from.ok_or_else(|| damaged("a block lies behind the file's end"))?)?;
        Ok(block)
    }

    /// Looks for the layout message in an object header.
    fn tree_of(&mut self, header: u64) -> Result<Tree> {
        let start = self.read(header, 16)?;
        let (version, mut left) =
            if start.starts_with(b"OHDR") { self.header_2(header)? } else { self.header_1(header)? };
        while let Some((address, bytes)) = left.pop() {
            if !self.met.insert(address) {
                return Err(damaged("an object header leads back into itself"));
            }
            let block = self.read(address, bytes)?;
            let found = self.messages(&block, version, &mut left)?;
            if let Some(tree) = found {
                return Ok(tree);
            }
        }
        Err(damaged("an object header without a layout"))
    }

    /// A version 1 object header's first block of messages.
    fn header_1(&self, header: u64) -> Result<(HeaderVersion, Vec<(u64, usize)>)> {
        let block = self.read(header, 16)?;
        let mut bytes = Bytes(&block);
        if bytes.number(1)? != 1 {
            return Err(damaged("no object header where there should be one"));
        }
        bytes.take(7)?;
        let size = bytes.number(4)? as usize;
        Ok((HeaderVersion::One, vec![(header + 16, size)]))
    }

    /// A version 2 object header's.
    fn header_2(&self, header: u64) -> Result<(HeaderVersion, Vec<(u64, usize)>)> {
        /// Signature, version, flags, four times, attribute limits, and the size of the first block at most.
        const MOST: u64 = 4 + 1 + 1 + 16 + 4 + 8;
        let there = MOST.min(self.end.saturating_sub(self.place.base + header));
        let block = self.read(header, there as usize)?;
        let mut bytes = Bytes(&block[5..]);
        let flags = bytes.number(1)?;
        let skip = if flags & 0x20 != 0 { 16 } else { 0 } + if flags & 0x10 != 0 { 4 } else { 0 };
        bytes.take(skip)?;
        let width = 1usize << (flags & 3);
        let size = bytes.number(width)? as usize;
        let ordered = flags & 0x04 != 0;
        Ok((HeaderVersion::Two { ordered }, vec![(header + 6 + skip as u64 + width as u64, size)]))
    }

    /// Goes through a block of messages; other blocks that it names are put to those that are `left`.
    fn messages(&self, block: &[u8], version: HeaderVersion, left: &mut Vec<(u64, usize)>) -> Result<Option<Tree>> {
        let mut bytes = Bytes(block);
        while bytes.0.len() >= version.head() {
            let (kind, size) = match version {
                HeaderVersion::One => (bytes.number(2)?, bytes.number(2)?),
                HeaderVersion::Two { .. } => (bytes.number(1)?, bytes.number(2)?),
            };
            bytes.take(version.head() - version.kind_and_size())?;
            let mut body = Bytes(bytes.take(size as usize)?);
            match kind {
                LAYOUT => return self.layout(&mut body).map(Some),
                CONTINUATION => {
                    let address = body.address(self.place.offset_size)?.ok_or_else(|| damaged("no continuation"))?;
                    let length = body.number(self.place.length_size)?;
                    left.push(version.continued(address, length)?);
                }
                _ => {}
            }
        }
        Ok(None)
    }

    fn layout(&self, body: &mut Bytes<'_>) -> Result<Tree> {
        const CHUNKED: u64 = 2;
        let (version, axes, class) = match body.number(1)? {
            version @ (1 | 2) => {
                let (axes, class) = (body.number(1)?, body.number(1)?);
                body.take(5)?;
                (version, axes, class)
            }
            3 => {
                let class = body.number(1)?;
                // Axes are there for chunks alone.
                (3, if class == CHUNKED { body.number(1)? } else { 0 }, class)
            }
            _ => return Ok(None),
        };
        if class != CHUNKED {
            return Err(damaged("the layout is not the one that HDF5 tells"));
        }
        // Versions 1 and 2 count the axes of the dataset, and of the element, as version 3 does.
        if axes != self.axes as u64 + 1 {
            return Err(damaged(&format!("version {version} of a layout with {axes} axes")));
        }
        body.address(self.place.offset_size).map(Some)
    }

    /// A node and all below it; nodes of one level lie in one level of the tree.
    fn node(&mut self, address: u64, expected: Option<u64>) -> Result<()> {
        if !self.met.insert(address) {
            return Err(damaged("the chunk index leads back into itself"));
        }
        let head = self.read(address, 8 + 2 * self.place.offset_size)?;
        let mut bytes = Bytes(&head);
        const CHUNKS: u64 = 1;
        if bytes.take(4)? != b"TREE" || bytes.number(1)? != CHUNKS {
            return Err(damaged("no chunk index where there should be one"));
        }
        let (level, entries) = (bytes.number(1)?, bytes.number(2)? as usize);
        if expected.is_some_and(|expected| level != expected) {
            return Err(damaged("the chunk index is uneven"));
        }
        let body = self.read(address + head.len() as u64, entries * (self.key_size() + self.place.offset_size))?;
        let mut bytes = Bytes(&body);
        let mut offset = vec![0; self.axes];
        for _ in 0..entries {
            let (stored, mask) = (bytes.number(4)?, bytes.number(4)? as u32);
            for at in &mut offset {
                *at = bytes.number(8)?;
            }
            // The element's own axis.
            bytes.take(8)?;
            let child = bytes.address(self.place.offset_size)?;
            match child.ok_or_else(|| damaged("a chunk without an address"))? {
                child if level == 0 => (self.visit)(&offset, mask, self.place.base + child, stored),
                child => self.node(child, Some(level - 1))?,
            }
        }
        Ok(())
    }

    /// Stored bytes, filter mask, and 8 bytes for each axis and the element.
    fn key_size(&self) -> usize {
        4 + 4 + 8 * (self.axes + 1)
    }
}

#[derive(Clone, Copy, Debug)]
enum HeaderVersion {
    One,
    Two {
        /// Whether messages tell the order in which they were made.
        ordered: bool,
    },
}

impl HeaderVersion {
    /// Bytes before a message's body.
    fn head(self) -> usize {
        match self {
            HeaderVersion::One => 8,
            HeaderVersion::Two { ordered } => 4 + if ordered { 2 } else { 0 },
        }
    }

    fn kind_and_size(self) -> usize {
        match self {
            HeaderVersion::One => 4,
            HeaderVersion::Two { .. } => 3,
        }
    }

    /// The messages of a continuation block: those of version 2 stand between a signature and a checksum.
    fn continued(self, address: u64, bytes: u64) -> Result<(u64, usize)> {
        match self {
            HeaderVersion::One => Ok((address, bytes as usize)),
            HeaderVersion::Two { .. } => match bytes.checked_sub(8) {
                Some(bytes) => Ok((address + 4, bytes as usize)),
                None => Err(damaged("a continuation block that holds nothing")),
            },
        }
    }
}
