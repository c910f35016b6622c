//! What is computed from constants while a template is compiled, before there are steps to count.
//!
//! `['a'] * 99999 ~ ''` is such a constant. minijinja 3.1 makes texts of up to 1 kB of them, but does not count lists.

use std::fmt::Write as _;

use super::ChatTemplateError;
use super::amount::Bounded;
use minijinja::machinery::ast::{BinOpKind, CallArg, CompareOpKind, Expr, Stmt, UnaryOpKind};

/// The longest text of a list that is computed from constants.
const MAX_BYTES: usize = 4096;

/// How deep an expression may nest. The compiler looks at all of it once per level.
const MAX_DEPTH: usize = 1000;

/// Refuses a template that computes a long list from constants, that nests an expression too deeply, and a chain of
/// comparisons with `in`, for which there is no bound.
pub(super) fn check(template: &Stmt<'_>) -> Result<(), ChatTemplateError> {
    let mut statements = vec![template];
    while let Some(statement) = statements.pop() {
        for expression in expressions(statement) {
            constancy(expression, 0)?;
        }
        statements.extend(bodies(statement));
    }
    Ok(())
}

/// The statements inside a statement.
fn bodies<'t, 's>(statement: &'t Stmt<'s>) -> Vec<&'t Stmt<'s>> {
    match statement {
        Stmt::Template(template) => template.children.iter().collect(),
        Stmt::ForLoop(one) => one.body.iter().chain(&one.else_body).collect(),
        Stmt::IfCond(one) => one.true_body.iter().chain(&one.false_body).collect(),
        Stmt::WithBlock(one) => one.body.iter().collect(),
        Stmt::SetBlock(one) => one.body.iter().collect(),
        Stmt::AutoEscape(one) => one.body.iter().collect(),
        Stmt::FilterBlock(one) => one.body.iter().collect(),
        Stmt::Block(one) => one.body.iter().collect(),
        Stmt::Macro(one) => one.body.iter().collect(),
        Stmt::CallBlock(one) => one.macro_decl.body.iter().collect(),
        Stmt::EmitExpr(_)
        | Stmt::EmitRaw(_)
        | Stmt::Set(_)
        | Stmt::Import(_)
        | Stmt::FromImport(_)
        | Stmt::Extends(_)
        | Stmt::Include(_)
        | Stmt::Continue(_)
        | Stmt::Break(_)
        | Stmt::Do(_) => Vec::new(),
    }
}

/// The expressions of a statement itself.
fn expressions<'t, 's>(statement: &'t Stmt<'s>) -> Vec<&'t Expr<'s>> {
    match statement {
        Stmt::EmitExpr(one) => vec![&one.expr],
        Stmt::ForLoop(one) => [&one.target, &one.iter].into_iter().chain(&one.filter_expr).collect(),
        Stmt::IfCond(one) => vec![&one.expr],
        Stmt::WithBlock(one) => one.assignments.iter().flat_map(|(name, value)| [name, value]).collect(),
        Stmt::Set(one) => vec![&one.target, &one.expr],
        Stmt::SetBlock(one) => std::iter::once(&one.target).chain(&one.filter).collect(),
        Stmt::AutoEscape(one) => vec![&one.enabled],
        Stmt::FilterBlock(one) => vec![&one.filter],
        Stmt::Macro(one) => one.args.iter().chain(&one.defaults).collect(),
        Stmt::CallBlock(one) => {
            let mut all = vec![&one.call.expr];
            all.extend(one.call.args.iter().map(argument));
            all.extend(one.macro_decl.args.iter().chain(&one.macro_decl.defaults));
            all
        }
        Stmt::Do(one) => std::iter::once(&one.call.expr).chain(one.call.args.iter().map(argument)).collect(),
        Stmt::Import(one) => vec![&one.expr, &one.name],
        Stmt::FromImport(one) => vec![&one.expr],
        Stmt::Extends(one) => vec![&one.name],
        Stmt::Include(one) => vec![&one.name],
        Stmt::Template(_) | Stmt::EmitRaw(_) | Stmt::Block(_) | Stmt::Continue(_) | Stmt::Break(_) => {
            Vec::new()
        }
    }
}

fn argument<'t, 's>(argument: &'t CallArg<'s>) -> &'t Expr<'s> {
    match argument {
        CallArg::Pos(expression)
        | CallArg::Kwarg(_, expression)
        | CallArg::PosSplat(expression)
        | CallArg::KwargSplat(expression) => expression,
    }
}

/// What the compiler can make of an expression.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Constancy {
    /// Nothing before the template runs.
    Variable,
    /// A number, a text or another single value.
    Single,
    /// Perhaps a list.
    Holds,
}

impl Constancy {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Variable, _) | (_, Self::Variable) => Self::Variable,
            (Self::Single, Self::Single) => Self::Single,
            _ => Self::Holds,
        }
    }
}

