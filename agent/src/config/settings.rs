//! A setting is documented once, where it is defined: the doc comments become the table of `--help` and of the README.

/// A row of the table of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The key in its section.
    pub key: &'static str,
    /// Its default as YAML, empty where there is none.
    pub default: &'static str,
    /// What it is for.
    pub help: &'static str,
}

/// Defines a section: a struct that serde reads, and its `SETTINGS`. After each field comes its default in two spellings: the
/// value, and the text for the reader, which a test holds to the value. A section with a field that has no default has no
/// default itself, and says `#[serde(default)]` at the other fields.
macro_rules! settings {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident {$(
            $(#[doc = $doc:literal])+
            $(#[serde($($serde:tt)*)])?
            pub $field:ident: $type:ty = $default:expr, $shown:literal;
        )+}
    ) => {
        settings! { @struct
            $(#[$attribute])* #[serde(default)]
            pub struct $name {$( $(#[doc = $doc])+ $(#[serde($($serde)*)])? pub $field: $type, $shown; )+}
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }
    };
    (
        $(#[$attribute:meta])*
        pub struct $name:ident {$(
            $(#[doc = $doc:literal])+
            $(#[serde($($serde:tt)*)])?
            pub $field:ident: $type:ty, $shown:literal;
        )+}
    ) => {
        settings! { @struct
            $(#[$attribute])*
            pub struct $name {$( $(#[doc = $doc])+ $(#[serde($($serde)*)])? pub $field: $type, $shown; )+}
        }
    };
    (
        @struct
        $(#[$attribute:meta])*
        pub struct $name:ident {$(
            $(#[doc = $doc:literal])+
            $(#[serde($($serde:tt)*)])?
            pub $field:ident: $type:ty, $shown:literal;
        )+}
    ) => {
        #[derive(Debug, Clone, PartialEq, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        $(#[$attribute])*
        pub struct $name {$(
            $(#[doc = $doc])+
            $(#[serde($($serde)*)])?
            pub $field: $type,
        )+}

        impl $name {
            /// One row for each key.
            pub const SETTINGS: &'static [$crate::config::Setting] = &[$(
                $crate::config::Setting {
                    key: stringify!($field),
                    default: $shown,
                    help: concat!($($doc),+),
                },
            )+];
        }
    };
}
pub(crate) use settings;
