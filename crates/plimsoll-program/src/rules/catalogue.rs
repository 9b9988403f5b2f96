//! What each rule is about and what to do when it is broken, in our words.

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleFacts {
    /// Its number: R for the validator's, P for the programme's documents, N for what nobody checks, Q for traps.
    pub id: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// What to do about a finding.
    pub fix: &'static str,
}

const fn rule(id: &'static str, title: &'static str, fix: &'static str) -> RuleFacts {
    RuleFacts { id, title, fix }
}

const CHECKLIST: &str = "take the entry over from the official checklist, unchanged, and fill it in";
const VECTOR: &str = "link the product's logo as SVG, AI or EPS";

/// Every rule that a finding can name, in the order of their numbers.
pub const CATALOGUE: [RuleFacts; 57] = [
    rule(
        "R01",
        "the list of members can be read",
        "give the list of members with --members, one name a line",
    ),
    rule(
        "R02",
        "the path names a version",
        "lay the product into a directory v<major>.<minor>/<product>, such as v1.37/acme",
    ),
    rule(
        "R03",
        "the version has a checklist",
        "use a version of the programme; --checklists names the folder of its checklists",
    ),
    rule(
        "R04",
        "the file is YAML",
        "indent with blanks, save as UTF-8, and quote text that holds `: `, ` #` or begins with a sign",
    ),
    rule("R05", "no key stands twice", "keep one of the two"),
    rule(
        "R06",
        "values have the right kind",
        "a list begins each entry with `- `; an empty list is `[]`",
    ),
    rule(
        "R07",
        "there is a section `metadata`",
        "fill in `metadata` as in the official checklist",
    ),
    rule(
        "R08",
        "required fields are there",
        "add the field under `metadata`",
    ),
    rule("R09", "fields are text", "put the value between double quotes"),
    rule("R10", "required fields are not empty", "fill in the field"),
    rule("R11", "no placeholder is left", "put the real value in its place"),
    rule(
        "R12",
        "the Kubernetes certificate is linked",
        "link the product's directory: https://github.com/cncf/k8s-conformance/tree/master/v<major>.<minor>/<product>",
    ),
    rule(
        "R13",
        "the Kubernetes certificate can be reached",
        "correct the link",
    ),
    rule(
        "R14",
        "links in `metadata` can be reached",
        "correct the link, or let the validator's requests in",
    ),
    rule(
        "R15",
        "the vendor is a member",
        "spell the name as the list of members does",
    ),
    rule(
        "R16",
        "there is a section `spec`",
        "take `spec` over from the official checklist",
    ),
    rule(
        "R17",
        "no category is missing",
        "take the category over from the official checklist",
    ),
    rule("R18", "no requirement is missing", CHECKLIST),
    rule("R19", "a SHOULD may stay blank", "nothing is to be done"),
    rule(
        "R20",
        "the status is one of the programme's",
        "write Implemented, Not Implemented, Partially Implemented or N/A, letter for letter",
    ),
    rule(
        "R21",
        "every MUST is implemented",
        "a certificate needs every MUST as Implemented",
    ),
    rule(
        "R22",
        "a conditional MUST is not applicable",
        "see that the notes say why the condition does not arise",
    ),
    rule(
        "R23",
        "N/A has a reason",
        "say in the notes why the requirement's condition does not arise on the platform",
    ),
    rule(
        "R24",
        "empty evidence entries are passed over",
        "nothing is to be done",
    ),
    rule(
        "R25",
        "evidence can be reached",
        "correct the link, or let the validator's requests in",
    ),
    rule(
        "R26",
        "a local entry names a file",
        "write the file's path in the product's directory",
    ),
    rule(
        "R27",
        "local evidence is the product's own",
        "copy the file into the product's directory and name it there",
    ),
    rule(
        "R28",
        "local evidence lies in the product's directory",
        "copy the file into the product's directory",
    ),
    rule(
        "R29",
        "local evidence is there",
        "name an existing file in the product's directory, or a link that begins with https://",
    ),
    rule(
        "R30",
        "test artifacts can be read",
        "junit.xml is JUnit, results.json the lines of `go test -json`, e2e.log those of `go test -v`; call other files otherwise",
    ),
    rule(
        "R31",
        "nothing failed in a test artifact",
        "run the tests again, and attach a run in which none fails",
    ),
    rule(
        "R32",
        "the artifact has the test",
        "attach a run that holds the test, or name another with #Test",
    ),
    rule(
        "R33",
        "the test passed",
        "run the test again, and attach a run in which it passes",
    ),
    rule(
        "R34",
        "what is claimed was not skipped",
        "run the test, or don't claim the requirement",
    ),
    rule(
        "R35",
        "mapped tests come with artifacts",
        "attach junit.xml, results.json or e2e.log of the test suite",
    ),
    rule("R36", "no error is left", "mend the errors"),
    rule(
        "P02",
        "the platform is Certified Kubernetes",
        "link a certificate that has not run out",
    ),
    rule(
        "P06",
        "versions agree",
        "use the directory and checklist of the version that was verified",
    ),
    rule("P07", "the logo is a vector file", VECTOR),
    rule(
        "P08",
        "metadata say what they are for",
        "write a real link, or a real address",
    ),
    rule(
        "P09",
        "the Kubernetes certificate is the product's",
        "link the certificate of this product in this version",
    ),
    rule("P10", "the checklist is not changed", CHECKLIST),
    rule(
        "P11",
        "every MUST has evidence",
        "link what shows it: documentation, or a file of the submission",
    ),
    rule(
        "P13",
        "artifacts are complete and have their own names",
        "call it junit.xml, results.json or e2e.log",
    ),
    rule(
        "P14",
        "N/A is explained by the condition",
        "say why the requirement's condition does not arise",
    ),
    rule(
        "N01",
        "keys that nothing reads",
        "remove the one that is not read",
    ),
    rule("N11", "evidence is small", "attach what the reviewer has to read"),
    rule("N12", "evidence is a file", "name the file"),
    rule(
        "N13",
        "files lie in the product's directory",
        "copy the file in the place of the link",
    ),
    rule("N14", "there is one document", "remove what follows `---`"),
    rule(
        "N16",
        "artifacts were made on the product, and are as the run wrote them",
        "run on the product's own cluster, and attach the files as they were written",
    ),
    rule(
        "N17",
        "evidence can be looked at",
        "name an existing file in the product's directory",
    ),
    rule(
        "N18",
        "artifacts are named as evidence",
        "name it as evidence, or remove it",
    ),
    rule(
        "N19",
        "the test run went to its end",
        "attach a run that ended by itself",
    ),
    rule("N20", "values have no blanks around them", "remove the blanks"),
    rule(
        "Q10",
        "a test stands for its own requirement",
        "name the requirement's own test",
    ),
    rule(
        "Q13",
        "no placeholder hides behind a blank",
        "put the real value in its place",
    ),
];

/// What to do about a finding of this rule.
pub(super) fn fix(id: &str) -> &'static str {
    CATALOGUE
        .iter()
        .find(|rule| rule.id == id)
        .map_or("", |rule| rule.fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_that_the_sources_name_is_in_the_catalogue() {
        let sources = [
            include_str!("judge.rs"),
            include_str!("metadata.rs"),
            include_str!("claims.rs"),
            include_str!("evidence.rs"),
            include_str!("advice/metadata.rs"),
            include_str!("advice/claims.rs"),
            include_str!("advice/files.rs"),
        ];
        let is_number = |word: &&str| {
            word.len() == 3
                && word.starts_with(['R', 'P', 'N', 'Q'])
                && word[1..].bytes().all(|byte| byte.is_ascii_digit())
        };
        for word in sources
            .iter()
            .flat_map(|source| source.split('"'))
            .filter(is_number)
        {
            assert!(
                CATALOGUE.iter().any(|rule| rule.id == word),
                "{word} is not in the catalogue"
            );
        }
        let rules = CATALOGUE.iter().filter(|rule| rule.id.starts_with('R'));
        assert!(
            rules
                .map(|rule| rule.id.to_owned())
                .eq((1..=36).map(|number| format!("R{number:02}")))
        );
    }
}
