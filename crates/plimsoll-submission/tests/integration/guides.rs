//! The guide to submissions.

use std::fs;

use plimsoll_program::rules::{
    Members, Validator, discover,
    format::{Terminal, terminal, undecided},
};
use plimsoll_record::{PlatformKind, Verdict};
use plimsoll_submission::{Product, Request, TEMPLATE, compose, summary};

use crate::{
    fixture::{Run, Setting},
    guide_page::{hold, option},
};

#[test]
fn the_guide_to_submissions_shows_what_is_printed() {
    let Some(setting) = Setting::new("1.37") else {
        return;
    };
    let home = setting.home.path();
    let example = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/submission/product.toml"
    );
    let product = Product::read(example.as_ref()).unwrap();
    let mut run = Run::sound();
    run.kind = PlatformKind::Simulated;
    for (id, verdict) in &mut run.verdicts {
        if !["gang_scheduling", "secure_accelerator_access"].contains(id) {
            *verdict = Verdict::Skipped;
        }
    }
    let records = setting.records(&[run]);
    fs::create_dir_all(home.join("checkout/docs")).unwrap();
    let checklist = home.join("checkout/docs/AIConformance-1.37.yaml");
    fs::copy(&setting.checklist, &checklist).unwrap();
    hold("submission", home, |words| match words[0] {
        "submission" if words[1] == "--init" => {
            assert!(!TEMPLATE.is_empty());
            "wrote product.toml: fill it in, then give it with --product\n".to_owned()
        }
        "submission" => {
            let composed = compose(&Request {
                records: &records,
                product: Some(&product),
                checklist: &home.join(option(words, "--checklist").unwrap()),
                root: &home.join(option(words, "--out").unwrap()),
                update: false,
            })
            .unwrap();
            let said = summary(&composed, &checklist);
            format!("{}\n{}\n", said.trim_end(), composed.directory.display())
        }
        _ => {
            let found = discover(&home.join(words[1])).unwrap();
            let validator = Validator {
                checklists: plimsoll_program::rules::Checklists::read(&home.join("checkout/docs")).unwrap(),
                members: Some(Members::from_lines("Acme Example Corp\n")),
                ..Validator::default()
            };
            let verdicts = validator.validate_all(&found.products);
            terminal(&verdicts, Terminal::default()) + &undecided(&verdicts).unwrap_or_default()
        }
    });
}
