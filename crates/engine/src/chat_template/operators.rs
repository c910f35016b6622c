//! The operators that turn lists into text without paying for it: `~`, and `in` with a text on its right.
//!
//! They become calls of functions whose names no template can say.

use minijinja::machinery::{Instruction, Instructions};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::amount::{as_text, pay_for_bytes, write};

/// The name of the function for `~`.
const CONCATENATION: &str = "~";
/// The name of the function for `in`.
const CONTAINMENT: &str = " in ";
/// The name of the function for `include`.
const INCLUSION: &str = " include ";

/// Gives the environment the functions.
pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_function(CONCATENATION, concatenated);
    environment.add_function(CONTAINMENT, contained);
    environment.add_function(INCLUSION, |_: &Value| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::TemplateNotFound, "a chat template has no other files"))
    });
}

/// Puts a call in the place of each operator. Both take two values from the stack and leave one there.
pub(super) fn replace(instructions: &mut Instructions<'_>) {
    let mut index = 0;
    while let Some(instruction) = instructions.get_mut(index) {
        let call = match instruction {
            Instruction::StringConcat => Some(Instruction::CallFunction(CONCATENATION, Some(2))),
            Instruction::In => Some(Instruction::CallFunction(CONTAINMENT, Some(2))),
            // where no file exists, many names are as good as one
            Instruction::Include(false) => Some(Instruction::CallFunction(INCLUSION, Some(1))),
            Instruction::Include(true) => Some(Instruction::DiscardTop),
            _ => None,
        };
        if let Some(call) = call {
            *instruction = call;
        }
        index += 1;
    }
}

/// `left ~ right`.
fn concatenated(state: &State<'_, '_>, left: &Value, right: &Value) -> Result<Value, Error> {
    let mut text = String::new();
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        // all at once, and the engine pays for the result once more
        pay_for_bytes(state, left.len().saturating_add(right.len()))?;
        text.reserve_exact(left.len() + right.len());
        text.push_str(left);
        text.push_str(right);
        return Ok(Value::from(text));
    }

    write(state, &mut text, left)?;
    write(state, &mut text, right)?;
    Ok(Value::from(text))
}

/// `item in container`.
fn contained(state: &State<'_, '_>, item: &Value, container: &Value) -> Result<bool, Error> {
    if container.as_str().is_some() {
        return minijinja::tests::is_in(state, &as_text(state, item)?, container);
    }
    if container.as_object().is_some() || container.is_undefined() {
        return minijinja::tests::is_in(state, item, container);
    }
    Err(Error::new(ErrorKind::InvalidOperation, "cannot perform a containment check on this value"))
}
