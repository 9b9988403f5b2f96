//! Semantic versions in expressions.

use cel::{
    DeclarationError, Env, ExecutionError, add_member_overload, add_overload,
    common::types::{CelBool, CelInt, CelString},
};

use super::{fault, opaque::opaque, quantity::number};

/// A semantic version as a value of an expression; the build isn't part of its identity.
#[derive(Clone, Debug)]
pub(super) struct Version(pub(super) semver::Version);

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.0.cmp_precedence(&other.0).is_eq()
    }
}

opaque!(Version, "kubernetes.Semver");

pub(super) fn add_to(env: &mut Env) -> Result<(), DeclarationError> {
    add_overload!(env, fn semver: (CelString) -> Result<Version>)?;
    add_overload!(env, fn semver_lenient: (CelString, CelBool) -> Result<Version>, name = "semver")?;
    add_overload!(env, fn is_semver: (CelString) -> CelBool)?;
    add_overload!(env, fn is_semver_lenient: (CelString, CelBool) -> CelBool, name = "isSemver")?;
    add_member_overload!(env, fn is_greater_than: (Version, Version) -> CelBool)?;
    add_member_overload!(env, fn is_less_than: (Version, Version) -> CelBool)?;
    add_member_overload!(env, fn compare_to: (Version, Version) -> CelInt)?;
    add_member_overload!(env, fn major: (Version) -> CelInt)?;
    add_member_overload!(env, fn minor: (Version) -> CelInt)?;
    add_member_overload!(env, fn patch: (Version) -> CelInt)
}

/// A version in full: `1.2.3`, with pre-release and build if it has them.
pub(super) fn parse(text: &str) -> Result<Version, String> {
    semver::Version::parse(text)
        .map(Version)
        .map_err(|error| error.to_string())
}

/// A version that may lack parts, have leading zeros or begin with `v`.
fn parse_lenient(text: &str) -> Result<Version, String> {
    let text = text.trim().strip_prefix('v').unwrap_or(text.trim());
    let (core, rest) = match text.find(['-', '+']) {
        Some(end) => text.split_at(end),
        None => (text, ""),
    };
    let mut parts: Vec<&str> = core
        .split('.')
        .map(|part| {
            let trimmed = part.trim_start_matches('0');
            if trimmed.is_empty() && !part.is_empty() {
                "0"
            } else {
                trimmed
            }
        })
        .collect();
    while parts.len() < 3 {
        parts.push("0");
    }
    parse(&format!("{}{rest}", parts.join(".")))
}

fn semver(text: &CelString<'_>) -> Result<Version, ExecutionError> {
    parse(text.inner()).map_err(|error| fault::function("semver", error))
}

fn semver_lenient(text: &CelString<'_>, lenient: &CelBool) -> Result<Version, ExecutionError> {
    if *lenient.inner() {
        parse_lenient(text.inner()).map_err(|error| fault::function("semver", error))
    } else {
        semver(text)
    }
}

fn is_semver(text: &CelString<'_>) -> CelBool {
    parse(text.inner()).is_ok().into()
}

fn is_semver_lenient(text: &CelString<'_>, lenient: &CelBool) -> CelBool {
    if *lenient.inner() {
        parse_lenient(text.inner()).is_ok().into()
    } else {
        is_semver(text)
    }
}

fn is_greater_than(one: &Version, other: &Version) -> CelBool {
    one.0.cmp_precedence(&other.0).is_gt().into()
}

fn is_less_than(one: &Version, other: &Version) -> CelBool {
    one.0.cmp_precedence(&other.0).is_lt().into()
}

fn compare_to(one: &Version, other: &Version) -> CelInt {
    number(one.0.cmp_precedence(&other.0))
}

fn major(version: &Version) -> CelInt {
    part(version.0.major)
}

fn minor(version: &Version) -> CelInt {
    part(version.0.minor)
}

fn patch(version: &Version) -> CelInt {
    part(version.0.patch)
}

fn part(number: u64) -> CelInt {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}
