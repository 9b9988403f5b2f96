//! Named formats in expressions: `format.dns1123Label().validate(name)`.

use cel::{
    DeclarationError, Env, ExecutionError, add_member_overload,
    common::{
        types::{CelList, CelOptional, CelString, STRING_TYPE},
        value::{CowVal, Val},
    },
};

use super::{fault, opaque::opaque};
use crate::{rules::names, schema::format::Format};

/// A format by its name.
#[derive(Clone, Debug, PartialEq)]
struct Named(&'static str);

opaque!(Named, "kubernetes.NamedFormat");

/// A check for each: what is wrong with a text.
type Check = fn(&str) -> Vec<String>;

const FORMATS: [(&str, Check); 14] = [
    ("dns1123Label", |text| names::dns1123_label(text)),
    ("dns1123Subdomain", |text| names::dns1123_subdomain(text)),
    ("dns1035Label", |text| names::dns1035_label(text)),
    ("qualifiedName", |text| names::qualified_name(text)),
    ("dns1123LabelPrefix", |text| names::dns1123_label(&masked(text))),
    ("dns1123SubdomainPrefix", |text| {
        names::dns1123_subdomain(&masked(text))
    }),
    ("dns1035LabelPrefix", |text| names::dns1035_label(&masked(text))),
    ("labelValue", |text| names::label_value(text)),
    ("uri", |text| told(Format::Uri.matches(text), "invalid URI")),
    ("uuid", |text| {
        told(Format::Uuid.matches(text), "does not match the UUID format")
    }),
    ("byte", |text| told(Format::Byte.matches(text), "invalid base64")),
    ("date", |text| told(Format::Date.matches(text), "invalid date")),
    ("datetime", |text| {
        told(Format::DateTime.matches(text), "invalid datetime")
    }),
    ("duration", |text| {
        told(Format::Duration.matches(text), "invalid duration")
    }),
];

fn told(is_right: bool, what: &str) -> Vec<String> {
    if is_right {
        Vec::new()
    } else {
        vec![what.to_owned()]
    }
}

/// A prefix to which something is to be appended.
fn masked(prefix: &str) -> String {
    prefix
        .strip_suffix('-')
        .map_or_else(|| prefix.to_owned(), |rest| format!("{rest}a"))
}

pub(super) fn add_to(env: &mut Env) -> Result<(), DeclarationError> {
    macro_rules! named {
        ($($name:literal)*) => {$(
            env.add_overload(concat!("format.", $name), concat!("format_", $name), vec![], |_| {
                Ok(CowVal::owned(Named($name)))
            })?;
        )*};
    }
    named! {
        "dns1123Label" "dns1123Subdomain" "dns1035Label" "qualifiedName" "dns1123LabelPrefix" "dns1123SubdomainPrefix"
        "dns1035LabelPrefix" "labelValue" "uri" "uuid" "byte" "date" "datetime"
    }
    env.add_overload("format.named", "format_named", vec![STRING_TYPE], |arguments| {
        let name = arguments
            .first()
            .and_then(|name| name.downcast_ref::<CelString>());
        let found = name.and_then(|name| FORMATS.iter().find(|(known, _)| *known == name.inner()));
        Ok(CowVal::owned(match found {
            Some((name, _)) => CelOptional::of(Box::new(Named(name))),
            None => CelOptional::none(),
        }))
    })?;
    add_member_overload!(env, fn validate: (Named, CelString) -> Result<CelOptional>)
}

fn validate(format: &Named, text: &CelString<'_>) -> Result<CelOptional<'static>, ExecutionError> {
    let (_, check) = FORMATS
        .iter()
        .find(|(name, _)| *name == format.0)
        .ok_or_else(|| fault::function("validate", "no such format"))?;
    let wrong = check(text.inner());
    if wrong.is_empty() {
        return Ok(CelOptional::none());
    }
    let wrong: Vec<Box<dyn Val>> = wrong
        .into_iter()
        .map(|one| Box::new(CelString::from(one)) as Box<dyn Val>)
        .collect();
    Ok(CelOptional::of(Box::new(CelList::from(wrong))))
}
