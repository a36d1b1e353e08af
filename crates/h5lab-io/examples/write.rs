//! Writes one dataset in parallel: each rank makes and writes its own block of rows.
//!
//! ```text
//! cargo build --release -p h5lab-io --examples
//! mpirun -np 4 target/release/examples/write
//! h5lab read test.h5        # verifies every value
//! ```
//!
//! An argument names another file. In the build without MPI start it without `mpirun`: its ranks are four threads.

use h5lab_io::prelude::*;
use std::time::Instant;

fn main() -> ExitCode {
    ranks(4, |comm| {
        let path = std::env::args().nth(1).unwrap_or("test.h5".into());
        let (rank, np) = (comm.rank(), comm.size());

        // The rule that makes every value: uniform noise from a seed, plus 1000 * (rank + 1). The rule is kept in the
        // file, as attributes of the dataset, so that any later read can verify the values.
        let rule = Data { kind: DataKind::Uniform, seed: 1, stamp_ranks: Some(np) };
        let shape = Shape(vec![128, 100_000]);
        let dataset =
            Dataset { name: "test".into(), shape: shape.clone(), dtype: Dtype::F32, data: Some(rule), from: None };

        // Rank r of p has the rows from r*n/p up to (r+1)*n/p: a hyperslab. Each rank makes only these.
        let mine = rows_of(&shape.0, comm);
        let mut data = vec![0f32; mine.elements() as usize];
        rule.fill(&shape.0, Dtype::F32, &mine, bytemuck::cast_slice_mut(&mut data));

        // One file, opened by all ranks together. Each transfers for itself; the barrier makes them begin together.
        let seconds = create(comm, &path, &dataset, &Layout::Contiguous, |file| {
            comm.barrier()?;
            let begun = Instant::now();
            file.write(&mine, &data)?;
            Ok(begun.elapsed().as_secs_f64())
        })?;

        // What is first in each rank's part shows who wrote it; there is none if there are more ranks than rows.
        let first = data.first().map_or("(no element)".into(), f32::to_string);
        print_in_order(comm, &format!(" iproc = {rank}, shape = {:?}, data[0,0] = {first}", mine.count))?;

        // The write took as long as its slowest rank.
        let slowest = all_gather(comm, &seconds)?.into_iter().fold(0.0, f64::max);
        if rank == 0 {
            println!("{np} ranks wrote {path} in {slowest:.4} s");
        }
        Ok(())
    })
}
