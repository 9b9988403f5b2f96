//! How long things take on a platform.

use std::time::Duration;

macro_rules! latencies {
    ($($(#[doc = $doc:literal])* $field:ident $key:literal = $default:literal)*) => {
        /// How long things take, in milliseconds of platform time. The defaults are those of the lab, rounded.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Latencies {
            $($(#[doc = $doc])* pub $field: u64,)*
        }

        impl Default for Latencies {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Latencies {
            /// Each with its name in a platform file.
            pub(super) fn fields(&mut self) -> impl Iterator<Item = (&'static str, &mut u64)> {
                [$(($key, &mut self.$field)),*].into_iter()
            }
        }
    };
}

latencies! {
    /// An answer of the API server.
    api_ms "api-ms" = 2
    /// From the news of a pod to its binding, or to the refusal.
    scheduling_ms "scheduling-ms" = 5
    /// From a change to a controller's reaction.
    controller_ms "controller-ms" = 10
    /// Pulling an image that a node does not have yet.
    image_pull_ms "image-pull-ms" = 300
    /// Preparing a claim's devices.
    device_prepare_ms "device-prepare-ms" = 30
    /// From a pod's binding to its sandbox.
    sandbox_ms "sandbox-ms" = 120
    /// Starting a container.
    container_start_ms "container-start-ms" = 60
    /// From the end of a pod's last container to its removal from the API.
    pod_removal_ms "pod-removal-ms" = 60
    /// From a change of endpoints to an answer of DNS.
    dns_ms "dns-ms" = 50
    /// From one reading of an exporter to the next.
    exporter_refresh_ms "exporter-refresh-ms" = 1000
}

impl Latencies {
    /// One of them as a duration.
    #[must_use]
    pub fn of(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }
}
