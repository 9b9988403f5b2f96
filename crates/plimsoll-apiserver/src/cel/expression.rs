//! Expressions: compiled once, evaluated often.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use cel::{
    Context,
    common::{
        ast::IdedExpr,
        types::CelOptional,
        value::{CowVal, Val},
    },
};
use serde_json::Value;

use super::{check, environment::environment, fault, json, kinds::Kinds, rewrite};
use crate::schema::graph::View;

/// What the names in an expression stand for, such as `object` and `oldObject`.
pub type Bindings<'a> = BTreeMap<&'a str, &'a Value>;

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    tree: IdedExpr,
    shape: check::Shape,
    kinds: Kinds,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Variable<'a> {
    /// Plain JSON.
    Json(&'a Value),
    /// A value that a schema describes.
    Typed(&'a Value, View<'a>),
    /// `optional.of` a value, or `optional.none()`.
    Optional(Option<&'a Value>, View<'a>),
}

impl Expression {
    /// Compiles an expression in which those variables may be used.
    ///
    /// # Errors
    /// What is wrong with it, as the API words it.
    pub fn compile(source: &str, variables: &[&str]) -> Result<Self, String> {
        let failed = |why: String| format!("compilation failed: {why}");
        check::source(source).map_err(failed)?;
        let parser = environment().parser().enable_ident_escape_syntax(true);
        // The parser is a generated one: what it makes of odd input is nobody's to say.
        let parsed = catch_unwind(AssertUnwindSafe(|| parser.parse_with_source_info(source)))
            .map_err(|_| failed("ERROR: <input>:1:1: Syntax error".to_owned()))?;
        let (mut tree, source) =
            parsed.map_err(|errors| failed(errors.to_string().replace("\n| ", "\n | ")))?;
        let shape = check::names(&tree, variables, &source).map_err(failed)?;
        let kinds = Kinds::of(&tree).located(|id| source.offset_for(id).map(|(start, _)| start.into()));
        rewrite::rewrite(&mut tree).map_err(failed)?;
        Ok(Self { tree, shape, kinds })
    }

    /// What can be said of its type.
    pub(super) fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    /// Whether its value is sure to be neither true nor false.
    pub(crate) fn is_no_truth(&self) -> bool {
        self.kinds.is_no_truth().is_some()
    }

    /// Its value as JSON. `Object{…}` and `JSONPatch{…}` are objects.
    ///
    /// # Errors
    /// Why it has none, as the API words it.
    pub fn evaluate(&self, bindings: &Bindings<'_>) -> Result<Value, String> {
        let variables: Vec<_> = bindings
            .iter()
            .map(|(name, value)| (*name, Variable::Json(value)))
            .collect();
        self.with_value(&variables, |value| {
            json::to_json(value).ok_or_else(|| "no such overload".to_owned())
        })?
    }

    /// Its value where that has to be true or false.
    ///
    /// # Errors
    /// As [`Expression::evaluate`].
    pub fn holds(&self, bindings: &Bindings<'_>) -> Result<bool, String> {
        let variables: Vec<_> = bindings
            .iter()
            .map(|(name, value)| (*name, Variable::Json(value)))
            .collect();
        self.holds_for(&variables)
    }

    pub(crate) fn holds_for(&self, variables: &[(&str, Variable<'_>)]) -> Result<bool, String> {
        self.with_value(variables, truth)?
    }

    /// Its value where that has to be a text, without space around it.
    pub(crate) fn text(&self, variables: &[(&str, Variable<'_>)]) -> Result<String, String> {
        self.with_value(variables, |value| match json::to_json(value) {
            Some(Value::String(text)) => Ok(text.trim().to_owned()),
            _ => Err("must evaluate to string".to_owned()),
        })?
    }

    fn with_value<T>(
        &self,
        variables: &[(&str, Variable<'_>)],
        read: impl FnOnce(&dyn Val) -> T,
    ) -> Result<T, String> {
        let longest = variables
            .iter()
            .map(|(_, variable)| variable.longest())
            .max()
            .unwrap_or_default();
        self.shape.affords(longest)?;
        let values = variables.iter().map(|(name, variable)| (*name, variable.value()));
        evaluate(&self.tree, values, read)
    }

    /// Evaluates it with values that are no JSON.
    pub(super) fn holds_with<'v>(
        &self,
        variables: impl Iterator<Item = (&'v str, Box<dyn Val + 'v>)>,
    ) -> Result<bool, String> {
        evaluate(&self.tree, variables, truth)?
    }
}

fn evaluate<'v, T>(
    tree: &IdedExpr,
    variables: impl Iterator<Item = (&'v str, Box<dyn Val + 'v>)>,
    read: impl FnOnce(&dyn Val) -> T,
) -> Result<T, String> {
    let mut context = Context::with_env(Arc::clone(environment()));
    for (name, value) in variables {
        context.add_variable_as_val(name, value);
    }
    let value: CowVal<'_, '_> =
        cel::Value::resolve_val(tree, &context).map_err(|error| fault::text(&error))?;
    Ok(read(value.as_ref()))
}

fn truth(value: &dyn Val) -> Result<bool, String> {
    match json::to_json(value) {
        Some(Value::Bool(is)) => Ok(is),
        _ => Err(format!(
            "CEL result of type {} could not be converted to bool",
            value.get_type().name()
        )),
    }
}

impl<'a> Variable<'a> {
    fn value(self) -> Box<dyn Val + 'a> {
        match self {
            Self::Json(value) => json::from_json(value, None),
            Self::Typed(value, schema) => json::from_json(value, Some(schema)),
            Self::Optional(None, _) => Box::new(CelOptional::none()),
            Self::Optional(Some(value), schema) => {
                Box::new(CelOptional::of(json::from_json(value, Some(schema))))
            }
        }
    }

    /// The length of the longest list or object in it.
    fn longest(self) -> usize {
        match self {
            Self::Json(value) | Self::Typed(value, _) | Self::Optional(Some(value), _) => longest(value),
            Self::Optional(None, _) => 0,
        }
    }
}

fn longest(value: &Value) -> usize {
    match value {
        Value::Array(items) => items
            .iter()
            .map(longest)
            .max()
            .unwrap_or_default()
            .max(items.len()),
        Value::Object(fields) => fields
            .values()
            .map(longest)
            .max()
            .unwrap_or_default()
            .max(fields.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}
