//! What is wrong with a field, as the API words it.

use serde_json::{Value, json};

use crate::{Reason, Status};

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $reason:literal $text:literal)*) => {
        /// Why a field is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum CauseReason {
            $($(#[doc = $doc])* $name,)*
        }

        impl CauseReason {
            /// Its name in `details.causes`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $reason,)* }
            }

            /// How its message begins.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// Something it refers to isn't there.
    NotFound = "FieldValueNotFound" "Not found"
    /// It must be given.
    Required = "FieldValueRequired" "Required value"
    /// It is there twice.
    Duplicate = "FieldValueDuplicate" "Duplicate value"
    /// It breaks a rule.
    Invalid = "FieldValueInvalid" "Invalid value"
    /// It is none of the values there are.
    NotSupported = "FieldValueNotSupported" "Unsupported value"
    /// It may not be given here.
    Forbidden = "FieldValueForbidden" "Forbidden"
    /// It is too long.
    TooLong = "FieldValueTooLong" "Too long"
    /// There are too many.
    TooMany = "FieldValueTooMany" "Too many"
    /// It is of the wrong type.
    TypeInvalid = "FieldValueTypeInvalid" "Invalid value"
    /// The server failed.
    InternalError = "InternalError" "Internal error"
}

/// One thing that is wrong with an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    /// Why.
    pub reason: CauseReason,
    /// Where, such as `spec.containers[0].name`.
    pub field: String,
    /// All of the message but the path.
    pub message: String,
}

impl Cause {
    /// A value that breaks a rule: `field: Invalid value: VALUE: detail`.
    #[must_use]
    pub fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self::with_value(CauseReason::Invalid, field, value, detail)
    }

    /// A value of the wrong type, worded as [`Cause::invalid`].
    #[must_use]
    pub fn mistyped(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self::with_value(CauseReason::TypeInvalid, field, value, detail)
    }

    /// A value that is missing.
    #[must_use]
    pub fn required(field: impl Into<String>, detail: &str) -> Self {
        Self::bare(CauseReason::Required, field, detail)
    }

    /// A value that may not be given here.
    #[must_use]
    pub fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::bare(CauseReason::Forbidden, field, detail)
    }

    /// A value that is there already.
    #[must_use]
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::with_value(CauseReason::Duplicate, field, value, "")
    }

    /// A value that refers to nothing.
    #[must_use]
    pub fn not_found(field: impl Into<String>, value: &Value) -> Self {
        Self::with_value(CauseReason::NotFound, field, value, "")
    }

    /// A value that is none of `supported`, which are named in this order.
    #[must_use]
    pub fn not_supported(field: impl Into<String>, value: &Value, supported: &[&str]) -> Self {
        let supported: Vec<String> = supported.iter().map(|one| format!("\"{one}\"")).collect();
        let detail = if supported.is_empty() {
            String::new()
        } else {
            format!("supported values: {}", supported.join(", "))
        };
        Self::with_value(CauseReason::NotSupported, field, value, &detail)
    }

    /// A text of more than `most` bytes.
    #[must_use]
    pub fn too_long(field: impl Into<String>, most: u64) -> Self {
        Self::bare(
            CauseReason::TooLong,
            field,
            &format!("may not be more than {most} bytes"),
        )
    }

    /// A list of `count` where there may be `most`.
    #[must_use]
    pub fn too_many(field: impl Into<String>, count: usize, most: u64) -> Self {
        let items = if most == 1 { "item" } else { "items" };
        Self {
            reason: CauseReason::TooMany,
            field: field.into(),
            message: format!("Too many: {count}: must have at most {most} {items}"),
        }
    }

    /// A value that is too large to be quoted.
    #[must_use]
    pub fn without_value(reason: CauseReason, field: impl Into<String>, detail: &str) -> Self {
        Self::bare(reason, field, detail)
    }

    fn bare(reason: CauseReason, field: impl Into<String>, detail: &str) -> Self {
        let message = if detail.is_empty() {
            reason.text().to_owned()
        } else {
            format!("{}: {detail}", reason.text())
        };
        Self {
            reason,
            field: field.into(),
            message,
        }
    }

    fn with_value(reason: CauseReason, field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self::quoting(reason, field, &value.to_string(), detail)
    }

    /// A value that is quoted as it is given here.
    pub(crate) fn quoting(reason: CauseReason, field: impl Into<String>, value: &str, detail: &str) -> Self {
        let mut message = format!("{}: ", reason.text());
        // Go writes structures so that they can stand in a page.
        let is_structure = value.starts_with(['{', '[']);
        for letter in value.chars() {
            match letter {
                '<' | '>' | '&' if is_structure => message.push_str(&format!("\\u{:04x}", u32::from(letter))),
                letter => message.push(letter),
            }
        }
        if !detail.is_empty() {
            message.push_str(": ");
            message.push_str(detail);
        }
        Self {
            reason,
            field: field.into(),
            message,
        }
    }
}

/// `spec.replicas: Invalid value: …`.
impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// The refusal of an object for those causes: `Deployment.apps "web" is invalid: …`.
#[must_use]
pub fn invalid(group: &str, kind: &str, name: &str, causes: &[Cause]) -> Status {
    let mut texts: Vec<String> = Vec::new();
    for cause in causes {
        let text = cause.to_string();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    let what = match texts.as_slice() {
        [] => "<nil>".to_owned(),
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    let qualified = if group.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind}.{group}")
    };
    // Only the message tells each once.
    let causes: Vec<Value> = causes
        .iter()
        .map(|cause| json!({"reason": cause.reason.name(), "message": cause.message, "field": cause.field}))
        .collect();
    let mut details = json!({"causes": causes});
    for (field, text) in [("name", name), ("group", group), ("kind", kind)] {
        if !text.is_empty() {
            details[field] = text.into();
        }
    }
    Status {
        reason: Reason::Invalid,
        message: format!("{qualified} \"{name}\" is invalid: {what}"),
        details,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_object_fields_and_values() {
        let causes = [
            Cause::invalid("spec.replicas", &json!(-1), "must be greater than or equal to 0"),
            Cause::required("spec.selector", ""),
            Cause::not_supported("spec.restartPolicy", &json!("x"), &["Always", "Never"]),
        ];
        let status = invalid("apps", "Deployment", "web", &causes);
        assert_eq!(
            status.message,
            "Deployment.apps \"web\" is invalid: [spec.replicas: Invalid value: -1: must be greater than or equal to 0, \
             spec.selector: Required value, spec.restartPolicy: Unsupported value: \"x\": supported values: \
             \"Always\", \"Never\"]"
        );
        assert_eq!(status.details["causes"][1]["reason"], "FieldValueRequired");
        assert_eq!(status.details["causes"][1]["field"], "spec.selector");
    }
}
