//! The published format.

use plimsoll_portability::{answer, document::schema, rows};

use super::{all_examples, platforms};

#[test]
fn the_published_schema_is_the_one_the_types_have() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../schemas/portability.v1.schema.json"
    );
    let generated = format!("{:#}\n", schema());
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        committed, generated,
        "run this test with UPDATE_SCHEMAS=1 and look at what changed"
    );
}

#[test]
fn the_fields_of_the_contract_are_there() {
    let manifests = all_examples();
    let platforms = platforms();
    let rows = serde_json::to_value(rows(&manifests, &platforms, &answer(&manifests, &platforms))).unwrap();
    for row in rows.as_array().unwrap() {
        for field in ["workload", "platform", "answer", "needs", "changes", "reasons"] {
            assert!(row.get(field).is_some(), "{field}");
        }
        let names = row["answer"].as_str().unwrap();
        assert!(["runs", "runs-with-changes", "does-not-run"].contains(&names));
        assert_eq!(
            names == "runs-with-changes",
            !row["changes"].as_array().unwrap().is_empty()
        );
        assert_eq!(
            names == "does-not-run",
            !row["reasons"].as_array().unwrap().is_empty()
        );
    }
}
