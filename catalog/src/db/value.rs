//! Values on their way in and out: integers, texts and bytes, each of which may be missing.

use std::borrow::Cow;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Postgres, Row as _, Sqlite};

use crate::error::CatalogError;

/// A value to bind. Its type is told even when it is missing: PostgreSQL asks.
#[derive(Debug, Clone)]
pub(crate) enum Arg<'a> {
    /// BIGINT.
    Int(Option<i64>),
    /// TEXT.
    Text(Option<Cow<'a, str>>),
    /// BYTEA.
    Bytes(Option<Cow<'a, [u8]>>),
}

macro_rules! from {
    ($($given:ty => |$value:ident| $made:expr;)*) => {$(
        impl<'a> From<$given> for Arg<'a> {
            fn from($value: $given) -> Self {
                $made
            }
        }
    )*};
}

from! {
    i64 => |value| Arg::Int(Some(value));
    u32 => |value| Arg::Int(Some(i64::from(value)));
    bool => |value| Arg::Int(Some(i64::from(value)));
    // A length over nine exabytes is not one.
    u64 => |value| Arg::Int(Some(i64::try_from(value).unwrap_or(i64::MAX)));
    Option<u32> => |value| Arg::Int(value.map(i64::from));
    String => |value| Arg::Text(Some(Cow::Owned(value)));
    Option<String> => |value| Arg::Text(value.map(Cow::Owned));
    &'a str => |value| Arg::Text(Some(Cow::Borrowed(value)));
    &'a String => |value| Arg::Text(Some(Cow::Borrowed(value)));
    Option<&'a str> => |value| Arg::Text(value.map(Cow::Borrowed));
    Vec<u8> => |value| Arg::Bytes(Some(Cow::Owned(value)));
    Timestamp => |value| Arg::Text(Some(Cow::Owned(time(value))));
    Option<Timestamp> => |value| Arg::Text(value.map(|value| Cow::Owned(time(value))));
    Date => |value| Arg::Text(Some(Cow::Owned(date(value))));
    Option<Date> => |value| Arg::Text(value.map(|value| Cow::Owned(date(value))));
    domain::DocumentId => |value| Arg::Text(Some(Cow::Owned(value.to_string())));
    domain::VersionId => |value| Arg::Text(Some(Cow::Owned(value.to_string())));
    domain::PassageId => |value| Arg::Text(Some(Cow::Owned(value.to_string())));
    domain::JobId => |value| Arg::Text(Some(Cow::Owned(value.to_string())));
    domain::RequestId => |value| Arg::Text(Some(Cow::Owned(value.to_string())));
    crate::VersionState => |value| Arg::Text(Some(Cow::Borrowed(value.name())));
    crate::JobState => |value| Arg::Text(Some(Cow::Borrowed(value.name())));
}

/// `args![id, name, None::<&str>]`: the values of a statement, in order.
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$(crate::db::Arg::from($value)),*][..] };
}
pub(crate) use args;

/// A moment as stored: RFC 3339, UTC, milliseconds; as text it sorts by time.
pub(crate) fn time(moment: Timestamp) -> String {
    format!("{moment:.3}")
}

/// A day as stored: ISO 8601; as text it sorts by time.
pub(crate) fn date(day: Date) -> String {
    day.to_string()
}

/// A query with its values, for SQLite.
pub(super) fn sqlite<'q>(
    mut query: Query<'q, Sqlite, SqliteArguments>,
    args: &[Arg<'_>],
) -> Query<'q, Sqlite, SqliteArguments> {
    for arg in args {
        query = match arg {
            Arg::Int(value) => query.bind(*value),
            Arg::Text(value) => query.bind(value.as_deref()),
            Arg::Bytes(value) => query.bind(value.as_deref()),
        };
    }
    query
}

/// A query with its values, for PostgreSQL.
pub(super) fn postgres<'q>(
    mut query: Query<'q, Postgres, PgArguments>,
    args: &[Arg<'_>],
) -> Query<'q, Postgres, PgArguments> {
    for arg in args {
        query = match arg {
            Arg::Int(value) => query.bind(*value),
            Arg::Text(value) => query.bind(value.as_deref()),
            Arg::Bytes(value) => query.bind(value.as_deref()),
        };
    }
    query
}

/// A row of an answer.
pub(crate) enum Row {
    /// From SQLite.
    Sqlite(SqliteRow),
    /// From PostgreSQL.
    Postgres(PgRow),
}

impl Row {
    /// Its fields, to be taken one after the other.
    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields { row: self, next: 0 }
    }
}

/// The fields of a row, from the left.
pub(crate) struct Fields<'r> {
    row: &'r Row,
    next: usize,
}

macro_rules! take {
    ($($(#[$doc:meta])* $name:ident -> $kind:ty;)*) => {$(
        $(#[$doc])*
        pub(crate) fn $name(&mut self) -> Result<$kind, CatalogError> {
            let index = self.next;
            self.next += 1;
            Ok(match self.row {
                Row::Sqlite(row) => row.try_get(index)?,
                Row::Postgres(row) => row.try_get(index)?,
            })
        }
    )*};
}

impl Fields<'_> {
    take! {
        /// A BIGINT.
        int -> i64;
        /// A BIGINT that may be missing.
        opt_int -> Option<i64>;
        /// A TEXT.
        text -> String;
        /// A TEXT that may be missing.
        opt_text -> Option<String>;
        /// A BYTEA.
        bytes -> Vec<u8>;
        /// A BYTEA that may be missing.
        opt_bytes -> Option<Vec<u8>>;
    }

    /// A count or size.
    pub(crate) fn count(&mut self) -> Result<u64, CatalogError> {
        u64::try_from(self.int()?).map_err(misshapen)
    }

    /// A small number.
    pub(crate) fn small(&mut self) -> Result<u32, CatalogError> {
        u32::try_from(self.int()?).map_err(misshapen)
    }

    /// A small number that may be missing.
    pub(crate) fn opt_small(&mut self) -> Result<Option<u32>, CatalogError> {
        self.opt_int()?
            .map(u32::try_from)
            .transpose()
            .map_err(misshapen)
    }

    /// True or false.
    pub(crate) fn flag(&mut self) -> Result<bool, CatalogError> {
        Ok(self.int()? != 0)
    }

    /// Whatever is stored as text and read back from it: an identifier, a state, a language.
    pub(crate) fn named<T>(&mut self) -> Result<T, CatalogError>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        self.text()?.parse().map_err(misshapen)
    }

    /// The same where it may be missing.
    pub(crate) fn opt_named<T>(&mut self) -> Result<Option<T>, CatalogError>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        self.opt_text()?
            .map(|text| text.parse().map_err(misshapen))
            .transpose()
    }
}

fn misshapen(source: impl std::error::Error + Send + Sync + 'static) -> CatalogError {
    CatalogError::Damaged {
        detail: "un campo no tiene la forma esperada",
        source: Some(Box::new(source)),
    }
}
