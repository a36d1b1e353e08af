//! The smallest parallel program: four elements, and rank r writes r + 1 into element r.
//!
//! ```text
//! cargo build --release -p h5lab-io --examples
//! mpirun -np 4 target/release/examples/simple
//! h5dump simple.h5
//! ```
//!
//! An argument names another file. In the build without MPI start it without `mpirun`: its ranks are four threads.

use h5lab_io::prelude::*;

const ELEMENTS: u64 = 4;

fn main() -> ExitCode {
    ranks(4, |comm| {
        let path = std::env::args().nth(1).unwrap_or("simple.h5".into());
        let dataset = Dataset {
            name: "test".into(),
            shape: Shape(vec![ELEMENTS]), // one axis
            dtype: Dtype::U32,
            data: None, // no rule that makes the values, ...
            from: None, // ... nor another file: we do
        };

        // All ranks open the file together. Then each writes where it wants, without asking the others.
        let rank = comm.rank() as u64;
        create(comm, &path, &dataset, &Layout::Contiguous, |file| {
            if rank < ELEMENTS {
                let mine = Region::new(vec![rank], vec![1]); // start, count: h5py's [rank:rank+1]
                file.write(&mine, &[rank as u32 + 1])?;
            }
            Ok(())
        })?;

        // Every rank is here only when the file is closed on all of them: now all may read all of it.
        let whole: Vec<u32> = open(comm, &path, |file| file.read(&Region::whole(&[ELEMENTS])))?;
        if rank == 0 {
            println!("{} ranks wrote {whole:?} to {path}", comm.size());
        }
        Ok(())
    })
}
