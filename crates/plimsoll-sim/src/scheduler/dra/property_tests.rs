//! The search against brute force, on small inventories.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixture::{Bench, DRIVER, claim, request, select};

/// A device: its model, its NUMA node, and which of four units of one chip it takes.
#[derive(Clone, Debug)]
struct Small {
    model: u8,
    numa: i64,
    units: u8,
    is_ill: bool,
}

/// A request: of which model, and how many.
#[derive(Clone, Debug)]
struct Wanted {
    model: Option<u8>,
    count: usize,
    tolerates: bool,
}

#[derive(Clone, Debug)]
struct Case {
    devices: Vec<Small>,
    held: Vec<bool>,
    requests: Vec<Wanted>,
    common: Option<bool>,
    units: u8,
}

fn cases() -> impl Strategy<Value = Case> {
    let device = (0..2_u8, 0..2_i64, 0..3_u8, proptest::bool::weighted(0.2)).prop_map(
        |(model, numa, units, is_ill)| Small {
            model,
            numa,
            units,
            is_ill,
        },
    );
    let wanted =
        (proptest::option::of(0..2_u8), 1..3_usize, any::<bool>()).prop_map(|(model, count, tolerates)| {
            Wanted {
                model,
                count,
                tolerates,
            }
        });
    (
        prop::collection::vec(device, 0..6),
        prop::collection::vec(proptest::bool::weighted(0.25), 6),
        prop::collection::vec(wanted, 1..4),
        proptest::option::of(any::<bool>()),
        0..7_u8,
    )
        .prop_map(|(devices, held, requests, common, units)| Case {
            devices,
            held,
            requests,
            common,
            units,
        })
}

fn bench(case: &Case) -> Bench {
    let devices: Vec<Value> = case.devices.iter().enumerate().map(|(at, device)| {
        let mut published = json!({"name": format!("d{at}"),
            "attributes": {"model": {"string": device.model.to_string()}, "numa": {"int": device.numa}},
            "consumesCounters": [{"counterSet": "chip", "counters": {"units": {"value": device.units.to_string()}}}]});
        if device.is_ill {
            published["taints"] = json!([{"key": "ill", "effect": "NoSchedule"}]);
        }
        published
    }).collect();
    let mut bench = Bench::new();
    bench.publish(json!({"nodeName": "n1", "devices": devices,
        "sharedCounters": [{"name": "chip", "counters": {"units": {"value": case.units.to_string()}}}]}));
    for at in held(case) {
        let results = json!([{"driver": DRIVER, "pool": "pool", "device": format!("d{at}")}]);
        bench
            .usage
            .add(&super::allocated::Allocated::read(&json!({"devices": {"results": results}})).unwrap());
    }
    bench
}

fn held(case: &Case) -> impl Iterator<Item = usize> {
    (0..case.devices.len()).filter(|at| case.held[*at])
}

fn spec(case: &Case) -> Value {
    let requests: Vec<Value> = case
        .requests
        .iter()
        .enumerate()
        .map(|(at, wanted)| {
            let mut extra = json!({"count": wanted.count});
            if let Some(model) = wanted.model {
                extra["selectors"] = select(&format!("model={model}"));
            }
            if wanted.tolerates {
                extra["tolerations"] = json!([{"operator": "Exists"}]);
            }
            request(&format!("r{at}"), extra)
        })
        .collect();
    let constraint = case.common.map(|is_same| {
        let key = if is_same {
            "matchAttribute"
        } else {
            "distinctAttribute"
        };
        json!({key: format!("{DRIVER}/numa")})
    });
    json!({"requests": requests, "constraints": constraint.into_iter().collect::<Vec<_>>()})
}

/// Whether this assignment of devices to slots, one slot per device that is wanted, keeps all the rules.
fn is_right(case: &Case, slots: &[&Wanted], chosen: &[usize]) -> bool {
    let taken: usize = held(case).map(|at| usize::from(case.devices[at].units)).sum();
    let units: usize = chosen.iter().map(|at| usize::from(case.devices[*at].units)).sum();
    let enough = usize::from(case.units) >= taken + units;
    let each = chosen.iter().zip(slots).all(|(at, wanted)| {
        let device = &case.devices[*at];
        !case.held[*at]
            && wanted.model.is_none_or(|model| model == device.model)
            && (!device.is_ill || wanted.tolerates)
    });
    let distinct = (1..chosen.len()).all(|end| !chosen[..end].contains(&chosen[end]));
    let numa: Vec<i64> = chosen.iter().map(|at| case.devices[*at].numa).collect();
    let common = match case.common {
        Some(true) => numa.windows(2).all(|two| two[0] == two[1]),
        Some(false) => (1..numa.len()).all(|end| !numa[..end].contains(&numa[end])),
        None => true,
    };
    enough && each && distinct && common
}

fn some_is_right(case: &Case, slots: &[&Wanted], chosen: &mut Vec<usize>) -> bool {
    if chosen.len() == slots.len() {
        return is_right(case, slots, chosen);
    }
    for at in 0..case.devices.len() {
        chosen.push(at);
        let found = some_is_right(case, slots, chosen);
        chosen.pop();
        if found {
            return true;
        }
    }
    false
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_solution_is_found_exactly_where_there_is_one_and_keeps_the_rules(case in cases()) {
        let slots: Vec<&Wanted> = case.requests.iter().flat_map(|wanted| std::iter::repeat_n(wanted, wanted.count)).collect();
        prop_assume!(slots.len() <= 4);
        let found = bench(&case).allocate(&[&claim(spec(&case))], "n1").unwrap();
        let exists = some_is_right(&case, &slots, &mut Vec::new());
        prop_assert_eq!(found.is_some(), exists);
        if let Some(found) = found {
            let chosen: Vec<usize> = found[0].iter().map(|one| one.device.id.name[1..].parse().unwrap()).collect();
            prop_assert!(is_right(&case, &slots, &chosen), "{:?}", chosen);
        }
    }
}
