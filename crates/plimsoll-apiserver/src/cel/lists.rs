//! Kubernetes' functions on lists, and those on sets.

use std::cmp::Ordering;

use cel::{
    DeclarationError, Env, ExecutionError,
    common::{
        types::{CelBool, CelInt, DYN_TYPE, LIST_TYPE},
        value::{CowVal, Val},
    },
};

use super::fault;

type Arguments<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Outcome<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

pub(super) fn add_to(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_member_overload("isSorted", "list_is_sorted", LIST_TYPE, vec![], is_sorted)?;
    env.add_member_overload("sum", "list_sum", LIST_TYPE, vec![], sum)?;
    env.add_member_overload("min", "list_min", LIST_TYPE, vec![], min)?;
    env.add_member_overload("max", "list_max", LIST_TYPE, vec![], max)?;
    env.add_member_overload("indexOf", "list_index_of", LIST_TYPE, vec![DYN_TYPE], index_of)?;
    env.add_member_overload(
        "lastIndexOf",
        "list_last_index_of",
        LIST_TYPE,
        vec![DYN_TYPE],
        last_index_of,
    )?;
    env.add_member_overload("includes", "list_includes", LIST_TYPE, vec![DYN_TYPE], includes)?;
    env.add_member_overload("includes", "scalar_includes", DYN_TYPE, vec![DYN_TYPE], is_equal)?;
    env.add_overload(
        "sets.contains",
        "sets_contains",
        vec![LIST_TYPE, LIST_TYPE],
        contains,
    )?;
    env.add_overload(
        "sets.equivalent",
        "sets_equivalent",
        vec![LIST_TYPE, LIST_TYPE],
        equivalent,
    )?;
    env.add_overload(
        "sets.intersects",
        "sets_intersects",
        vec![LIST_TYPE, LIST_TYPE],
        intersects,
    )
}

/// The elements of the argument at that place.
fn items<'a, 'v>(
    arguments: &'a [CowVal<'_, 'v>],
    index: usize,
) -> Result<Vec<&'a (dyn Val + 'v)>, ExecutionError> {
    let list = arguments.get(index).and_then(|list| list.as_iterable());
    let mut items = list
        .ok_or_else(|| fault::function("list", "no such overload"))?
        .iter();
    let mut all = Vec::new();
    while let Some(item) = items.next() {
        all.push(item);
    }
    Ok(all)
}

fn other<'a, 'v>(arguments: &'a [CowVal<'_, 'v>]) -> Result<&'a (dyn Val + 'v), ExecutionError> {
    arguments
        .get(1)
        .map(AsRef::as_ref)
        .ok_or_else(|| fault::function("list", "no such overload"))
}

fn compare(one: &dyn Val, other: &dyn Val) -> Result<Ordering, ExecutionError> {
    one.as_comparer()
        .ok_or_else(|| fault::function("list", "no such overload"))?
        .compare(other)
}

fn truth<'b, 'v>(is: bool) -> Outcome<'b, 'v> {
    Ok(CowVal::owned(CelBool::from(is)))
}

fn is_sorted<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    for pair in items(&arguments, 0)?.windows(2) {
        if compare(pair[0], pair[1])?.is_gt() {
            return truth(false);
        }
    }
    truth(true)
}

fn sum<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let items = items(&arguments, 0)?;
    let Some((first, rest)) = items.split_first() else {
        return Ok(CowVal::owned(CelInt::from(0)));
    };
    let mut total = first.clone_as_boxed();
    for item in rest {
        let adder = total
            .as_adder()
            .ok_or_else(|| fault::function("sum", "no such overload"))?;
        total = adder.add(*item)?.into_owned();
    }
    Ok(CowVal::Owned(total))
}

fn extreme<'b, 'v>(arguments: &Arguments<'b, 'v>, wanted: Ordering, name: &str) -> Outcome<'b, 'v> {
    let mut best: Option<&(dyn Val + 'v)> = None;
    for item in items(arguments, 0)? {
        if best.map_or(Ok(wanted), |best| compare(item, best))? == wanted {
            best = Some(item);
        }
    }
    match best {
        Some(best) => Ok(CowVal::Owned(best.clone_as_boxed())),
        None => Err(fault::function(name, format!("{name} called on empty list"))),
    }
}

fn min<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    extreme(&arguments, Ordering::Less, "min")
}

fn max<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    extreme(&arguments, Ordering::Greater, "max")
}

fn place<'b, 'v>(index: Option<usize>) -> Outcome<'b, 'v> {
    let index = index.and_then(|index| i64::try_from(index).ok()).unwrap_or(-1);
    Ok(CowVal::owned(CelInt::from(index)))
}

fn index_of<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let wanted = other(&arguments)?;
    place(items(&arguments, 0)?.iter().position(|item| item.equals(wanted)))
}

fn last_index_of<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let wanted = other(&arguments)?;
    place(items(&arguments, 0)?.iter().rposition(|item| item.equals(wanted)))
}

fn includes<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let wanted = other(&arguments)?;
    truth(items(&arguments, 0)?.iter().any(|item| item.equals(wanted)))
}

/// `x.includes(y)` of what is no list.
fn is_equal<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let wanted = other(&arguments)?;
    truth(arguments.first().is_some_and(|one| one.equals(wanted)))
}

fn has_all(of: &[&dyn Val], wanted: &[&dyn Val]) -> bool {
    wanted
        .iter()
        .all(|wanted| of.iter().any(|item| item.equals(*wanted)))
}

fn contains<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    truth(has_all(&items(&arguments, 0)?, &items(&arguments, 1)?))
}

fn equivalent<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let (one, other) = (items(&arguments, 0)?, items(&arguments, 1)?);
    truth(has_all(&one, &other) && has_all(&other, &one))
}

fn intersects<'b, 'v>(arguments: Arguments<'b, 'v>) -> Outcome<'b, 'v> {
    let (one, other) = (items(&arguments, 0)?, items(&arguments, 1)?);
    truth(
        one.iter()
            .any(|item| other.iter().any(|other| item.equals(*other))),
    )
}
