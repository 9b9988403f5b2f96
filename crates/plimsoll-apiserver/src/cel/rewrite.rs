//! Objects that expressions construct: `Object{spec: Object.spec{…}}` and `JSONPatch{…}` of mutating policies.
//!
//! Their types follow the object that is changed, so that there is nothing to declare beforehand: each becomes a map.

use cel::common::{
    ast::{EntryExpr, Expr, IdedExpr, LiteralValue, MapEntryExpr, MapExpr},
    types::CelString,
};

/// Turns constructed objects into maps, everywhere in an expression; what else is constructed is refused.
pub(super) fn rewrite(expression: &mut IdedExpr) -> Result<(), String> {
    match &mut expression.expr {
        Expr::Struct(object) => {
            let root = object.type_name.split('.').next().unwrap_or_default();
            if !matches!(root, "Object" | "JSONPatch") {
                return Err(format!(
                    "undeclared reference to '{}' (in container '')",
                    object.type_name
                ));
            }
            let mut entries = std::mem::take(&mut object.entries);
            for entry in &mut entries {
                if let EntryExpr::StructField(field) = &mut entry.expr {
                    rewrite(&mut field.value)?;
                    let name = CelString::from(std::mem::take(&mut field.field));
                    let key = IdedExpr {
                        id: entry.id,
                        expr: Expr::Literal(LiteralValue::String(name)),
                    };
                    entry.expr = EntryExpr::MapEntry(MapEntryExpr {
                        key,
                        value: std::mem::take(&mut field.value),
                        optional: field.optional,
                    });
                }
            }
            expression.expr = Expr::Map(MapExpr { entries });
        }
        Expr::Call(call) => {
            if let Some(target) = &mut call.target {
                rewrite(target)?;
            }
            for argument in &mut call.args {
                rewrite(argument)?;
            }
        }
        Expr::Comprehension(comprehension) => {
            for part in [
                &mut comprehension.iter_range,
                &mut comprehension.accu_init,
                &mut comprehension.loop_cond,
                &mut comprehension.loop_step,
                &mut comprehension.result,
            ] {
                rewrite(part)?;
            }
        }
        Expr::List(list) => {
            for element in &mut list.elements {
                rewrite(element)?;
            }
        }
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    rewrite(&mut entry.key)?;
                    rewrite(&mut entry.value)?;
                }
            }
        }
        Expr::Select(select) => rewrite(&mut select.operand)?,
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
    Ok(())
}
