//! Plan and apply of managed resources, each answer judged as the CLIs judge it.

use serde_json::Value as Json;

use crate::core::{Core, broken};
use crate::failure::{Failure, Message, messages, path, warnings};
use crate::msgpack::{dynamic, value};
use crate::proto::tfplugin6 as wire;
use crate::rules;
use crate::value::Value;

/// What a state file keeps of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Resource type.
    pub type_name: String,
    /// The object.
    pub value: Value,
    /// The provider's own data.
    pub private: Vec<u8>,
    /// Its identity.
    pub identity: Option<Value>,
    /// Made, but not well: it is replaced next time.
    pub tainted: bool,
}

/// What a plan does with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    NoOp,
    /// Makes it.
    Create,
    /// Changes it.
    Update,
    /// Deletes it and makes it again.
    Replace,
    /// Deletes it.
    Delete,
}

/// A plan that passed every check.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Resource type.
    pub type_name: String,
    /// What it does.
    pub action: Action,
    /// The object before.
    pub prior: Option<State>,
    /// The object after, as far as it is known.
    pub planned: Value,
    /// The provider's own data.
    pub private: Vec<u8>,
    /// The identity after.
    pub identity: Option<Value>,
    /// The settings that make it a replacement, those that did not change left out.
    pub requires_replace: Vec<String>,
    /// What the provider warns of.
    pub warnings: Vec<Message>,
}

/// How an apply ended.
#[derive(Clone, Debug)]
pub struct Applied {
    /// What the state keeps; nothing after a delete, or after a create that made nothing.
    pub state: Option<State>,
    /// Errors and warnings.
    pub messages: Vec<Message>,
}

impl Applied {
    /// The state of an apply that worked.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn ok(self) -> Option<State> {
        let errors: Vec<_> = self.messages.iter().filter(|message| message.is_error).collect();
        assert!(errors.is_empty(), "{errors:?}");
        self.state
    }
}

/// One object as a plan or apply request has it.
struct Sides<'a> {
    prior: &'a Value,
    config: &'a Value,
    private: &'a [u8],
    identity: Option<&'a Value>,
}

impl Core {
    /// Plans: validates, asks, judges, and asks a second time when the object must be replaced.
    pub async fn plan(&self, type_name: &str, prior: Option<&State>, config: &Json) -> Result<Plan, Failure> {
        let mut said = self.validate(type_name, config).await?;
        let prior = match prior {
            Some(prior) => Some(self.upgrade(prior).await?),
            None => None,
        };
        let config = Value::from_json(config, &self.schema(type_name)?.ty());
        let mut plan = self.plan_once(type_name, prior.filter(|prior| !prior.tainted), &config).await?;
        said.append(&mut plan.warnings);
        if plan.action == Action::Replace {
            let sides =
                Sides { prior: &Value::Null, config: &config, private: &plan.private, identity: None };
            let again = self.ask(type_name, &sides).await?;
            plan = Plan { planned: again.planned, private: again.private, identity: again.identity, ..plan };
            said.extend(again.warnings);
        }
        Ok(Plan { warnings: said, ..plan })
    }

    /// Plans a destroy.
    pub async fn plan_destroy(&self, prior: &State) -> Result<Plan, Failure> {
        let prior = self.upgrade(prior).await?;
        let plan = self.plan_once(&prior.type_name.clone(), Some(prior), &Value::Null).await?;
        Ok(Plan { action: Action::Delete, ..plan })
    }

    async fn plan_once(
        &self,
        type_name: &str,
        prior: Option<State>,
        config: &Value,
    ) -> Result<Plan, Failure> {
        let sides = match &prior {
            Some(prior) => Sides {
                prior: &prior.value,
                config,
                private: &prior.private,
                identity: prior.identity.as_ref(),
            },
            None => Sides { prior: &Value::Null, config, private: &[], identity: None },
        };
        let plan = self.ask(type_name, &sides).await?;
        let action = match &prior {
            None => Action::Create,
            Some(prior) if plan.planned == prior.value => Action::NoOp,
            Some(_) if !plan.requires_replace.is_empty() => Action::Replace,
            Some(_) => Action::Update,
        };
        Ok(Plan { action, prior, ..plan })
    }

    /// One plan request and the judgement of its answer.
    async fn ask(&self, type_name: &str, sides: &Sides<'_>) -> Result<Plan, Failure> {
        let schema = self.schema(type_name)?;
        let ty = schema.ty();
        let proposed = rules::proposed(&schema.attributes, sides.prior, sides.config);
        let request = wire::plan_resource_change::Request {
            type_name: type_name.to_owned(),
            prior_state: Some(dynamic(sides.prior, &ty)),
            proposed_new_state: Some(dynamic(&proposed, &ty)),
            config: Some(dynamic(sides.config, &ty)),
            prior_private: sides.private.to_vec(),
            provider_meta: None,
            client_capabilities: Self::capabilities(),
            prior_identity: self.identity_data(type_name, sides.identity),
        };
        let answer = self.client().plan_resource_change(request).await?.into_inner();
        let warnings = warnings(&answer.diagnostics)?;
        let planned = value(answer.planned_state.as_ref(), &ty)
            .map_err(|error| Failure::Rule(format!("the plan does not fit the schema: {error}")))?;
        if answer.legacy_type_system {
            return Err(Failure::Rule("the plan claims the legacy type system".to_owned()));
        }
        broken("invalid plan", &rules::plan_valid(&schema.attributes, sides.prior, sides.config, &planned))?;
        broken("stored secret", &rules::write_only_null(&schema.attributes, &planned))?;
        let mut requires_replace = Vec::new();
        for step in &answer.requires_replace {
            let (before, after) = (at(sides.prior, step), at(&planned, step));
            let write_only = matches!((before, after), (Some(Value::Null), Some(Value::Null)));
            match (before, after) {
                (None, None) if !sides.prior.is_null() => {
                    return Err(Failure::Rule(format!("there is no {} to replace for", path(step))));
                }
                _ if before != after || write_only => requires_replace.push(path(step)),
                _ => {}
            }
        }
        let replaces = !requires_replace.is_empty();
        let before = sides.identity.filter(|_| !replaces && !sides.config.is_null());
        Ok(Plan {
            type_name: type_name.to_owned(),
            action: Action::NoOp,
            prior: None,
            identity: self.identity(type_name, answer.planned_identity.as_ref(), before, false)?,
            planned,
            private: answer.planned_private,
            requires_replace,
            warnings,
        })
    }

