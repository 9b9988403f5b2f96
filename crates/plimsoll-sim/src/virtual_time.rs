//! A runtime whose time passes only when nothing is left to do.

use std::io;

/// Runs work in virtual time: on one thread, on a clock that stands still while anything can go on and jumps to the next
/// timer when nothing can.
///
/// # Errors
/// When the operating system gives no runtime.
pub fn on_virtual_time<T>(work: impl AsyncFnOnce() -> T) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    Ok(runtime.block_on(work()))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use plimsoll_apiserver::elapse;

    use super::*;

    #[test]
    fn an_hour_of_platform_time_takes_a_moment() {
        let began = Instant::now();
        let passed = on_virtual_time(async || {
            let origin = tokio::time::Instant::now();
            elapse(Duration::from_secs(3600)).await;
            origin.elapsed()
        });
        assert_eq!(passed.unwrap().as_secs(), 3600);
        assert!(began.elapsed() < Duration::from_secs(60));
    }
}
