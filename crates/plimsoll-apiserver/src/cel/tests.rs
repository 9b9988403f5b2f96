use serde_json::{Value, json};

use super::*;

fn evaluate(source: &str, object: &Value) -> Result<Value, String> {
    Expression::compile(source, &["object", "oldObject"])?.evaluate(&Bindings::from([("object", object)]))
}

#[test]
fn expressions_have_the_functions_of_kubernetes() {
    let object = json!({"name": "a.example.com", "cpu": "500m", "list": [1, 2, 3], "labels": {"b": "2", "a": "1"},
        "spec": {"x-y": 1, "replicas": 3}});
    for expression in [
        "quantity(object.cpu).isLessThan(quantity('1')) && quantity('1Gi').compareTo(quantity('1024Mi')) == 0",
        "quantity('2').add(1).asInteger() == 3 && isQuantity('5k') && !isQuantity('k5')",
        "quantity('1.5').sign() == 1 && quantity('1500m') == quantity('1.5')",
        "semver('1.2.3').isLessThan(semver('1.10.0')) && isSemver('v1.2', true) && semver('1.2.3-a').major() == 1",
        "object.name.matches('^[a-z.]+$') && object.name.find('[a-z]{2,}') == 'example'",
        "object.name.split('.').size() == 3 && object.name.findAll('[a-z]+', 2) == ['a', 'example']",
        "object.list.sum() == 6 && object.list.max() == 3 && object.list.isSorted() && object.list.indexOf(2) == 1",
        "object.list.all(x, x > 0) && object.list.exists_one(x, x == 2) && object.list.map(x, x * 2) == [2, 4, 6]",
        "object.labels.map(k, k) == ['a', 'b'] && 'a' in object.labels && object.labels == {'a': '1', 'b': '2'}",
        "{'a': '1', 'b': '2'} == object.labels && [1, 2, 3] == object.list && 2 in object.list",
        "object.?spec.?missing.orValue(5) == 5 && object[?'cpu'].hasValue() && has(object.spec.replicas)",
        "!has(object.spec.missing) && object.spec.x__dash__y == 1",
        "cel.bind(n, object.spec.replicas + 1, n * n) == 16",
        "duration('90m') == duration('1h30m') && duration('1s') < duration('2s') && duration('90s').getMinutes() == 1",
        "timestamp('2026-01-02T03:04:05Z').getFullYear() == 2026 && timestamp('2026-01-02T00:00:00Z') - timestamp('2026-01-01T00:00:00Z') == duration('24h')",
        "timestamp('2026-01-02T00:00:00Z') + duration('1h') > timestamp('2026-01-02T00:00:00Z')",
        "ip('10.1.2.3').family() == 4 && cidr('10.0.0.0/8').containsIP('10.1.2.3') && isIP('::1') && !isCIDR('10.0.0.0')",
        "url('https://example.com:80/a/b?q=1').getHostname() == 'example.com' && isURL('https://x/') && url('https://e.x:1/p').getPort() == '1'",
        "format.dns1123Label().validate('a-b') == optional.none() && format.named('uuid').value().validate('x').hasValue()",
        "sets.contains([1, 2], [1]) && sets.intersects([1], [1, 2]) && sets.equivalent([1, 1], [1])",
        "'%s has %d'.format([object.name, 3]) == 'a.example.com has 3' && 'A'.lowerAscii() == 'a'",
        "object.spec.replicas == 3.0 && 1 < 1.5 && type(object.name) == string && dyn(1) == 1",
        "jsonpatch.escapeKey('a/b~c') == 'a~1b~0c' && [3, 1, 2].sort() == [1, 2, 3]",
        "object.list[0] == 1 && object['name'] == object.name && size(object.list) == 3",
        "object.spec.replicas > 2 || object.nothing.here",
    ] {
        assert_eq!(evaluate(expression, &object), Ok(json!(true)), "{expression}");
    }
}

#[test]
fn faults_at_evaluation_are_worded_as_kubernetes_does() {
    let object = json!({"spec": {"replicas": 1}, "list": [1]});
    for (expression, fault) in [
        ("object.spec.missing == 1", "no such key: missing"),
        ("object.list[5] == 1", "index out of bounds: 5"),
        ("object.spec.replicas / 0 == 1", "division by zero"),
        ("object.spec.replicas + 'a' == ''", "no such overload"),
        (
            "quantity('x').isInteger()",
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            "9223372036854775807 + object.spec.replicas > 0",
            "integer overflow",
        ),
    ] {
        assert_eq!(
            evaluate(expression, &object),
            Err(fault.to_owned()),
            "{expression}"
        );
    }
}

#[test]
fn what_means_nothing_is_told_at_compilation() {
    for (expression, fault) in [
        (
            "objekt.spec == 1",
            "ERROR: <input>:1:1: undeclared reference to 'objekt' (in container '')\n | objekt.spec == 1\n | ^",
        ),
        ("object.spec.foo()", "undeclared reference to 'foo'"),
        ("1 +", "Syntax error"),
        ("Pod{a: 1}", "undeclared reference to 'Pod' (in container '')"),
        ("", "Syntax error"),
    ] {
        let told = Expression::compile(expression, &["object"]).unwrap_err();
        assert!(
            told.starts_with("compilation failed: ERROR")
                || told.starts_with("compilation failed: undeclared"),
            "{told}"
        );
        assert!(told.contains(fault), "{told}");
    }
}

