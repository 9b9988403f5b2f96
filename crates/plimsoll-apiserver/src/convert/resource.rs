//! Claims and slices of devices: the first beta version had requests and devices in another shape.

use serde_json::{Map, Value};

/// What a request for one kind of device says, besides its name.
const EXACT: [&str; 7] = [
    "deviceClassName",
    "selectors",
    "allocationMode",
    "count",
    "adminAccess",
    "tolerations",
    "capacity",
];

pub(super) fn from_v1beta1(object: &mut Map<String, Value>, kind: &str) {
    for request in requests(object, kind) {
        let exact: Map<String, Value> = EXACT
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), request.remove(*name)?)))
            .collect();
        if !exact.is_empty() {
            request.insert("exactly".to_owned(), exact.into());
        }
    }
    for device in devices(object, kind) {
        if let Some(Value::Object(basic)) = device.remove("basic") {
            device.extend(basic);
        }
    }
}

pub(super) fn to_v1beta1(object: &mut Map<String, Value>, kind: &str) {
    for request in requests(object, kind) {
        if let Some(Value::Object(exact)) = request.remove("exactly") {
            request.extend(exact);
        }
    }
    for device in devices(object, kind) {
        let basic: Map<String, Value> = std::mem::take(device);
        let (name, basic): (Map<String, Value>, Map<String, Value>) =
            basic.into_iter().partition(|(field, _)| field == "name");
        *device = name;
        device.insert("basic".to_owned(), basic.into());
    }
}

fn requests<'a>(object: &'a mut Map<String, Value>, kind: &str) -> Vec<&'a mut Map<String, Value>> {
    let spec = match kind {
        "ResourceClaim" => object.get_mut("spec"),
        "ResourceClaimTemplate" => object.get_mut("spec").and_then(|spec| spec.get_mut("spec")),
        _ => None,
    };
    objects(
        spec.and_then(|spec| spec.get_mut("devices"))
            .and_then(|devices| devices.get_mut("requests")),
    )
}

fn devices<'a>(object: &'a mut Map<String, Value>, kind: &str) -> Vec<&'a mut Map<String, Value>> {
    let spec = object.get_mut("spec").filter(|_| kind == "ResourceSlice");
    objects(spec.and_then(|spec| spec.get_mut("devices")))
}

fn objects(list: Option<&mut Value>) -> Vec<&mut Map<String, Value>> {
    let items = list.and_then(Value::as_array_mut).into_iter().flatten();
    items.filter_map(Value::as_object_mut).collect()
}