/// What an expression is, after all in it was found to be small.
fn constancy(expression: &Expr<'_>, depth: usize) -> Result<Constancy, ChatTemplateError> {
    if depth > MAX_DEPTH {
        return Err(refusal(expression, "an expression nests too deeply"));
    }
    let deeper = depth + 1;

    match expression {
        Expr::Const(_) => Ok(Constancy::Single),
        Expr::List(list) => all(&list.items, deeper),
        Expr::Tuple(tuple) => all(&tuple.items, deeper),
        Expr::Map(map) => Ok(all(&map.keys, deeper)?.and(all(&map.values, deeper)?)),
        Expr::UnaryOp(one) => {
            let inside = constancy(&one.expr, deeper)?;
            Ok(if matches!(one.op, UnaryOpKind::Not) && inside == Constancy::Holds {
                Constancy::Single
            } else {
                inside
            })
        }
        Expr::BinOp(one) => {
            let both = constancy(&one.left, deeper)?.and(constancy(&one.right, deeper)?);
            if both == Constancy::Holds && matches!(one.op, BinOpKind::Add | BinOpKind::Mul) {
                small(expression)?;
            }
            Ok(both)
        }
        Expr::Compare(chain) => {
            let mut all = constancy(&chain.expr, deeper)?;
            for link in &chain.ops {
                if matches!(link.op, CompareOpKind::In | CompareOpKind::NotIn) {
                    return Err(refusal(expression, "`in` stands in a chain of comparisons"));
                }
                all = all.and(constancy(&link.expr, deeper)?);
            }
            Ok(all)
        }
        _ => {
            for inside in parts(expression) {
                constancy(inside, deeper)?;
            }
            Ok(Constancy::Variable)
        }
    }
}

/// The items of a literal list, which is constant where all of them are.
fn all(items: &[Expr<'_>], depth: usize) -> Result<Constancy, ChatTemplateError> {
    let mut all = Constancy::Holds;
    for item in items {
        all = all.and(constancy(item, depth)?);
    }
    Ok(all)
}

/// The expressions inside one that is never constant.
fn parts<'t, 's>(expression: &'t Expr<'s>) -> Vec<&'t Expr<'s>> {
    match expression {
        Expr::Slice(one) => {
            let bounds = one.start.iter().chain(&one.stop).chain(&one.step);
            std::iter::once(&one.expr).chain(bounds).collect()
        }
        Expr::IfExpr(one) => [&one.test_expr, &one.true_expr].into_iter().chain(&one.false_expr).collect(),
        Expr::Filter(one) => one.expr.iter().chain(one.args.iter().map(argument)).collect(),
        Expr::Test(one) => std::iter::once(&one.expr).chain(one.args.iter().map(argument)).collect(),
        Expr::GetAttr(one) => vec![&one.expr],
        Expr::GetItem(one) => vec![&one.expr, &one.subscript_expr],
        Expr::Call(one) => std::iter::once(&one.expr).chain(one.args.iter().map(argument)).collect(),
        _ => Vec::new(),
    }
}

/// Refuses an expression whose constant value is a long list.
fn small(expression: &Expr<'_>) -> Result<(), ChatTemplateError> {
    let Some(value) = expression.as_const().filter(|value| value.as_object().is_some()) else {
        return Ok(());
    };

    match Bounded::new(&mut String::new(), MAX_BYTES).write_fmt(format_args!("{value}")) {
        Ok(()) => Ok(()),
        Err(_) => Err(refusal(expression, "a list that is computed from constants is too long")),
    }
}

fn refusal(expression: &Expr<'_>, reason: &str) -> ChatTemplateError {
    ChatTemplateError::Malformed {
        line: usize::from(expression.span().start_line),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up fails the test")]
mod tests {
    use minijinja::machinery::parse;
    use minijinja::syntax::SyntaxConfig;

    use super::check;

    #[test]
    fn long_lists_of_constants_are_refused_wherever_they_stand() {
        let refused = |source: &str| check(&parse(source, "t", SyntaxConfig::default()).unwrap()).is_err();
        for source in [
            "{{ [1] * 9999 ~ '' }}",
            "{{ ([1] * 9999) in 'abc' }}",
            "{% if x %}{% for i in [[1] * 9999 == y] %}{% endfor %}{% endif %}",
            "{% macro f(a=[1, 2] * 9999) %}{% endmacro %}",
            "{{ f(x[0]|g(b=not ([1] * 9999))) }}",
            "{{ 1 < 2 in x }}",
        ] {
            assert!(refused(source), "{source}");
        }
        for source in
            ["{{ [0] * 3 + [x] }}", "{{ [x] * 99999 }}", "{{ 9 * 9999999999 ~ 'a' }}", "{{ a in b }}"]
        {
            assert!(!refused(source), "{source}");
        }
    }
}
