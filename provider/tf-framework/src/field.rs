//! Wrappers for fields that the service may set.

/// A read-only attribute: the service sets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Computed<T> {
    /// Known only after apply.
    #[default]
    Unknown,
    /// The service has none.
    Null,
    /// What the service says.
    Known(T),
}

/// An argument that the service fills in when the user leaves it out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Defaulted<T> {
    /// Left to the service; known only after apply.
    #[default]
    Unknown,
    /// None.
    Null,
    /// Configured, or filled in by the service.
    Known(T),
}

macro_rules! wrapper {
    ($name:ident) => {
        impl<T> $name<T> {
            /// The value, if there is a known one.
            pub fn known(&self) -> Option<&T> {
                match self {
                    Self::Known(value) => Some(value),
                    _ => None,
                }
            }

            /// The value by itself, if there is a known one.
            pub fn into_known(self) -> Option<T> {
                match self {
                    Self::Known(value) => Some(value),
                    _ => None,
                }
            }

            /// Whether the value is known only after apply.
            pub fn is_unknown(&self) -> bool {
                matches!(self, Self::Unknown)
            }
        }

        impl<T> From<T> for $name<T> {
            fn from(value: T) -> Self {
                Self::Known(value)
            }
        }

        impl<T> From<Option<T>> for $name<T> {
            fn from(value: Option<T>) -> Self {
                value.map_or(Self::Null, Self::Known)
            }
        }

        impl From<&str> for $name<String> {
            fn from(value: &str) -> Self {
                Self::Known(value.to_owned())
            }
        }
    };
}

wrapper!(Computed);
wrapper!(Defaulted);
