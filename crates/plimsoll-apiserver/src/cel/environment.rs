//! The functions that expressions have.

use std::sync::{Arc, LazyLock};

use cel::{
    DeclarationError, Env,
    common::ast::{ComprehensionExpr, Expr, IdedExpr, ListExpr, LiteralValue},
    extensions,
    parser::{Macro, MacroExprHelper},
};

use super::{formats, lists, network, quantity, semver, text, time};

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    // Only fails where two functions clash, which a test would show.
    let _ = extend(&mut env);
    Arc::new(env)
});

/// The one environment.
pub(super) fn environment() -> &'static Arc<Env> {
    &ENVIRONMENT
}

fn extend(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_extension(extensions::strings)?;
    env.add_extension(extensions::lists)?;
    quantity::add_to(env)?;
    semver::add_to(env)?;
    time::add_to(env)?;
    text::add_to(env)?;
    lists::add_to(env)?;
    network::add_to(env)?;
    formats::add_to(env)?;
    env.add_macro(Macro::receiver("bind", 3, |helper, target, arguments| {
        let is_cel = target
            .as_ref()
            .is_some_and(|target| matches!(&target.expr, Expr::Ident(name) if name == "cel"));
        Ok(match arguments.as_slice() {
            [name, _, _] if is_cel => match &name.expr {
                Expr::Ident(name) => {
                    let name = name.clone();
                    let result = arguments.pop();
                    let value = arguments.pop();
                    value
                        .zip(result)
                        .map(|(value, result)| bind(helper, name, value, result))
                }
                _ => None,
            },
            _ => None,
        })
    }))
}

/// `name` stands for `value` in `result`: a comprehension over nothing, whose accumulator it is.
fn bind(helper: &mut MacroExprHelper<'_>, name: String, value: IdedExpr, result: IdedExpr) -> IdedExpr {
    let iter_range = helper.next_expr(Expr::List(ListExpr::new(Vec::new())));
    let loop_cond = helper.next_expr(Expr::Literal(LiteralValue::Boolean(false.into())));
    let loop_step = helper.next_expr(Expr::Ident(name.clone()));
    helper.next_expr(Expr::Comprehension(Box::new(ComprehensionExpr {
        iter_range,
        iter_var: "#unused".to_owned(),
        iter_var2: None,
        accu_var: name,
        accu_init: value,
        loop_cond,
        loop_step,
        result,
    })))
}

/// The functions that may be called by name, with or without a target, besides operators.
pub(super) const FUNCTIONS: &[&str] = &[
    // The language's own.
    "bool",
    "bytes",
    "double",
    "duration",
    "dyn",
    "int",
    "matches",
    "size",
    "string",
    "timestamp",
    "type",
    "uint",
    "contains",
    "endsWith",
    "startsWith",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "of",
    "ofNonZeroValue",
    "none",
    "hasValue",
    "value",
    "or",
    "orValue",
    "optional.of",
    "optional.none",
    "optional.ofNonZeroValue",
    "optional.unwrap",
    "unwrap",
    "unwrapOpt",
    // Strings, lists and sets.
    "charAt",
    "indexOf",
    "lastIndexOf",
    "join",
    "lowerAscii",
    "upperAscii",
    "trim",
    "replace",
    "split",
    "substring",
    "format",
    "reverse",
    "quote",
    "find",
    "findAll",
    "isSorted",
    "sum",
    "min",
    "max",
    "includes",
    "slice",
    "flatten",
    "distinct",
    "sort",
    "equivalent",
    "intersects",
    "escapeKey",
    // Quantities and versions.
    "quantity",
    "isQuantity",
    "sign",
    "isGreaterThan",
    "isLessThan",
    "compareTo",
    "asApproximateFloat",
    "asInteger",
    "isInteger",
    "add",
    "sub",
    "semver",
    "isSemver",
    "major",
    "minor",
    "patch",
    // Addresses and URLs.
    "ip",
    "isIP",
    "isCanonical",
    "family",
    "isUnspecified",
    "isLoopback",
    "isLinkLocalUnicast",
    "isLinkLocalMulticast",
    "isGlobalUnicast",
    "cidr",
    "isCIDR",
    "containsIP",
    "containsCIDR",
    "prefixLength",
    "masked",
    "url",
    "isURL",
    "getScheme",
    "getHost",
    "getHostname",
    "getPort",
    "getEscapedPath",
    // Formats.
    "named",
    "validate",
    "dns1123Label",
    "dns1123Subdomain",
    "dns1035Label",
    "qualifiedName",
    "dns1123LabelPrefix",
    "dns1123SubdomainPrefix",
    "dns1035LabelPrefix",
    "labelValue",
    "uri",
    "uuid",
    "byte",
    "date",
    "datetime",
];

/// The names before the dot of functions such as `sets.contains`, and of types.
pub(super) const NAMESPACES: &[&str] = &[
    "optional",
    "sets",
    "format",
    "ip",
    "jsonpatch",
    "strings",
    "lists",
    "cel",
    "google",
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
    "optional_type",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_functions_clash() {
        assert_eq!(extend(&mut Env::stdlib()), Ok(()));
    }
}
