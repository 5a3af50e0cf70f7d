//! Random configurations of every resource that one lab can hold together: applied, changed, imported and destroyed, with
//! an empty plan after each.
//!
//! A run repeats itself: its seed is a fixed one, so that nothing fails by chance. Other cases come with another
//! `HOMELAB_SEED`, more with `HOMELAB_CASES`. A failure prints its seed and the smallest configurations that fail; with
//! `HOMELAB_KEEP_GOING` every failure is printed as it was drawn.

mod case;
mod cli;
mod draw;
mod fields;
mod life;
mod objects;
mod rules;
mod values;

use std::cell::Cell;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use life::World;
use objects::Family;

/// The seed of a run that names none.
const SEED: u64 = 2;

fn runner(seed: u64, cases: u32) -> TestRunner {
    let config = Config { cases, max_shrink_iters: 100, failure_persistence: None, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// A number from the environment.
fn number<N: std::str::FromStr>(variable: &str) -> Option<N> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Lives random cases of a part of the lab; `HOMELAB_CASES` asks for so many times as many.
fn live(family: Family, cases: u32) {
    let (seed, more) = (number("HOMELAB_SEED").unwrap_or(SEED), number("HOMELAB_CASES").unwrap_or(1));
    let keeps_going = std::env::var_os("HOMELAB_KEEP_GOING").is_some();
    let fields = fields::load();
    let strategy = case::cases(family, 0, &fields);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let worlds: Cell<Option<World>> = Cell::new(None);
    let failures = Cell::new(0);
    let outcome = runner(seed, cases * more).run(&strategy, |case| {
        runtime.block_on(async {
            let world = match worlds.take() {
                Some(world) => world,
                None => World::new(fields.clone()).await,
            };
            let lived = world.live(&case).await;
            // What failed left something behind.
            worlds.set(Some(world).filter(|_| lived.is_ok()));
            match lived {
                Err(wrong) if keeps_going => {
                    eprintln!("=== {wrong}\n{case:?}");
                    failures.set(failures.get() + 1);
                    Ok(())
                }
                lived => lived.map_err(TestCaseError::fail),
            }
        })
    });
    match outcome {
        Ok(()) => assert_eq!(failures.get(), 0, "HOMELAB_SEED={seed} {family:?}: cases failed"),
        Err(TestError::Fail(reason, case)) => panic!("HOMELAB_SEED={seed} {family:?}: {reason}\n{case:?}"),
        Err(error) => panic!("HOMELAB_SEED={seed} {family:?}: {error}"),
    }
}

#[tokio::test]
async fn every_argument_of_every_resource_is_drawn() {
    let fields = fields::load();
    // Whatever has no values to draw panics here, with its name.
    let drawn: Vec<&str> =
        Family::ALL.iter().flat_map(|family| family.sketches(0)).map(|sketch| sketch.kind).collect();
    for family in Family::ALL {
        drop(case::cases(family, 0, &fields));
    }
    let missing: Vec<&String> = fields.keys().filter(|kind| !drawn.contains(&kind.as_str())).collect();
    assert!(missing.is_empty(), "no random configuration has {missing:?}: give them a place in objects.rs");
    let plugin = suite::plugin::started().await;
    let core = suite::plugin::core(&plugin).await;
    let wrong = fields::disagreements(&core, &fields);
    assert!(
        wrong.is_empty(),
        "docs/schema.json is not that of the plugin; `cargo xtask docs` writes it: {wrong:?}"
    );
    plugin.shut_down().await.expect("it ends when it is asked to");
}

#[test]
fn access_lives_any_configuration() {
    live(Family::Access, 40);
}

#[test]
fn storages_live_any_configuration() {
    live(Family::Storages, 40);
}

#[test]
fn networks_live_any_configuration() {
    live(Family::Networks, 10);
}

#[test]
fn backups_live_any_configuration() {
    live(Family::Backups, 40);
}

#[test]
fn machines_live_any_configuration() {
    live(Family::Machines, 30);
}

#[test]
fn data_disks_live_any_configuration() {
    live(Family::DataDisks, 30);
}

#[test]
fn the_cluster_lives_any_configuration() {
    live(Family::Cluster, 30);
}

/// Lives two configurations of nine cases each through each CLI.
fn live_through_clis(seed: u64) {
    let seed = number("HOMELAB_SEED").unwrap_or(SEED) + seed;
    suite::workspace::with_each_cli(|path| {
        [seed, seed + 1].into_iter().for_each(|seed| cli::live(path, seed))
    });
}

#[test]
fn many_cases_at_once_live_through_a_cli() {
    live_through_clis(0);
}

#[test]
fn many_other_cases_at_once_live_through_a_cli() {
    live_through_clis(2);
}
