//! What can be said of an expression's type before it is evaluated: little, but enough to refuse the plainest mistakes.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::check::children;

/// The fields of a device.
const DEVICE: [&str; 4] = ["driver", "attributes", "capacity", "allowMultipleAllocations"];

/// What an expression is sure to be, and what it reads of `device`.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds {
    /// The type of its value, if that is plain to see.
    value: Option<&'static str>,
    /// A field of `device` that devices don't have, and where it is named.
    unknown: Option<(String, u64)>,
}

impl Kinds {
    pub(super) fn of(expression: &IdedExpr) -> Self {
        Self {
            value: kind(expression),
            unknown: unknown_field(expression),
        }
    }

    /// The type of its value where that is sure not to be a truth.
    pub(super) fn is_no_truth(&self) -> Option<&'static str> {
        self.value.filter(|kind| *kind != "bool")
    }

    /// What is wrong with it for a selector of devices; `source` is its text.
    pub(super) fn select_devices(&self, source: &str) -> Result<(), String> {
        if let Some((field, at)) = &self.unknown {
            // The field follows the name and its dot.
            let start = usize::try_from(*at).unwrap_or_default();
            let name: usize = "device".len();
            let dot = source
                .chars()
                .skip(start + name)
                .position(|letter| letter == '.')
                .unwrap_or_default();
            let before: String = source.chars().take(start + name + dot).collect();
            let line = before.matches('\n').count();
            let column = before.chars().rev().take_while(|letter| *letter != '\n').count();
            let text = source.lines().nth(line).unwrap_or_default();
            return Err(format!(
                "compilation failed: ERROR: <input>:{}:{}: undefined field '{field}'\n | {text}\n | {}^",
                line + 1,
                column + 1,
                ".".repeat(column)
            ));
        }
        match self.is_no_truth() {
            Some(kind) => Err(format!("must evaluate to bool or the unknown type, not {kind}")),
            None => Ok(()),
        }
    }

    /// Where the identifier of an unknown field stands in the text, by the parser's account.
    pub(super) fn located(mut self, offset: impl Fn(u64) -> Option<u64>) -> Self {
        self.unknown = self.unknown.and_then(|(field, id)| Some((field, offset(id)?)));
        self
    }
}

fn kind(expression: &IdedExpr) -> Option<&'static str> {
    match &expression.expr {
        Expr::Literal(literal) => Some(match literal {
            LiteralValue::Boolean(_) => "bool",
            LiteralValue::Bytes(_) => "bytes",
            LiteralValue::Double(_) => "double",
            LiteralValue::Int(_) => "int",
            LiteralValue::Null => "null_type",
            LiteralValue::String(_) => "string",
            LiteralValue::UInt(_) => "uint",
        }),
        Expr::Select(select) if select.test => Some("bool"),
        Expr::Select(select) if is_device(&select.operand) => match select.field.as_str() {
            "driver" => Some("string"),
            "allowMultipleAllocations" => Some("bool"),
            _ => None,
        },
        Expr::Call(call) => match call.func_name.as_str() {
            operators::LOGICAL_AND
            | operators::LOGICAL_OR
            | operators::LOGICAL_NOT
            | operators::EQUALS
            | operators::NOT_EQUALS
            | operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS
            | operators::IN => Some("bool"),
            operators::CONDITIONAL => match call.args.as_slice() {
                [_, one, other] => kind(one).filter(|one| kind(other) == Some(*one)),
                _ => None,
            },
            "size" => Some("int"),
            _ => None,
        },
        Expr::Comprehension(_)
        | Expr::Ident(_)
        | Expr::List(_)
        | Expr::Map(_)
        | Expr::Select(_)
        | Expr::Struct(_)
        | Expr::Unspecified => None,
    }
}

fn is_device(expression: &IdedExpr) -> bool {
    matches!(&expression.expr, Expr::Ident(name) if name == "device")
}

fn unknown_field(expression: &IdedExpr) -> Option<(String, u64)> {
    if let Expr::Select(select) = &expression.expr
        && is_device(&select.operand)
        && !DEVICE.contains(&select.field.as_str())
    {
        return Some((select.field.clone(), select.operand.id));
    }
    // A loop may have a variable of that name.
    if let Expr::Comprehension(of) = &expression.expr
        && (of.iter_var == "device" || of.accu_var == "device")
    {
        return unknown_field(&of.iter_range);
    }
    children(expression).into_iter().find_map(unknown_field)
}
