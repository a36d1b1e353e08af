//! Ranks as MPI processes.

use super::{AGREE_DEADLINE, Comm, open_mpi, refused};
use crate::h5::subfiling;
use h5lab_core::failure::{Failure, FailureKind, Result};
use mpi::Threading;
use mpi::environment::Universe;
use mpi::ffi;
use mpi::raw::AsRaw;
use mpi::topology::SimpleCommunicator;
use mpi::traits::*;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use open_mpi::mpi_io_component;

/// True if this build has MPI.
pub const AVAILABLE: bool = true;

/// Whether MPI was started in this process.
static STARTED: AtomicBool = AtomicBool::new(false);

/// True if this process is, or was, one of a world's ranks.
pub fn was_started() -> bool {
    STARTED.load(Ordering::Relaxed)
}

/// MPI's own handle of a communicator, as HDF5's MPI-IO driver takes it.
pub type RawComm = ffi::MPI_Comm;

/// All ranks that were started together. MPI is finalized when it is dropped.
pub struct World {
    ranks: Ranks,
    _universe: Universe,
}

/// Two communicators over the same ranks.
///
/// What ranks tell each other must not meet what HDF5 and MPI-IO send: a rank that failed votes while the others are
/// still within a collective call of HDF5, and on one communicator MPI would match the two.
struct Ranks {
    /// For this module's own messages.
    control: SimpleCommunicator,
    /// For HDF5.
    world: SimpleCommunicator,
    /// On rank 0: bytes of one other rank.
    other: RefCell<Vec<u8>>,
}

/// Most bytes of one message: MPI counts them in 32-bit integers.
const PIECE: usize = 1 << 30;

/// How long a rank waits busily for the others' votes. Ranks that leave a vote a little later than others would show in
/// transfers that are shorter than this.
const BUSY_WAIT: Duration = Duration::from_millis(1);

/// The tag of messages between one rank and rank 0.
const TAG: i32 = 1;

impl World {
    /// Initialises MPI. Without a launcher the world is this one process.
    ///
    /// Threads may call MPI if HDF5 has the subfiling driver, which needs that: whatever the method is, so that methods
    /// can be compared. Else MPI is spared the locks.
    ///
    /// # Errors
    /// `Environment` if MPI was initialised before.
    pub fn init() -> Result<World> {
        open_mpi::skip_absent_fabrics();
        open_mpi::stay_alone();
        let threading = if subfiling::available() { Threading::Multiple } else { Threading::Funneled };
        let (universe, _provided) = mpi::initialize_with_threading(threading)
            .ok_or_else(|| Failure::new(FailureKind::Environment, "MPI was initialised already"))?;
        STARTED.store(true, Ordering::Relaxed);
        open_mpi::answer_the_launcher_at_once();
        let world = universe.world();
        let ranks = Ranks { control: world.duplicate(), world, other: RefCell::default() };
        Ok(World { ranks, _universe: universe })
    }

    /// The group of all ranks.
    pub fn comm(&self) -> &dyn Comm {
        &self.ranks
    }
}

/// True if threads of a rank may call MPI at any time, or MPI has not been initialised yet.
pub fn threads_may_call() -> bool {
    !mpi::environment::is_initialized() || mpi::environment::threading_support() == Threading::Multiple
}

/// Ends all ranks at once with this exit code.
pub fn abort(exit_code: u8) -> ! {
    // SAFETY: MPI_Abort may be called at any time between MPI_Init and MPI_Finalize; it does not return.
    unsafe {
        ffi::MPI_Abort(ffi::RSMPI_COMM_WORLD, i32::from(exit_code));
    }
    std::process::exit(i32::from(exit_code))
}

impl Ranks {
    /// Sends bytes of any number to a rank that is in [`Ranks::receive`].
    fn send(&self, to: usize, bytes: &[u8]) {
        let to = self.control.process_at_rank(to as i32);
        bytes.chunks(PIECE).for_each(|piece| to.send_with_tag(piece, TAG));
    }

    /// Receives as many bytes as there is room for.
    fn receive(&self, from: usize, bytes: &mut [u8]) {
        let from = self.control.process_at_rank(from as i32);
        bytes.chunks_mut(PIECE).for_each(|piece| {
            from.receive_into_with_tag(piece, TAG);
        });
    }

    fn send_number(&self, to: usize, number: u64) {
        self.send(to, &number.to_le_bytes());
    }

