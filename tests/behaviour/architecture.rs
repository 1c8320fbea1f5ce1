//! The arrows between the crates, who may depend on what, and under which licences.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

use crate::harness::repository;

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(repository().join("Cargo.toml"))
        .exec()
        .unwrap()
}

/// What each crate of ours depends on directly, development dependencies apart.
fn dependencies(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    metadata
        .workspace_packages()
        .into_iter()
        .map(|package| {
            let names = package
                .dependencies
                .iter()
                .filter(|dependency| dependency.kind != DependencyKind::Development)
                .map(|dependency| dependency.name.clone())
                .collect();
            (package.name.to_string(), names)
        })
        .collect()
}

#[test]
fn the_arrows_between_our_crates_point_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("domain", &[][..]),
        ("catalog", &["domain"]),
        ("ingest", &["domain", "catalog"]),
        ("retriever", &["domain"]),
        ("generator", &["domain"]),
        (
            "server",
            &["domain", "catalog", "ingest", "retriever", "generator"],
        ),
        ("tests", &["server"]),
    ]);
    let found = dependencies(&metadata());
    assert_eq!(
        found.len(),
        allowed.len(),
        "a crate came or went: {:?}",
        found.keys()
    );
    for (name, dependencies) in &found {
        for ours in dependencies
            .iter()
            .filter(|one| allowed.contains_key(one.as_str()))
        {
            assert!(
                allowed[name.as_str()].contains(&ours.as_str()),
                "{name} must not know {ours}"
            );
        }
    }
}

#[test]
fn each_outside_thing_is_known_to_the_crate_it_belongs_to() {
    let owners: &[(&str, &[&str])] = &[
        ("axum", &["server"]),
        ("hyper", &["server", "generator"]),
        ("minijinja", &["generator"]),
        ("ureq", &["generator"]),
        ("tokio-rustls", &["generator"]),
        ("tower-http", &["server"]),
        ("clap", &["server"]),
        ("serde_json", &["server", "retriever", "generator"]),
        ("lopdf", &["ingest"]),
        ("hayro-interpret", &["ingest"]),
        ("office_oxide", &["ingest"]),
        ("scraper", &["ingest"]),
        ("zip", &["ingest"]),
        ("pulldown-cmark", &["ingest"]),
        ("qdrant-edge", &["retriever"]),
        ("qdrant-client", &["retriever"]),
        ("sqlx", &["catalog"]),
        ("candle-core", &["retriever", "generator"]),
        ("candle-transformers", &["retriever", "generator"]),
        ("tokenizers", &["ingest", "retriever", "generator"]),
    ];
    for (name, dependencies) in dependencies(&metadata()) {
        for (outside, may) in owners {
            if dependencies.contains(*outside) {
                assert!(
                    may.contains(&name.as_str()),
                    "{name} must not know {outside}"
                );
            }
        }
    }
}

#[test]
fn every_dependency_has_a_licence_that_may_be_linked() {
    let metadata = metadata();
    let mut checked = 0;
    for package in metadata
        .packages
        .iter()
        .filter(|package| package.source.is_some())
    {
        let licence = package.license.clone().unwrap_or_default();
        assert!(
            !licence.is_empty() || package.license_file.is_some(),
            "{} {} states no licence",
            package.name,
            package.version
        );
        // Of alternatives (`OR`, or the older `/`) one must be free to link.
        let free = |alternative: &str| !alternative.contains("GPL");
        let alternatives = licence.replace('/', " OR ");
        assert!(
            alternatives.split(" OR ").any(free),
            "{} {} is under {licence}",
            package.name,
            package.version
        );
        checked += 1;
    }
    assert!(checked > 300, "only {checked} dependencies were looked at");
}

#[test]
fn unsafe_code_is_denied_in_every_crate() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} has lints of its own",
            package.name
        );
    }
}
