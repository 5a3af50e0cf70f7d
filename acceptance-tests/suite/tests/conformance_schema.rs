//! What the plugin says it offers: protocol list 27 to 31 and 33. The rules of a schema that a CLI has are those of
//! `core_emulator::Schema::load`, which every test here passes through.

use core_emulator::proto::tfplugin6::provider_client::ProviderClient;
use core_emulator::proto::tfplugin6::{
    DynamicValue, call_function, close_ephemeral_resource, get_functions, get_metadata,
    import_resource_state, move_resource_state, read_data_source, upgrade_resource_state,
    validate_provider_config, validate_resource_config,
};
use suite::plugin::{core, started};

/// 27.
#[tokio::test]
async fn the_schema_is_the_same_from_every_process() {
    let (one, two) = (started().await, started().await);
    let schemas = [core(&one).await, core(&one).await, core(&two).await].map(|core| core.schemas().clone());
    assert_eq!(schemas[0], schemas[1]);
    assert_eq!(schemas[0], schemas[2]);
}

/// 28.
#[tokio::test]
async fn the_schema_is_well_below_the_limit_of_old_cores() {
    let plugin = started().await;
    let size = core(&plugin).await.schema_size();
    assert!(size < 4 << 20, "{size} bytes");
}

/// 29.
#[tokio::test]
async fn the_metadata_names_what_the_schema_has() {
    let plugin = started().await;
    let core = core(&plugin).await;
    let found = core.client().get_metadata(get_metadata::Request {}).await.unwrap().into_inner();
    let names = |types: &[get_metadata::TypeMetadata]| -> Vec<String> {
        types.iter().map(|named| named.type_name.clone()).collect()
    };
    let schemas = core.schemas();
    assert_eq!(names(&found.resources), schemas.resource_schemas.keys().cloned().collect::<Vec<_>>());
    assert_eq!(names(&found.data_sources), schemas.data_source_schemas.keys().cloned().collect::<Vec<_>>());
    assert_eq!(
        names(&found.ephemeral_resources),
        schemas.ephemeral_resource_schemas.keys().cloned().collect::<Vec<_>>()
    );
    let functions: Vec<_> = found.functions.iter().map(|function| function.name.clone()).collect();
    assert_eq!(functions, schemas.functions.keys().cloned().collect::<Vec<_>>());
    assert_eq!(found.server_capabilities, schemas.server_capabilities);
    let listed = core.client().get_functions(get_functions::Request {}).await.unwrap().into_inner();
    assert_eq!(listed.functions, schemas.functions);
}

/// 30 and 33.
#[tokio::test]
async fn every_type_has_the_prefix_of_the_provider_and_every_resource_an_identity() {
    let plugin = started().await;
    let core = core(&plugin).await;
    assert!(!core.resources().is_empty());
    let types = core.resources().keys().chain(core.data_sources().keys()).chain(core.ephemerals().keys());
    for name in types {
        assert!(name.starts_with("homelab_"), "{name}");
    }
    for name in core.resources().keys() {
        assert!(core.identities().contains_key(name), "{name}");
    }
}

/// The capability that lets a core skip the schema is true only if nothing needs it: 31.
#[tokio::test]
async fn every_call_works_in_a_process_that_was_never_asked_for_its_schema() {
    let plugin = started().await;
    let mut client = ProviderClient::new(plugin.channel().await.unwrap());
    let null = Some(DynamicValue { msgpack: vec![0xc0], json: Vec::new() });
    let type_name = "homelab_pve_pool".to_owned();
    let request = validate_provider_config::Request { config: null.clone() };
    assert_eq!(client.validate_provider_config(request).await.unwrap().into_inner().diagnostics, []);
    let request = validate_resource_config::Request {
        type_name: type_name.clone(),
        config: null.clone(),
        client_capabilities: None,
    };
    client.validate_resource_config(request).await.unwrap();
    let request = upgrade_resource_state::Request { type_name, version: 0, raw_state: None };
    client.upgrade_resource_state(request).await.unwrap();
    let string = |text: &str| DynamicValue {
        msgpack: [&[0xa0 | u8::try_from(text.len()).unwrap()], text.as_bytes()].concat(),
        json: Vec::new(),
    };
    let request = call_function::Request {
        name: "parse_volume_id".to_owned(),
        arguments: vec![string("local:iso/debian.iso")],
    };
    assert_eq!(client.call_function(request).await.unwrap().into_inner().error, None);
}

/// 50: a type that a newer configuration names.
#[tokio::test]
async fn an_unknown_type_is_an_error_for_the_user() {
    let plugin = started().await;
    let mut client = ProviderClient::new(plugin.channel().await.unwrap());
    let type_name = || "homelab_nonsense".to_owned();
    let said = [
        client
            .validate_resource_config(validate_resource_config::Request {
                type_name: type_name(),
                ..Default::default()
            })
            .await
            .unwrap()
            .into_inner()
            .diagnostics,
        client
            .read_data_source(read_data_source::Request { type_name: type_name(), ..Default::default() })
            .await
            .unwrap()
            .into_inner()
            .diagnostics,
        client
            .import_resource_state(import_resource_state::Request {
                type_name: type_name(),
                ..Default::default()
            })
            .await
            .unwrap()
            .into_inner()
            .diagnostics,
        client
            .move_resource_state(move_resource_state::Request {
                target_type_name: type_name(),
                ..Default::default()
            })
            .await
            .unwrap()
            .into_inner()
            .diagnostics,
        client
            .close_ephemeral_resource(close_ephemeral_resource::Request {
                type_name: type_name(),
                private: None,
            })
            .await
            .unwrap()
            .into_inner()
            .diagnostics,
    ];
    for said in said {
        assert_eq!(said.len(), 1);
        assert!(said[0].detail.contains("homelab_nonsense"), "{}", said[0].detail);
    }
    let request = call_function::Request { name: "nonsense".to_owned(), arguments: Vec::new() };
    let error = client.call_function(request).await.unwrap().into_inner().error.unwrap();
    assert!(error.text.contains("nonsense"), "{}", error.text);
}
