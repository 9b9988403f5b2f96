//! `plimsoll-lab restart`: ends a component and starts it again, to see who copes.

use crate::folder::{self, LabFolder};
use crate::keeper::client::{KeeperClient, KeeperError};
use crate::keeper::protocol::Farewell;

/// Restarts `component` (`NAME`, or `NAME@NODE`); returns when it is ready again.
pub(crate) async fn restart(folder: &LabFolder, component: &str, how: Farewell) -> Result<(), KeeperError> {
    let (process, keeper) = match component.split_once('@') {
        Some((process, node)) => (process, folder.node(node)),
        None => (component, folder.control_plane()),
    };
    let log = folder::log(&keeper, process);
    KeeperClient::new(folder::keeper_socket(&keeper))
        .restart(process, how, &log)
        .await
}
