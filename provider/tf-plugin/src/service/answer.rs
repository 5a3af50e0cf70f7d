//! Answers that can say that the call failed.

use tf_framework::Diagnostic;

use crate::proto::tfplugin6 as wire;
use crate::wire::diagnostic;

/// The answer to a call.
pub(super) trait Answer {
    /// An answer with nothing but a message.
    fn refused(message: Diagnostic) -> Self;
}

macro_rules! answers {
    ($($module:ident),+ $(,)?) => {
        $(impl Answer for wire::$module::Response {
            fn refused(message: Diagnostic) -> Self {
                let mut answer = Self::default();
                answer.diagnostics.push(diagnostic(message));
                answer
            }
        })+
    };
}

answers!(
    apply_resource_change,
    close_ephemeral_resource,
    configure_provider,
    get_functions,
    get_metadata,
    get_provider_schema,
    get_resource_identity_schemas,
    import_resource_state,
    move_resource_state,
    open_ephemeral_resource,
    plan_resource_change,
    read_data_source,
    read_resource,
    renew_ephemeral_resource,
    upgrade_resource_identity,
    upgrade_resource_state,
    validate_data_resource_config,
    validate_ephemeral_resource_config,
    validate_provider_config,
    validate_resource_config,
);

impl Answer for wire::call_function::Response {
    fn refused(message: Diagnostic) -> Self {
        let error = wire::FunctionError { text: message.detail, function_argument: None };
        Self { result: None, error: Some(error) }
    }
}

impl Answer for wire::stop_provider::Response {
    fn refused(message: Diagnostic) -> Self {
        Self { error: message.detail }
    }
}
