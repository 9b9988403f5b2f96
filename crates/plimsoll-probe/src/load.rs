//! Working on a device with a given duty, so that its metrics have something to show.

use std::io;
use std::time::Duration;

use crate::Say;
use crate::host::{AlignedBuffer, Clock, Rest, Storage, millis};
use crate::protocol::{Errno, HEADER_BYTES, Identity, LoadPeriod, LoadStarted, Report, Summary};

/// One operation's size: large enough to keep a device busy, small enough to end a period in time.
const OPERATION_BYTES: usize = 128 * 1024;
/// Where work begins: behind the header.
const FIRST: u64 = HEADER_BYTES as u64;
/// The part of a device that is written over and over. It stays small, because a device's memory counts as used once
/// it has been written.
const WINDOW_BYTES: u64 = 1 << 20;

/// Work to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// The part of each period that is spent working, 0 to 1.
    pub duty_ratio: f64,
    /// The length of a period.
    pub period: Duration,
    /// How long to go on.
    pub duration: Duration,
    /// Device memory to allocate first and hold meanwhile.
    pub hold_bytes: u64,
    /// At most this share of the device's memory is held, 0 to 1.
    pub hold_share: f64,
}

/// A load that could not go on.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Smaller than one operation behind the header: a character device, as a rule.
    #[error("{device} has {bytes} bytes to read; a load needs a device of at least {needed}")]
    TooSmall {
        /// The device.
        device: String,
        /// What it has.
        bytes: u64,
        /// What it should have.
        needed: u64,
    },
    /// To hold is to write, and only devices that say they are ours are written to.
    #[error("cannot hold {bytes} bytes on {device}: it does not carry the reference header, or is read-only")]
    NotWritable {
        /// The device.
        device: String,
        /// What was to be held.
        bytes: u64,
    },
    /// More than the device has.
    #[error("cannot hold {bytes} bytes on {device}: it has {available}")]
    NoRoom {
        /// The device.
        device: String,
        /// What was to be held.
        bytes: u64,
        /// What could be.
        available: u64,
    },
    /// The device stopped answering.
    #[error("{operation} {device} at byte {offset} gave {errno}")]
    Device {
        /// What was tried.
        operation: &'static str,
        /// The device.
        device: String,
        /// Where.
        offset: u64,
        /// The kernel's answer.
        errno: Errno,
    },
    /// Nobody listens any more.
    #[error("cannot write a report")]
    Say(#[from] io::Error),
}

/// A load under way.
struct Worker<'a, S> {
    device: &'a str,
    storage: &'a mut S,
    buffer: AlignedBuffer,
    writes: bool,
    /// End of the range that is worked on.
    end: u64,
    offset: u64,
}

impl Load {
    /// Does the work, says what each period did, and gives the device's memory back.
    ///
    /// # Errors
    /// When the device is not fit for it, or stops answering, and those of `say`.
    pub async fn run(
        &self,
        device: &str,
        storage: &mut impl Storage,
        clock: &impl Clock,
        say: Say<'_>,
    ) -> Result<Summary, LoadError> {
        let mut worker = Worker::new(device, storage).await?;
        let most = storage_share(worker.storage.bytes(), self.hold_share);
        let held_bytes = worker.take(self.hold_bytes.min(most)).await?;
        let outcome = self.work(&mut worker, held_bytes, clock, say).await;
        worker.give_back(held_bytes).await;
        outcome
    }

    async fn work(
        &self,
        worker: &mut Worker<'_, impl Storage>,
        held_bytes: u64,
        clock: &impl Clock,
        say: Say<'_>,
    ) -> Result<Summary, LoadError> {
        say(Report::LoadStarted(LoadStarted {
            device: worker.device.to_owned(),
            device_bytes: worker.storage.bytes(),
            writes: worker.writes,
            direct: worker.storage.is_direct(),
            duty_ratio: self.duty_ratio,
            period_ms: millis(self.period),
            held_bytes,
        }))?;
        let busy = self.period.mul_f64(self.duty_ratio.clamp(0.0, 1.0));
        let began = clock.monotonic();
        let (mut periods, mut bytes, mut operations) = (0, 0, 0);
        let mut rest = Rest::Over;
        while rest == Rest::Over && clock.monotonic().saturating_sub(began) < self.duration {
            let start = clock.monotonic();
            let mut period = LoadPeriod {
                period: periods,
                ended_unix_ms: 0,
                busy_ms: 0,
                device_busy_ms: None,
                elapsed_ms: 0,
                read_bytes: 0,
                written_bytes: 0,
                operations: 0,
            };
            let counted = worker.storage.busy();
            while clock.monotonic().saturating_sub(start) < busy {
                worker.step(&mut period).await?;
            }
            let counts = worker.storage.busy();
            let worked = clock.monotonic().saturating_sub(start);
            // Also where nothing is left to rest: this is how a request to stop is noticed.
            rest = clock.rest(self.period.saturating_sub(worked)).await;
            period.busy_ms = millis(worked);
            period.device_busy_ms = counts
                .zip(counted)
                .map(|(after, before)| millis(after.saturating_sub(before)));
            period.elapsed_ms = millis(clock.monotonic().saturating_sub(start));
            period.ended_unix_ms = millis(clock.unix());
            periods += 1;
            bytes += period.read_bytes + period.written_bytes;
            operations += period.operations;
            say(Report::LoadPeriod(period))?;
        }
        Ok(Summary::Load {
            periods,
            bytes,
            operations,
        })
    }
}