#[test]
fn mutating_policies_construct_objects() {
    let gates = "Object{spec: Object.spec{schedulingGates: [Object.spec.schedulingGates{name: \"gate\"}]}}";
    assert_eq!(
        evaluate(gates, &json!({})),
        Ok(json!({"spec": {"schedulingGates": [{"name": "gate"}]}}))
    );
    let one = "Object{spec: Object.spec{schedulingPolicy: Object.spec.schedulingPolicy{\
               gang: Object.spec.schedulingPolicy.gang{minCount: 1}}}}";
    assert_eq!(
        evaluate(one, &json!({})),
        Ok(json!({"spec": {"schedulingPolicy": {"gang": {"minCount": 1}}}}))
    );
    let patch =
        "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: object.x}]";
    assert_eq!(
        evaluate(patch, &json!({"x": {"y": [1]}})),
        Ok(json!([{"op": "add", "path": "/metadata/labels/a~1b", "value": {"y": [1]}}]))
    );
    let optional = "Object{metadata: Object.metadata{?name: object.?name, ?uid: object.?uid}}";
    assert_eq!(
        evaluate(optional, &json!({"name": "n"})),
        Ok(json!({"metadata": {"name": "n"}}))
    );
}

fn selects(expression: &str) -> Result<bool, String> {
    let attributes = json!({
        "model": {"string": "A100"}, "index": {"int": 3}, "healthy": {"bool": true}, "driverVersion": {"version": "1.2.3"},
        "resource.kubernetes.io/pcieRoot": {"string": "pci0"}, "numa": {"ints": [0, 1]},
    });
    let capacity = json!({"memory": {"value": "40Gi"}, "other.example.com/cores": {"value": "8"}});
    DeviceSelector::compile(expression)?.matches("gpu.example.com", &attributes, &capacity)
}

#[test]
fn devices_are_selected_by_driver_attributes_and_capacity() {
    for expression in [
        "device.driver == 'gpu.example.com'",
        "device.attributes['gpu.example.com'].model == 'A100' && device.attributes['gpu.example.com']['index'] == 3",
        "device.attributes[\"resource.kubernetes.io\"].pcieRoot == 'pci0'",
        "device.attributes['gpu.example.com'].healthy",
        "device.attributes['gpu.example.com'].driverVersion.compareTo(semver('1.2.0')) > 0",
        "device.capacity['gpu.example.com'].memory.compareTo(quantity('40Gi')) >= 0",
        "device.capacity['gpu.example.com'].memory.isGreaterThan(quantity('10Gi'))",
        "device.capacity['gpu.example.com'].memory.asInteger() == 42949672960",
        "device.capacity['other.example.com'].cores.isLessThan(quantity('9'))",
        "!device.allowMultipleAllocations",
        "'model' in device.attributes['gpu.example.com'] && !('model' in device.attributes['unknown.example.com'])",
        "!('unknown.example.com' in device.attributes)",
        "has(device.attributes['gpu.example.com'].model) && !has(device.attributes['gpu.example.com'].colour)",
        "cel.bind(dra, device.attributes['gpu.example.com'], dra.healthy && dra.index == 3)",
        "device.attributes['gpu.example.com'].numa.exists(n, n == 1) && device.attributes['gpu.example.com'].numa.includes(0)",
        "device.attributes['gpu.example.com'].model.lowerAscii().startsWith('a1')",
    ] {
        assert_eq!(selects(expression), Ok(true), "{expression}");
    }
    assert_eq!(selects("device.driver == 'x'"), Ok(false));
}

#[test]
fn a_missing_attribute_is_a_fault_not_false() {
    assert_eq!(
        selects("device.attributes['gpu.example.com'].colour == 'red'"),
        Err("no such key: colour".to_owned())
    );
    assert_eq!(
        selects("device.attributes['x.example.com'].model == 'A'"),
        Err("no such key: model".to_owned())
    );
    assert_eq!(
        selects("device.capacity['gpu.example.com'].cores.isInteger()"),
        Err("no such key: cores".to_owned())
    );
    assert_eq!(
        selects("device.driver"),
        Err("must evaluate to bool or the unknown type, not string".to_owned())
    );
    assert_eq!(
        selects("1 == 2 ||\n  device.colour == 'red'"),
        Err(
            "compilation failed: ERROR: <input>:2:9: undefined field 'colour'\n |   device.colour == 'red'\n | ........^"
                .to_owned()
        )
    );
}

#[test]
fn an_expression_that_would_take_too_long_is_refused() {
    let object = json!({"list": (0..2000).collect::<Vec<_>>()});
    let nested = "object.list.all(a, object.list.all(b, object.list.all(c, a + b + c >= 0)))";
    assert_eq!(
        evaluate(nested, &object),
        Err("operation cancelled: actual cost limit exceeded".to_owned())
    );
    let deep = format!("{}1{}", "(".repeat(60), ")".repeat(60));
    assert!(
        Expression::compile(&deep, &[])
            .unwrap_err()
            .contains("recursion limit")
    );
    let long = vec!["1"; 1500].join(" + ");
    assert!(
        Expression::compile(&long, &[])
            .unwrap_err()
            .contains("recursion limit")
    );
}
