//! A template as instructions, and what runs them.

use minijinja::machinery::ast::Stmt;
use minijinja::machinery::{CodeGenerator, eval, make_string_output, parse};
use minijinja::{AutoEscape, Environment, Value};

use super::{ChatTemplateError, constants, failure, operators, reason};

/// What error messages of the engine call the template.
const NAME: &str = "chat template";

/// Reads a template, and refuses one whose constants are too large.
///
/// The words nest as deep as they like: only a thread with a stack to match can do this.
pub(super) fn read<'source>(
    source: &'source str,
    environment: &Environment<'_>,
) -> Result<Stmt<'source>, ChatTemplateError> {
    let statement = parse(source, NAME, environment.syntax().clone()).map_err(|error| {
        ChatTemplateError::Malformed { line: error.line().unwrap_or(0), reason: reason(&error) }
    })?;
    constants::check(&statement)?;
    Ok(statement)
}

/// Runs a template, and gives what it writes.
///
/// # Errors
/// As [`ChatTemplate::render`](super::ChatTemplate::render).
pub(super) fn run(
    source: &str,
    environment: &Environment<'_>,
    context: Value,
) -> Result<String, ChatTemplateError> {
    let statement = read(source, environment)?;
    let mut generator = CodeGenerator::new(NAME, source);
    generator.compile_stmt(&statement);
    let (mut instructions, mut blocks) = generator.finish();

    operators::replace(&mut instructions);
    for block in blocks.values_mut() {
        operators::replace(block);
    }

    let mut text = String::new();
    let mut output = make_string_output(&mut text);
    eval(environment, &instructions, context, &blocks, &mut output, AutoEscape::None).map_err(failure)?;
    drop(output);
    Ok(text)
}