    fn receive_number(&self, from: usize) -> u64 {
        let mut bytes = [0; 8];
        self.receive(from, &mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// The first `bytes` bytes of memory that is made larger if need be.
fn room(memory: &mut Vec<u8>, bytes: usize) -> &mut [u8] {
    if memory.len() < bytes {
        *memory = Vec::new();
        // Written, not only mapped: see `Buffer::touched`.
        memory.resize(bytes, 0x5a);
    }
    &mut memory[..bytes]
}

impl Comm for Ranks {
    fn rank(&self) -> usize {
        self.control.rank() as usize
    }

    fn size(&self) -> usize {
        self.control.size() as usize
    }

    fn barrier(&self) -> Result<()> {
        self.control.barrier();
        Ok(())
    }

    fn all_gather(&self, mine: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut lengths = vec![0i32; self.size()];
        self.control.all_gather_into(&(mine.len() as i32), &mut lengths[..]);
        let starts: Vec<i32> = lengths
            .iter()
            .scan(0, |sum, length| {
                let start = *sum;
                *sum += length;
                Some(start)
            })
            .collect();
        let mut all = vec![0u8; lengths.iter().map(|&n| n as usize).sum()];
        let mut parts = mpi::datatype::PartitionMut::new(&mut all[..], &lengths[..], &starts[..]);
        self.control.all_gather_varcount_into(mine, &mut parts);
        Ok(starts.iter().zip(&lengths).map(|(&s, &n)| all[s as usize..(s + n) as usize].to_vec()).collect())
    }

    fn any(&self, mine: bool, give_up: &dyn Fn() -> u8) -> Result<bool> {
        let (send, mut receive) = (i32::from(mine), 0i32);
        let mut vote = Vote::start(&send, &mut receive, self.control.as_raw());
        if mine {
            let deadline = Instant::now() + AGREE_DEADLINE;
            while !vote.is_over() {
                if Instant::now() > deadline {
                    abort(give_up());
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        } else {
            vote.wait_patiently();
        }
        drop(vote);
        Ok(receive != 0)
    }

    fn collect(&self, mine: &[u8], each: &mut dyn FnMut(usize, &[u8]) -> Result<()>) -> Result<()> {
        if self.rank() != 0 {
            self.send_number(0, mine.len() as u64);
            self.send(0, mine);
            return Ok(());
        }
        let mut first = each(0, mine);
        let mut other = self.other.borrow_mut();
        for rank in 1..self.size() {
            let bytes = room(&mut other, self.receive_number(rank) as usize);
            self.receive(rank, bytes);
            if first.is_ok() {
                first = each(rank, bytes);
            }
        }
        first
    }

    fn deal(&self, mine: &mut [u8], make: &mut dyn FnMut(usize, &mut [u8]) -> Result<()>) -> Result<()> {
        if self.rank() != 0 {
            self.send_number(0, mine.len() as u64);
            return if self.receive_number(0) == 1 {
                self.receive(0, mine);
                Ok(())
            } else {
                Err(refused())
            };
        }
        let mut first = make(0, mine);
        let mut other = self.other.borrow_mut();
        for rank in 1..self.size() {
            let bytes = room(&mut other, self.receive_number(rank) as usize);
            if first.is_ok() {
                first = make(rank, bytes);
            }
            self.send_number(rank, u64::from(first.is_ok()));
            if first.is_ok() {
                self.send(rank, bytes);
            }
        }
        first
    }

    fn reserve(&self, bytes: usize) {
        if self.rank() == 0 && self.size() > 1 {
            room(&mut self.other.borrow_mut(), bytes);
        }
    }

    fn mpi(&self) -> Option<RawComm> {
        Some(self.world.as_raw())
    }
}

/// Hints for MPI-IO: an MPI_Info.
pub struct Hints {
    info: Option<ffi::MPI_Info>,
}

impl Hints {
    /// These hints; none at all is MPI_INFO_NULL.
    ///
    /// # Errors
    /// `Usage` if a name or a value is empty, longer than MPI allows, or holds a zero byte: MPI would end the process.
    pub fn new(hints: &BTreeMap<String, String>) -> Result<Self> {
        super::check_hints(hints)?;
        if hints.is_empty() {
            return Ok(Hints { info: None });
        }
        let text = |text: &str| CString::new(text).expect("checked: no zero byte");
        // SAFETY: MPI is initialised, as there are ranks; names and values end in a zero and are of lengths that MPI allows.
        let info = unsafe {
            let mut info = ffi::RSMPI_INFO_NULL;
            ffi::MPI_Info_create(&mut info);
            for (name, value) in hints {
                ffi::MPI_Info_set(info, text(name).as_ptr(), text(value).as_ptr());
            }
            info
        };
        Ok(Hints { info: Some(info) })
    }

    /// MPI's own handle, valid while `self` lives.
    pub fn raw(&self) -> Option<ffi::MPI_Info> {
        self.info
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        if let Some(info) = &mut self.info {
            // SAFETY: made in `new`, and freed once.
            unsafe { ffi::MPI_Info_free(info) };
        }
    }
}

/// The hints that MPI-IO reports for an open file (MPI_File_get_info): those that it uses, not those that were given.
///
/// # Safety
/// `file` is an open MPI file.
pub unsafe fn hints_of(file: ffi::MPI_File) -> BTreeMap<String, String> {
    const ROOM: usize = ffi::MPI_MAX_INFO_VAL as usize + 1;
    let mut hints = BTreeMap::new();
    // SAFETY: the file is open; names and values have the room that MPI asks for; the info is freed once.
    unsafe {
        let (mut info, mut count) = (ffi::RSMPI_INFO_NULL, 0);
        if ffi::MPI_File_get_info(file, &mut info) != ffi::MPI_SUCCESS as i32 || info == ffi::RSMPI_INFO_NULL {
            return hints;
        }
        ffi::MPI_Info_get_nkeys(info, &mut count);
        for n in 0..count {
            let (mut name, mut value, mut found) = ([0; ROOM], [0; ROOM], 0);
            ffi::MPI_Info_get_nthkey(info, n, name.as_mut_ptr());
            ffi::MPI_Info_get(info, name.as_ptr(), ROOM as i32 - 1, value.as_mut_ptr(), &mut found);
            if found != 0 {
                hints.insert(text_of(&name), text_of(&value));
            }
        }
        ffi::MPI_Info_free(&mut info);
    }
    hints
}

/// The text before the first zero.
fn text_of(bytes: &[std::ffi::c_char]) -> String {
    let bytes: Vec<u8> = bytes.iter().map(|&c| c as u8).take_while(|&c| c != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A vote under way: a non-blocking MPI_MAX over one integer a rank, borrowed until it is over.
struct Vote<'a> {
    request: ffi::MPI_Request,
    _buffers: std::marker::PhantomData<&'a mut i32>,
}

impl<'a> Vote<'a> {
    fn start(send: &'a i32, receive: &'a mut i32, comm: RawComm) -> Self {
        let mut vote = Vote { request: unsafe { ffi::RSMPI_REQUEST_NULL }, _buffers: std::marker::PhantomData };
        // SAFETY: both integers outlive the request: they are borrowed for 'a, and `drop` waits for it.
        unsafe {
            ffi::MPI_Iallreduce(
                std::ptr::from_ref(send).cast(),
                std::ptr::from_mut(receive).cast(),
                1,
                ffi::RSMPI_INT32_T,
                ffi::RSMPI_MAX,
                comm,
                &mut vote.request,
            );
        }
        vote
    }

    fn is_over(&mut self) -> bool {
        let mut over = 0;
        // SAFETY: the request is this vote's own; a finished one becomes MPI_REQUEST_NULL, which MPI_Test accepts.
        unsafe { ffi::MPI_Test(&mut self.request, &mut over, ffi::RSMPI_STATUS_IGNORE) };
        over != 0
    }

    /// Waits as MPI does, busily, but not for long: where there are more ranks than cores, a rank that waits must leave its
    /// core to one that still moves data.
    fn wait_patiently(&mut self) {
        let begun = Instant::now();
        while !self.is_over() {
            if begun.elapsed() > BUSY_WAIT {
                std::thread::sleep(BUSY_WAIT / 20);
            }
        }
    }

    fn wait(&mut self) {
        // SAFETY: as in `is_over`.
        unsafe { ffi::MPI_Wait(&mut self.request, ffi::RSMPI_STATUS_IGNORE) };
    }
}

impl Drop for Vote<'_> {
    fn drop(&mut self) {
        self.wait();
    }
}
