//! Provider functions, called as either CLI calls them.

use serde_json::Value as Json;

use crate::core::Core;
use crate::failure::{Failure, Message};
use crate::msgpack::{dynamic, value};
use crate::proto::tfplugin6::{self as wire, DynamicValue, function::Parameter};
use crate::types::Type;
use crate::value::Value;

/// Which CLI is played, where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cli {
    /// HashiCorp's.
    Terraform,
    /// OpenTofu.
    Tofu,
}

impl Cli {
    /// The version that it says it has.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Terraform => "1.14.0",
            Self::Tofu => "1.12.0",
        }
    }
}

impl Core {
    /// The names of the functions.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.functions.keys().map(String::as_str)
    }

    /// Calls a function. What a parameter does not allow never reaches the provider.
    pub async fn call(&self, name: &str, arguments: &[Json]) -> Result<Value, Failure> {
        let function =
            self.functions.get(name).ok_or_else(|| Failure::Rule(format!("there is no function {name}")))?;
        let missing = arguments.len() < function.parameters.len();
        if missing || (arguments.len() > function.parameters.len() && function.variadic_parameter.is_none()) {
            return Err(Failure::Rule(format!("{name} does not take {} arguments", arguments.len())));
        }
        let parameters = function.parameters.iter().chain(function.variadic_parameter.iter().cycle());
        let mut sent = Vec::new();
        let mut unknown = false;
        for (argument, parameter) in arguments.iter().zip(parameters) {
            let ty = ty(&parameter.r#type)?;
            let argument = Value::from_json(argument, &ty);
            if argument.is_null() && !parameter.allow_null_value {
                return Err(Failure::Rule(format!("{name}: {} must not be null", parameter.name)));
            }
            unknown |= !argument.is_known() && !parameter.allow_unknown_values;
            sent.push(self.argument(&argument, &ty, parameter));
        }
        let returns = ty(&function.r#return.as_ref().map(|from| from.r#type.clone()).unwrap_or_default())?;
        if unknown {
            return Ok(Value::Unknown);
        }
        let request = wire::call_function::Request { name: name.to_owned(), arguments: sent };
        let answer = self.client().call_function(request).await?.into_inner();
        if let Some(error) = answer.error {
            let at = error.function_argument;
            if at.is_some_and(|at| usize::try_from(at).map_or(true, |at| at >= arguments.len())) {
                return Err(Failure::Rule(format!("{name} blames the argument {at:?}, which was not given")));
            }
            return Err(Failure::Refused(vec![Message {
                is_error: true,
                summary: "Error in function call".to_owned(),
                detail: error.text,
                path: at.map(|at| at.to_string()).unwrap_or_default(),
            }]));
        }
        value(answer.result.as_ref(), &returns).map_err(Failure::Rule)
    }

    /// OpenTofu leaves a permitted null empty.
    fn argument(&self, argument: &Value, ty: &Type, parameter: &Parameter) -> DynamicValue {
        match self.cli {
            Cli::Tofu if argument.is_null() && parameter.allow_null_value => DynamicValue::default(),
            _ => dynamic(argument, ty),
        }
    }
}

fn ty(json: &[u8]) -> Result<Type, Failure> {
    Type::parse(json).ok_or_else(|| Failure::Rule("the type of a parameter is none".to_owned()))
}
