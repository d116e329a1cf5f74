//! The macros with which generated crates declare shapes.

/// Declares a structure or union: the Rust type, its static [`Schema`](crate::shape::Schema) and its
/// [`Shape`](crate::shape::Shape).
///
/// ```
/// use aws::shape::prelude::*;
/// aws::structure! { APPROVAL_RESULT: ApprovalResult = Structure "ApprovalResult" {
///     summary: String = "summary" STRING required();
///     comment: Option<String> = "comment" STRING;
/// } }
/// ```
#[macro_export]
macro_rules! structure {
    ($schema:ident: $name:ident = $kind:ident $shape:literal {
        $($field:ident: $type:ty = $member:literal $target:ident $($trait:ident($($value:expr)?))*;)*
    }) => {
        #[derive(Clone, Default, PartialEq)]
        pub struct $name { $(pub $field: $type,)* }

        pub static $schema: $crate::shape::Schema = $crate::shape::Schema::new(
            $shape,
            $crate::shape::Kind::$kind(&[
                $($crate::shape::Member::new($member, &$target)$(.$trait($($value)?))*,)*
            ]),
        );

        impl $crate::shape::Shape for $name {
            #[allow(unused_variables, unused_mut, unused_assignments)]
            fn write(
                &self,
                schema: &'static $crate::shape::Schema,
                writer: &mut dyn $crate::shape::Writer,
            ) {
                writer.begin_structure(schema);
                let mut members = schema.members().iter();
                $(
                    if let Some(member) = members.next() {
                        if !$crate::shape::Shape::is_absent(&self.$field) {
                            writer.member(member);
                            $crate::shape::Shape::write(&self.$field, member.schema, writer);
                        }
                    }
                )*
                writer.end_structure(schema);
            }

            #[allow(unused_variables, unused_mut, unused_assignments)]
            fn read(
                schema: &'static $crate::shape::Schema,
                reader: &mut dyn $crate::shape::Reader,
            ) -> ::std::result::Result<Self, $crate::shape::ReadError> {
                let mut out = Self::default();
                reader.structure(schema, &mut |index, part| {
                    let member = &schema.members()[index];
                    let mut at = 0_usize;
                    $(
                        if index == at {
                            out.$field = $crate::shape::Shape::read(member.schema, part)?;
                            return Ok(());
                        }
                        at += 1;
                    )*
                    Ok(())
                })?;
                Ok(out)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let redacted = $crate::protocol::json::redacted(self, &$schema);
                write!(f, "{}{redacted}", stringify!($name))
            }
        }
    };
}

/// Declares an open enum of strings: an unknown value is kept, and refused by validation with the list.
#[macro_export]
macro_rules! string_enum {
    ($schema:ident: $name:ident = $shape:literal { $($variant:ident = $wire:literal,)* }) => {
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($variant,)*
            /// A value that the model does not know.
            Other(String),
        }

        pub static $schema: $crate::shape::Schema =
            $crate::shape::Schema::new($shape, $crate::shape::Kind::Enum(&[$($wire,)*]));

        impl $name {
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $wire,)*
                    Self::Other(value) => value,
                }
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                match value {
                    $($wire => Self::$variant,)*
                    _ => Self::Other(value.to_owned()),
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::Other(String::new())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::shape::Shape for $name {
            fn write(
                &self,
                schema: &'static $crate::shape::Schema,
                writer: &mut dyn $crate::shape::Writer,
            ) {
                writer.string(schema, self.as_str());
            }

            fn read(
                schema: &'static $crate::shape::Schema,
                reader: &mut dyn $crate::shape::Reader,
            ) -> ::std::result::Result<Self, $crate::shape::ReadError> {
                reader.string(schema).map(|value| Self::from(value.as_str()))
            }
        }
    };
}

/// Makes an input structure an operation.
#[macro_export]
macro_rules! operation {
    ($input:ident = $service:ident $name:literal {
        input $input_schema:ident; output $output:ident $output_schema:ident;
        http $method:literal $uri:literal $status:literal;
        errors [$($error:literal,)*];
    }) => {
        impl $crate::operation::Operation for $input {
            type Output = $output;
            const SERVICE: &'static $crate::operation::Service = &$service;
            const MODEL: &'static $crate::operation::OperationModel = &$crate::operation::OperationModel {
                name: $name,
                input: &$input_schema,
                output: &$output_schema,
                method: $method,
                uri: $uri,
                success_status: $status,
                errors: &[$($error,)*],
            };
        }
    };
}