    /// Applies: plans again with what is known by now, holds both plans against each other, and judges the result.
    pub async fn apply(&self, plan: &Plan, config: &Json) -> Result<Applied, Failure> {
        if plan.action == Action::NoOp {
            return Ok(Applied { state: plan.prior.clone(), messages: Vec::new() });
        }
        let mut messages = Vec::new();
        let mut prior = plan.prior.clone();
        if let (Action::Replace | Action::Delete, Some(old)) = (plan.action, &plan.prior) {
            let nothing = Plan { planned: Value::Null, private: old.private.clone(), ..plan.clone() };
            let applied = self.apply_once(&nothing, Some(old), &Value::Null).await?;
            messages.extend(applied.messages);
            if applied.state.is_some() || plan.action == Action::Delete {
                return Ok(Applied { state: applied.state, messages });
            }
            prior = None;
        }
        let config = Value::from_json(config, &self.schema(&plan.type_name)?.ty());
        let again = self.plan_once(&plan.type_name, prior.clone(), &config).await?;
        broken("inconsistent final plan", &rules::compatible(&plan.planned, &again.planned))?;
        let expected = if plan.action == Action::Replace { Action::Create } else { plan.action };
        if again.action != expected && (expected, again.action) != (Action::Update, Action::NoOp) {
            return Err(Failure::Rule(format!("planned {expected:?}, then {:?}", again.action)));
        }
        let applied = self.apply_once(&again, prior.as_ref(), &config).await?;
        messages.extend(applied.messages);
        Ok(Applied { state: applied.state, messages })
    }

    async fn apply_once(
        &self,
        plan: &Plan,
        prior: Option<&State>,
        config: &Value,
    ) -> Result<Applied, Failure> {
        let schema = self.schema(&plan.type_name)?;
        let ty = schema.ty();
        let request = wire::apply_resource_change::Request {
            type_name: plan.type_name.clone(),
            prior_state: Some(dynamic(prior.map_or(&Value::Null, |prior| &prior.value), &ty)),
            planned_state: Some(dynamic(&plan.planned, &ty)),
            config: Some(dynamic(config, &ty)),
            planned_private: plan.private.clone(),
            provider_meta: None,
            planned_identity: self.identity_data(&plan.type_name, plan.identity.as_ref()),
        };
        let answer = self.client().apply_resource_change(request).await?.into_inner();
        let messages = messages(&answer.diagnostics)?;
        let failed = messages.iter().any(|message| message.is_error);
        let found = value(answer.new_state.as_ref(), &ty)
            .map_err(|error| Failure::Rule(format!("the new state does not fit the schema: {error}")))?;
        broken("stored secret", &rules::write_only_null(&schema.attributes, &found))?;
        if !found.is_known() {
            return Err(Failure::Rule(format!("unknown after apply: {found:?}")));
        }
        if !failed {
            broken("inconsistent result", &rules::compatible(&plan.planned, &found))?;
        }
        if found.is_null() {
            // Without an object there is nothing to say about one; an update that failed keeps what there was.
            let kept = prior.filter(|_| failed).cloned();
            return Ok(Applied { state: kept, messages });
        }
        let before = plan.identity.as_ref().filter(|_| prior.is_some());
        let identity = self.identity(&plan.type_name, answer.new_identity.as_ref(), before, !failed)?;
        if !failed && identity.is_none() && self.identities.contains_key(&plan.type_name) {
            return Err(Failure::Rule("the object has no identity".to_owned()));
        }
        let state = State {
            type_name: plan.type_name.clone(),
            value: found,
            private: answer.private,
            identity,
            tainted: failed && prior.is_none(),
        };
        Ok(Applied { state: Some(state), messages })
    }
}

/// The value at a path; none when a step leads nowhere.
fn at<'v>(value: &'v Value, path: &wire::AttributePath) -> Option<&'v Value> {
    use wire::attribute_path::step::Selector;
    path.steps.iter().try_fold(value, |value, step| match (step.selector.as_ref()?, value) {
        (Selector::AttributeName(name) | Selector::ElementKeyString(name), Value::Map(entries)) => {
            entries.get(name)
        }
        (Selector::ElementKeyInt(index), Value::List(items)) => items.get(usize::try_from(*index).ok()?),
        _ => None,
    })
}
