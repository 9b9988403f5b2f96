//! Values of types that expressions only handle by functions.

/// Implements the `cel` crate's value trait for a type of that name in CEL; equal values are those that `PartialEq`
/// finds equal.
macro_rules! opaque {
    ($type:ty, $name:literal $(, ordered by $ordered:ident)? $(, adds by $adds:ident)?) => {
        impl ::cel::common::value::Val for $type {
            fn get_type(&self) -> &::cel::common::types::Type {
                <Self as ::cel::common::value::Val>::cel_type()
            }

            fn cel_type() -> &'static ::cel::common::types::Type {
                static TYPE: ::cel::common::types::Type = ::cel::common::types::Type::new_unspecified_type($name);
                &TYPE
            }

            fn equals(&self, other: &dyn ::cel::common::value::Val) -> bool {
                other.downcast_ref::<$type>().is_some_and(|other| self == other)
            }

            fn clone_as_boxed<'v>(&self) -> Box<dyn ::cel::common::value::Val + 'v> {
                Box::new(self.clone())
            }

            fn as_any(&self) -> Option<&dyn ::std::any::Any> {
                Some(self)
            }

            $(
                fn as_comparer(&self) -> Option<&dyn ::cel::common::traits::Comparer> {
                    let $ordered = self;
                    Some($ordered)
                }
            )?

            $(
                fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn ::cel::common::traits::Adder + 'v)>
                where
                    Self: 'v,
                {
                    let $adds = self;
                    Some($adds)
                }

                fn as_subtractor<'b, 'v>(&'b self) -> Option<&'b (dyn ::cel::common::traits::Subtractor + 'v)>
                where
                    Self: 'v,
                {
                    Some(self)
                }
            )?
        }

        impl ::cel::common::value::StaticVal for $type {}
    };
}

pub(super) use opaque;
