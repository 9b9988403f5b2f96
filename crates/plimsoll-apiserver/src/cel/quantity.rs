//! Kubernetes' quantities in expressions.

use std::cmp::Ordering;

use cel::{
    DeclarationError, Env, ExecutionError, add_member_overload, add_overload,
    common::types::{CelBool, CelDouble, CelInt, CelString},
};

use super::{fault, opaque::opaque};
use crate::Quantity;

/// A quantity as a value of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Amount(pub(super) Quantity);

opaque!(Amount, "kubernetes.Quantity");

pub(super) fn add_to(env: &mut Env) -> Result<(), DeclarationError> {
    add_overload!(env, fn quantity: (CelString) -> Result<Amount>)?;
    add_overload!(env, fn is_quantity: (CelString) -> CelBool)?;
    add_overload!(env, fn sign: (Amount) -> CelInt)?;
    add_member_overload!(env, fn sign: (Amount) -> CelInt, id = "quantity_sign")?;
    add_member_overload!(env, fn is_greater_than: (Amount, Amount) -> CelBool)?;
    add_member_overload!(env, fn is_less_than: (Amount, Amount) -> CelBool)?;
    add_member_overload!(env, fn compare_to: (Amount, Amount) -> CelInt)?;
    add_member_overload!(env, fn as_approximate_float: (Amount) -> CelDouble)?;
    add_member_overload!(env, fn as_integer: (Amount) -> Result<CelInt>)?;
    add_member_overload!(env, fn is_integer: (Amount) -> CelBool)?;
    add_member_overload!(env, fn plus: (Amount, Amount) -> Amount, name = "add")?;
    add_member_overload!(env, fn plus_int: (Amount, CelInt) -> Amount, name = "add")?;
    add_member_overload!(env, fn minus: (Amount, Amount) -> Amount, name = "sub")?;
    add_member_overload!(env, fn minus_int: (Amount, CelInt) -> Amount, name = "sub")
}

fn quantity(text: &CelString<'_>) -> Result<Amount, ExecutionError> {
    text.inner()
        .parse()
        .map(Amount)
        .map_err(|error: crate::NoQuantity| fault::function("quantity", error.to_string()))
}

fn is_quantity(text: &CelString<'_>) -> CelBool {
    text.inner().parse::<Quantity>().is_ok().into()
}

fn sign(amount: &Amount) -> CelInt {
    number(amount.0.sign())
}

fn is_greater_than(one: &Amount, other: &Amount) -> CelBool {
    (one.0 > other.0).into()
}

fn is_less_than(one: &Amount, other: &Amount) -> CelBool {
    (one.0 < other.0).into()
}

fn compare_to(one: &Amount, other: &Amount) -> CelInt {
    number(one.0.cmp(&other.0))
}

fn as_approximate_float(amount: &Amount) -> CelDouble {
    amount.0.as_f64().into()
}

fn as_integer(amount: &Amount) -> Result<CelInt, ExecutionError> {
    amount
        .0
        .as_whole()
        .map(CelInt::from)
        .ok_or_else(|| fault::function("asInteger", "cannot convert value to integer"))
}

fn is_integer(amount: &Amount) -> CelBool {
    amount.0.as_whole().is_some().into()
}

fn plus(one: &Amount, other: &Amount) -> Amount {
    Amount(one.0 + other.0)
}

fn plus_int(one: &Amount, other: &CelInt) -> Amount {
    Amount(one.0 + Quantity::whole(*other.inner()))
}

fn minus(one: &Amount, other: &Amount) -> Amount {
    Amount(one.0 - other.0)
}

fn minus_int(one: &Amount, other: &CelInt) -> Amount {
    Amount(one.0 - Quantity::whole(*other.inner()))
}

/// −1, 0 or 1.
pub(super) fn number(ordering: Ordering) -> CelInt {
    CelInt::from(match ordering {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    })
}
