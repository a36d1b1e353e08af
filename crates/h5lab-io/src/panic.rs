//! Panics, told as failures: in a line, with the place in the source.

use h5lab_core::failure::{Failure, FailureKind};
use std::any::Any;
use std::cell::RefCell;

thread_local! {
    /// Where this thread panicked last.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on a panic prints nothing by itself: whoever catches it tells its [`failure`]. With `RUST_BACKTRACE=full`
/// the whole stack is printed as well.
pub fn print_nothing() {
    let usual = std::panic::take_hook();
    let full = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value == "full");
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        // A thread that is ending may have lost its place.
        let _ = PLACE.try_with(|last| *last.borrow_mut() = place);
        if full {
            usual(panic);
        }
    }));
}

/// What a panic of this thread says, as a failure.
pub fn failure(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let place = PLACE.with(|last| last.borrow_mut().take()).map_or_else(String::new, |place| format!(" at {place}"));
    Failure::new(FailureKind::Internal, format!("panicked{place}: {}", text.unwrap_or("without a message")))
        .mend("this is a defect in h5lab: please report it with the command line")
}
