//! Round trips and hostile inputs.
