//! What goes wrong at evaluation, as Kubernetes words it.

use cel::ExecutionError;

/// The text for an error.
pub(super) fn text(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
        ExecutionError::NoSuchOverload(_)
        | ExecutionError::UnexpectedType { .. }
        | ExecutionError::ValuesNotComparable(..)
        | ExecutionError::UnsupportedBinaryOperator(..)
        | ExecutionError::UnsupportedIndex(..)
        | ExecutionError::UnsupportedKeyType(_)
        | ExecutionError::UnsupportedTargetType { .. } => "no such overload".to_owned(),
        ExecutionError::UndeclaredReference(name) => {
            format!("undeclared reference to '{name}' (in container '')")
        }
        ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "modulus by zero".to_owned(),
        ExecutionError::Overflow(..) => "integer overflow".to_owned(),
        ExecutionError::IndexOutOfBounds(index) => format!("index out of bounds: {}", index_text(index)),
        ExecutionError::FunctionError { message, .. } => message.clone(),
        other => other.to_string(),
    }
}

fn index_text(index: &cel::Value) -> String {
    match index {
        cel::Value::Int(index) => index.to_string(),
        cel::Value::UInt(index) => index.to_string(),
        other => format!("{other:?}"),
    }
}

/// An error of one of our functions.
pub(super) fn function(name: &str, message: impl Into<String>) -> ExecutionError {
    ExecutionError::FunctionError {
        function: name.to_owned(),
        message: message.into(),
    }
}
