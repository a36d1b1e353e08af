//! Reads one dataset in parallel, and shows the two views of it: the process view and the global view.
//!
//! ```text
//! cargo build --release -p h5lab-io --examples
//! mpirun -np 4 target/release/examples/write
//! mpirun -np 2 target/release/examples/read     # any number of ranks
//! ```
//!
//! An argument names another file. In the build without MPI start it without `mpirun`: its ranks are four threads.

use h5lab_io::prelude::*;

fn main() -> ExitCode {
    ranks(4, |comm| {
        let path = std::env::args().nth(1).unwrap_or("test.h5".into());

        let (shape, own, global, right) = open(comm, &path, |file| {
            let shape = file.dataset().shape.0.clone();

            // The process view: this rank's block of rows, copied into its memory.
            let mine = rows_of(&shape, comm);
            let own: Vec<f32> = file.read(&mine)?;

            // The global view: every rank sees the whole dataset, and each look at it is a read from the file.
            let corner = Region::new(vec![0; shape.len()], vec![1; shape.len()]);
            let global: Vec<f32> = file.read(&corner)?;

            // A file of h5lab's says by which rule its values were made; others have nothing to verify against.
            let right = file.verify(&mine, &own)?;
            Ok((mine.count, own, global, right))
        })?;

        // The file is closed. `own` is memory, and still here. `file` is gone: a line that reads from it here does
        // not compile. (In Python it compiles, and raises when it runs: the dataset is a closed handle.)
        let first = own.first().map_or("(no element)".into(), f32::to_string);
        let rank = comm.rank();
        print_in_order(
            comm,
            &format!(" iproc = {rank}, shape = {shape:?}, own[0,0] = {first}, dataset[0,0] = {}", global[0]),
        )?;

        let all = all_gather(comm, &right)?;
        let verdict = if all.contains(&Some(false)) { "NO" } else { right.map_or("no rule", |_| "yes") };
        if rank == 0 {
            println!("verified: {verdict}");
        }
        Ok(())
    })
}
