//! The derives' messages, one mistake per file: rerun with `TRYBUILD=overwrite` after a wanted change.

#[test]
fn every_mistake_has_its_message() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
