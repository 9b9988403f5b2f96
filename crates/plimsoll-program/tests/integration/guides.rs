//! The guide to validation.

use plimsoll_program::rules::{
    Checklists, Members, Validator, discover,
    format::{Terminal, github, terminal, undecided},
};

use crate::{
    guide_page::{hold, option},
    parity::copy,
    programme_files,
};

#[test]
fn the_guide_to_validation_shows_what_is_printed() {
    let Some(programme) = programme_files() else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let checkout = home.path().join("checkout");
    copy(&programme.join("docs"), &checkout.join("docs"));
    for (case, path) in [
        ("ok-base-1.37", "v1.37/acme-orchard"),
        ("artifact-junit-failed", "v1.37/acme-meadow"),
        ("meta-k8s-url-pull-request", "v1.37/acme-hedge"),
    ] {
        copy(
            &programme.join("bad-submissions").join(case),
            &checkout.join(path),
        );
    }
    hold("validate", home.path(), |words| {
        let found = discover(&home.path().join(words[1])).unwrap();
        let validator = Validator {
            checklists: Checklists::read(&checkout.join("docs")).unwrap(),
            members: option(words, "--members").map(|_| Members::from_lines("Acme Example Corp\n")),
            ..Validator::default()
        };
        let verdicts = validator.validate_all(&found.products);
        let printed = match option(words, "--format") {
            Some("github") => github(&verdicts),
            _ => terminal(&verdicts, Terminal::default()),
        };
        printed + &undecided(&verdicts).unwrap_or_default()
    });
}
