//! In which pieces a dataset is written or read, named as the field names them.

use crate::region::{Region, block};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An access pattern: which regions are asked for, one request after the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Access {
    /// Each rank asks for its contiguous block of rows (axis 0) at once.
    Rows,
    /// `[i, :, :]` for every i: whole images, one by one.
    Projection,
    /// `[i, y0:y0+ny, x0:x0+nx]` for every i: the same tile of every image. Needs 3 axes.
    Roi {
        /// First row and first column of the tile.
        offset: [u64; 2],
        /// Rows and columns of the tile.
        size: [u64; 2],
    },
}

impl Access {
    /// The requests of one rank, in order: axis 0 is shared out in contiguous [`block`]s.
    pub fn requests<'a>(
        &'a self,
        shape: &'a [u64],
        rank: usize,
        ranks: usize,
    ) -> Box<dyn Iterator<Item = Region> + 'a> {
        let whole = Region::whole(shape);
        if shape.is_empty() {
            return Box::new((rank == 0).then_some(whole).into_iter());
        }
        let (from, to) = block(shape[0], rank, ranks);
        match self {
            Access::Rows => Box::new((from < to).then(|| whole.slab(0, from, to)).into_iter()),
            Access::Projection => Box::new((from..to).map(move |i| whole.slab(0, i, i + 1))),
            Access::Roi { offset, size } => {
                Box::new((from..to).map(move |i| Region::new(vec![i, offset[0], offset[1]], vec![1, size[0], size[1]])))
            }
        }
    }

    /// True if the access can be made on a dataset of this shape.
    pub fn fits(&self, shape: &[u64]) -> bool {
        match self {
            Access::Rows | Access::Projection => true,
            Access::Roi { offset, size } => {
                shape.len() == 3 && (0..2).all(|d| offset[d] + size[d] <= shape[d + 1] && size[d] > 0)
            }
        }
    }
}

/// `rows`, `projection`, `roi [i,0:200,0:200]`.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Access::Rows => f.pad("rows"),
            Access::Projection => f.pad("projection"),
            Access::Roi { offset: [y, x], size: [ny, nx] } => f.pad(&format!("roi [i,{y}:{},{x}:{}]", y + ny, x + nx)),
        }
    }
}
