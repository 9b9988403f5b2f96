//! `secure_accelerator_access`: a container reaches exactly the devices it was allocated.
//!
//! One trial per way to allocate (each DeviceClass, each device plugin's resource), side by side as far as the
//! budget allows. A first pod gets one device (X1); its device numbers are what everybody else then tries to
//! reach, all at once and while X8 and X9 are watched; then the devices are released, and X7, X6 and X11 look
//! at who comes after. [`judge`] alone decides, from what probes report; it blames the platform only for
//! something that was reached without having been allocated.

mod declaration;
mod ground;
pub(crate) mod judge;
mod neighbour;
mod outsiders;
mod over_ask;
mod path;
mod refusals;
mod restart;
mod selectors;
mod team;

use async_trait::async_trait;
use futures::future::try_join_all;

use crate::{Check, CheckError, Conclusion, Context, Declaration};

/// The check.
#[derive(Clone, Copy, Debug)]
pub struct SecureAcceleratorAccess;

#[async_trait(?Send)]
impl Check for SecureAcceleratorAccess {
    fn declaration(&self) -> &'static Declaration {
        &declaration::DECLARATION
    }

    async fn run(&self, context: &Context) -> Result<Conclusion, CheckError> {
        let paths = path::usable(&context.inventory);
        if paths.is_empty() {
            return Ok(Conclusion::Absent {
                reason: path::absence(&context.inventory),
            });
        }
        try_join_all(paths.into_iter().map(|path| path::run(context, path))).await?;
        Ok(Conclusion::Controls)
    }
}
