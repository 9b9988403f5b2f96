//! Kubernetes' functions on strings.

use cel::{
    DeclarationError, Env, ExecutionError, add_member_overload, add_overload,
    common::{
        types::{CelInt, CelList, CelString},
        value::Val,
    },
};
use regex::Regex;

use super::fault;
use crate::schema::pattern::compile;

pub(super) fn add_to(env: &mut Env) -> Result<(), DeclarationError> {
    add_member_overload!(env, fn find: (CelString, CelString) -> Result<CelString>)?;
    add_member_overload!(env, fn find_all: (CelString, CelString) -> Result<CelList>)?;
    add_member_overload!(env, fn find_some: (CelString, CelString, CelInt) -> Result<CelList>, name = "findAll")?;
    add_overload!(env, fn escape_key: (CelString) -> CelString, name = "jsonpatch.escapeKey")
}

fn pattern(text: &CelString<'_>) -> Result<Regex, ExecutionError> {
    compile(text.inner()).map_err(|error| fault::function("find", format!("Illegal regex: {error}")))
}

fn find(text: &CelString<'_>, regex: &CelString<'_>) -> Result<CelString<'static>, ExecutionError> {
    let pattern = pattern(regex)?;
    Ok(pattern
        .find(text.inner())
        .map_or(String::new(), |found| found.as_str().to_owned())
        .into())
}

fn find_all(text: &CelString<'_>, regex: &CelString<'_>) -> Result<CelList<'static>, ExecutionError> {
    matches(text, regex, usize::MAX)
}

fn find_some(
    text: &CelString<'_>,
    regex: &CelString<'_>,
    most: &CelInt,
) -> Result<CelList<'static>, ExecutionError> {
    matches(text, regex, usize::try_from(*most.inner()).unwrap_or(usize::MAX))
}

fn matches(
    text: &CelString<'_>,
    regex: &CelString<'_>,
    most: usize,
) -> Result<CelList<'static>, ExecutionError> {
    let pattern = pattern(regex)?;
    let found = pattern.find_iter(text.inner()).take(most);
    let found: Vec<Box<dyn Val>> = found
        .map(|found| Box::new(CelString::from(found.as_str().to_owned())) as Box<dyn Val>)
        .collect();
    Ok(found.into())
}

fn escape_key(key: &CelString<'_>) -> CelString<'static> {
    key.inner().replace('~', "~0").replace('/', "~1").into()
}
