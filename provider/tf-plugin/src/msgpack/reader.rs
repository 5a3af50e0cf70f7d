//! MessagePack as a flat sequence of tokens. A length prefix never makes it allocate.

use rmp::Marker;

/// How many tokens one message may have. A token can become a value of many bytes, so this bounds memory.
const MOST_TOKENS: u32 = 1 << 22;

/// What comes next; a container is followed by its elements as tokens of their own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Token<'a> {
    Nil,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    String(&'a str),
    Binary(&'a [u8]),
    Array(u32),
    Map(u32),
    Extension,
}

impl Token<'_> {
    /// The kind, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "null",
            Self::Bool(_) => "a bool",
            Self::Signed(_) | Self::Unsigned(_) | Self::Float(_) => "a number",
            Self::String(_) => "a string",
            Self::Binary(_) => "binary data",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
            Self::Extension => "an unknown value",
        }
    }
}

/// Reads tokens off a message.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    tokens: u32,
}

const TRUNCATED: &str = "the message ends in the middle of a value";

impl<'a> Reader<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { rest: message, tokens: 0 }
    }

    /// Whether everything was read.
    pub(crate) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(taken)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A big-endian length of `N` bytes.
    fn length<const N: usize>(&mut self) -> Result<u32, &'static str> {
        Ok(self.bytes::<N>()?.iter().fold(0, |length, byte| length << 8 | u32::from(*byte)))
    }

    fn string(&mut self, length: u32) -> Result<Token<'a>, &'static str> {
        let bytes = self.take(length as usize)?;
        std::str::from_utf8(bytes).map(Token::String).map_err(|_| "a string is not valid UTF-8")
    }

    fn binary(&mut self, length: u32) -> Result<Token<'a>, &'static str> {
        self.take(length as usize).map(Token::Binary)
    }

    /// The code and the payload say how much is known about an unknown value; nothing here needs it.
    fn extension(&mut self, length: u32) -> Result<Token<'a>, &'static str> {
        self.take(1 + length as usize).map(|_| Token::Extension)
    }

    pub(crate) fn next(&mut self) -> Result<Token<'a>, &'static str> {
        self.tokens += 1;
        if self.tokens > MOST_TOKENS {
            return Err("the message holds too many values");
        }
        let [marker] = self.bytes()?;
        match Marker::from_u8(marker) {
            Marker::Null => Ok(Token::Nil),
            Marker::True => Ok(Token::Bool(true)),
            Marker::False => Ok(Token::Bool(false)),
            Marker::FixPos(value) => Ok(Token::Unsigned(value.into())),
            Marker::FixNeg(value) => Ok(Token::Signed(value.into())),
            Marker::U8 => Ok(Token::Unsigned(u8::from_be_bytes(self.bytes()?).into())),
            Marker::U16 => Ok(Token::Unsigned(u16::from_be_bytes(self.bytes()?).into())),
            Marker::U32 => Ok(Token::Unsigned(u32::from_be_bytes(self.bytes()?).into())),
            Marker::U64 => Ok(Token::Unsigned(u64::from_be_bytes(self.bytes()?))),
            Marker::I8 => Ok(Token::Signed(i8::from_be_bytes(self.bytes()?).into())),
            Marker::I16 => Ok(Token::Signed(i16::from_be_bytes(self.bytes()?).into())),
            Marker::I32 => Ok(Token::Signed(i32::from_be_bytes(self.bytes()?).into())),
            Marker::I64 => Ok(Token::Signed(i64::from_be_bytes(self.bytes()?))),
            Marker::F32 => Ok(Token::Float(f32::from_be_bytes(self.bytes()?).into())),
            Marker::F64 => Ok(Token::Float(f64::from_be_bytes(self.bytes()?))),
            other => self.sized(other),
        }
    }

    /// The markers that say how long what follows is.
    fn sized(&mut self, marker: Marker) -> Result<Token<'a>, &'static str> {
        match marker {
            Marker::FixStr(length) => self.string(length.into()),
            Marker::Str8 => self.length::<1>().and_then(|length| self.string(length)),
            Marker::Str16 => self.length::<2>().and_then(|length| self.string(length)),
            Marker::Str32 => self.length::<4>().and_then(|length| self.string(length)),
            Marker::Bin8 => self.length::<1>().and_then(|length| self.binary(length)),
            Marker::Bin16 => self.length::<2>().and_then(|length| self.binary(length)),
            Marker::Bin32 => self.length::<4>().and_then(|length| self.binary(length)),
            Marker::FixArray(length) => Ok(Token::Array(length.into())),
            Marker::Array16 => self.length::<2>().map(Token::Array),
            Marker::Array32 => self.length::<4>().map(Token::Array),
            Marker::FixMap(length) => Ok(Token::Map(length.into())),
            Marker::Map16 => self.length::<2>().map(Token::Map),
            Marker::Map32 => self.length::<4>().map(Token::Map),
            Marker::FixExt1 => self.extension(1),
            Marker::FixExt2 => self.extension(2),
            Marker::FixExt4 => self.extension(4),
            Marker::FixExt8 => self.extension(8),
            Marker::FixExt16 => self.extension(16),
            Marker::Ext8 => self.length::<1>().and_then(|length| self.extension(length)),
            Marker::Ext16 => self.length::<2>().and_then(|length| self.extension(length)),
            Marker::Ext32 => self.length::<4>().and_then(|length| self.extension(length)),
            _ => Err("the message holds a reserved marker"),
        }
    }
}