impl<'a, S: Storage> Worker<'a, S> {
    async fn new(device: &'a str, storage: &'a mut S) -> Result<Self, LoadError> {
        let bytes = storage.bytes();
        let needed = FIRST + OPERATION_BYTES as u64;
        if bytes < needed {
            return Err(LoadError::TooSmall {
                device: device.to_owned(),
                bytes,
                needed,
            });
        }
        let mut header = AlignedBuffer::new(HEADER_BYTES);
        storage
            .read_at(header.as_mut(), 0)
            .await
            .map_err(|errno| failed("reading", device, 0, errno))?;
        let writes = storage.is_writable() && Identity::from_header(header.as_ref()).is_some();
        // Reading does no harm anywhere, and a device that is only read is best read all over.
        let end = if writes {
            bytes.min(FIRST + WINDOW_BYTES)
        } else {
            bytes
        };
        Ok(Self {
            device,
            storage,
            buffer: AlignedBuffer::new(OPERATION_BYTES),
            writes,
            end,
            offset: FIRST,
        })
    }

    /// Fills the held range, at least the window that is worked on, so that its memory is allocated.
    async fn take(&mut self, hold_bytes: u64) -> Result<u64, LoadError> {
        if !self.writes {
            return if hold_bytes == 0 {
                Ok(0)
            } else {
                Err(LoadError::NotWritable {
                    device: self.device.to_owned(),
                    bytes: hold_bytes,
                })
            };
        }
        let available = (self.storage.bytes() - FIRST) / FIRST * FIRST;
        if hold_bytes > available {
            return Err(LoadError::NoRoom {
                device: self.device.to_owned(),
                bytes: hold_bytes,
                available,
            });
        }
        let held = hold_bytes
            .next_multiple_of(FIRST)
            .max(self.end - FIRST)
            .min(available);
        self.buffer.as_mut().fill(0xA5);
        let mut done = 0;
        while done < held {
            let length = usize::try_from(held - done)
                .unwrap_or(usize::MAX)
                .min(OPERATION_BYTES);
            let filling = self.buffer.as_ref().get(..length).unwrap_or_default();
            let offset = FIRST + done;
            let wrote = self.storage.write_at(filling, offset).await;
            done += wrote.map_err(|errno| failed("writing", self.device, offset, errno))? as u64;
        }
        Ok(held)
    }

    /// A device that keeps its memory says so by its metrics; there is nothing else to be done about it here.
    async fn give_back(&mut self, held_bytes: u64) {
        if held_bytes > 0 {
            let _ = self.storage.release(FIRST, held_bytes).await;
        }
    }

    /// Reads one piece and, on a device that is ours, writes it back.
    async fn step(&mut self, period: &mut LoadPeriod) -> Result<(), LoadError> {
        if self.offset + OPERATION_BYTES as u64 > self.end {
            self.offset = FIRST;
        }
        let (device, offset) = (self.device, self.offset);
        let read = self.storage.read_at(self.buffer.as_mut(), offset).await;
        period.read_bytes += read.map_err(|errno| failed("reading", device, offset, errno))? as u64;
        period.operations += 1;
        if self.writes {
            let wrote = self.storage.write_at(self.buffer.as_ref(), offset).await;
            period.written_bytes += wrote.map_err(|errno| failed("writing", device, offset, errno))? as u64;
            period.operations += 1;
        }
        self.offset += OPERATION_BYTES as u64;
        Ok(())
    }
}

/// That share of so many bytes.
fn storage_share(bytes: u64, share: f64) -> u64 {
    if share >= 1.0 {
        return u64::MAX;
    }
    // A share of a device's size is far from where numbers lose their last digits.
    (bytes as f64 * share.max(0.0)) as u64
}

fn failed(operation: &'static str, device: &str, offset: u64, errno: Errno) -> LoadError {
    LoadError::Device {
        operation,
        device: device.to_owned(),
        offset,
        errno,
    }
}

#[cfg(test)]
mod tests;
