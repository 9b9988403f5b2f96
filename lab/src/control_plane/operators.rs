//! The objects by which vendors' operators say which driver nodes have, where there are such.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt as _};
use plimsoll_vendors::Vendor;

use super::objects;
use crate::lab::Lab;
use crate::up::UpError;
use crate::watch::{Verdict, until};

/// The defect of an operator whose object is ahead of what it installed.
const AHEAD: &str = "drv.operator-ahead";

/// Applies the definitions, and the objects once they are served.
pub(crate) async fn install(client: &Client, lab: &Lab) -> Result<(), UpError> {
    let ahead = lab.state.defects.iter().any(|defect| defect == AHEAD);
    for vendor in Vendor::all() {
        let offered = &lab.state.accelerators;
        if offered.iter().any(|request| request.vendor == vendor.id)
            && let Some([definition, object]) = vendor.operator_objects(ahead)
        {
            objects::seed(client, &definition).await?;
            served(
                client,
                definition["metadata"]["name"].as_str().unwrap_or_default(),
            )
            .await?;
            objects::seed(client, &object).await?;
        }
    }
    Ok(())
}

/// Waits until a kind is served.
async fn served(client: &Client, name: &str) -> Result<(), UpError> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    until(&format!("serving `{name}`"), api, config, |definitions| {
        let is_served = definitions.values().any(|definition| {
            let conditions = definition
                .status
                .iter()
                .flat_map(|status| status.conditions.iter().flatten());
            let mut established = conditions.filter(|condition| condition.type_ == "Established");
            definition.name_any() == name && established.any(|condition| condition.status == "True")
        });
        if is_served {
            Verdict::Met
        } else {
            Verdict::NotYet("it is not established".to_owned())
        }
    })
    .await?;
    Ok(())
}
