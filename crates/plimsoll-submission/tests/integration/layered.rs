//! Products that stand on other certified ones.

use crate::fixture::{PRODUCT, Run, Setting, said};

#[test]
fn each_requirement_names_the_layer_that_owns_it() {
    let Some(setting) = Setting::new("1.37") else {
        return;
    };
    let product = format!(
        "{PRODUCT}[[layer]]\nname = \"base\"\nproduct = \"Example Kubernetes 1.2\"\n\
         certificate = \"https://github.com/cncf/k8s-ai-conformance/tree/main/v1.37/example\"\n\
         [[layer]]\nname = \"orchard\"\nproduct = \"Acme Orchard 3.2\"\n\
         [requirement.secure_accelerator_access]\nowner = \"base\"\n[requirement.gang_scheduling]\nowner = \"orchard\"\n"
    );
    let composed = setting.compose(&[Run::sound()], &product, false).unwrap();
    assert_eq!(said(&composed), [], "{:#?}", composed.verdict.findings);
    let written = setting.text(&composed, "PRODUCT.yaml");
    assert!(
        written.contains("Owned by layer base (Example Kubernetes 1.2, certified: https://"),
        "{written}"
    );
    let readme = setting.text(&composed, "README.md");
    assert!(
        readme.contains("| orchard | Acme Orchard 3.2 |  | gang_scheduling |"),
        "{readme}"
    );
}
