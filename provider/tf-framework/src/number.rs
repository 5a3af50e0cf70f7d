//! Exact numbers of the configuration language.

use std::fmt;
use std::str::FromStr;

use bigdecimal::{BigDecimal, ToPrimitive};
use serde_json::Value as Json;

/// Exponents beyond this are refused, so that printing a number cannot fill memory.
const LARGEST_EXPONENT: i64 = 4096;

/// An exact decimal number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(BigDecimal);

impl Number {
    /// The exact value of a finite float.
    pub fn from_f64(value: f64) -> Option<Self> {
        // The shortest text that reads back as the same float is what the user wrote; the exact binary value is not.
        value.is_finite().then(|| value.to_string()).and_then(|text| text.parse().ok())
    }

    /// The integer, if this is a whole number that fits.
    pub fn to_i64(&self) -> Option<i64> {
        self.0.is_integer().then(|| self.0.to_i64()).flatten()
    }

    /// The integer, if this is a whole non-negative number that fits.
    pub fn to_u64(&self) -> Option<u64> {
        self.0.is_integer().then(|| self.0.to_u64()).flatten()
    }

    /// The nearest float.
    pub fn to_f64(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// An exact JSON number.
    pub fn to_json(&self) -> Json {
        serde_json::from_str::<serde_json::Number>(&self.to_string()).map_or(Json::Null, Json::Number)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(BigDecimal::from(value))
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self(BigDecimal::from(value))
    }
}

impl From<u32> for Number {
    fn from(value: u32) -> Self {
        Self(BigDecimal::from(value))
    }
}

/// Text that is not a decimal number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number of reasonable size")]
pub struct NumberError;

impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        if text.contains('_') {
            return Err(NumberError);
        }
        let decimal = BigDecimal::from_str(text).map_err(|_| NumberError)?;
        let (_, scale) = decimal.as_bigint_and_exponent();
        if scale.abs() > LARGEST_EXPONENT {
            return Err(NumberError);
        }
        Ok(Self(decimal))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.normalized().to_plain_string())
    }
}
