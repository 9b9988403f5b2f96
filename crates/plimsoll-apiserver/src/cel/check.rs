//! What can be said about an expression before it is evaluated: names that mean nothing, and what it may cost.

use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, IdedExpr, SourceInfo};

use super::environment::{FUNCTIONS, NAMESPACES};

/// How long an expression may be, in bytes.
const LONGEST: usize = 32 * 1024;
/// How many things may be within each other.
const DEEPEST: usize = 250;
/// How many signs that make the parser go deeper may stand in an expression.
const MOST_SIGNS: usize = 4_000;

/// Refuses what would be too much for the parser.
pub(super) fn source(text: &str) -> Result<(), String> {
    let signs = text
        .bytes()
        .filter(|byte| b".([{!?-+*/%<>=&|".contains(byte))
        .count();
    if text.len() > LONGEST || signs > MOST_SIGNS {
        return Err("ERROR: <input>:-1:0: expression code point size exceeds limit".to_owned());
    }
    let (mut open, mut deepest) = (0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    if deepest > 40 {
        return Err("ERROR: <input>:-1:0: expression recursion limit exceeded".to_owned());
    }
    Ok(())
}

/// What an expression is like.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    /// How many nodes it has.
    nodes: usize,
    /// How many iterations are within each other.
    loops: u32,
}

/// Finds names that mean nothing; `variables` are those that mean something.
pub(super) fn names(expression: &IdedExpr, variables: &[&str], source: &SourceInfo) -> Result<Shape, String> {
    let mut walk = Walk {
        variables,
        locals: Vec::new(),
        source,
        shape: Shape::default(),
        loops: 0,
    };
    depth(expression)?;
    walk.visit(expression)?;
    Ok(walk.shape)
}

/// Without recursion, since it is what keeps others from going too deep.
fn depth(expression: &IdedExpr) -> Result<(), String> {
    let mut open = vec![(expression, 1)];
    while let Some((expression, depth)) = open.pop() {
        if depth > DEEPEST {
            return Err("ERROR: <input>:-1:0: expression recursion limit exceeded: 250".to_owned());
        }
        for child in children(expression) {
            open.push((child, depth + 1));
        }
    }
    Ok(())
}

/// What an expression is made of.
pub(super) fn children(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Call(call) => call.target.iter().map(AsRef::as_ref).chain(&call.args).collect(),
        Expr::Comprehension(of) => vec![
            &of.iter_range,
            &of.accu_init,
            &of.loop_cond,
            &of.loop_step,
            &of.result,
        ],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map
            .entries
            .iter()
            .flat_map(|entry| entry_parts(&entry.expr))
            .collect(),
        Expr::Struct(object) => object
            .entries
            .iter()
            .flat_map(|entry| entry_parts(&entry.expr))
            .collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => Vec::new(),
    }
}

fn entry_parts(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

struct Walk<'a> {
    variables: &'a [&'a str],
    locals: Vec<&'a str>,
    source: &'a SourceInfo,
    shape: Shape,
    loops: u32,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, expression: &'a IdedExpr) -> Result<(), String> {
        self.shape.nodes += 1;
        match &expression.expr {
            Expr::Ident(name) if !self.knows(name) => Err(self.undeclared(name, expression.id)),
            Expr::Call(call) => {
                let is_operator = !call.func_name.starts_with(|c: char| c.is_ascii_alphabetic());
                if !is_operator && !FUNCTIONS.contains(&call.func_name.as_str()) {
                    return Err(self.undeclared(&call.func_name, expression.id));
                }
                for child in children(expression) {
                    self.visit(child)?;
                }
                Ok(())
            }
            Expr::Comprehension(of) => self.visit_loop(of),
            Expr::Ident(_)
            | Expr::List(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Select(_)
            | Expr::Struct(_)
            | Expr::Unspecified => {
                for child in children(expression) {
                    self.visit(child)?;
                }
                Ok(())
            }
        }
    }

    fn visit_loop(&mut self, of: &'a ComprehensionExpr) -> Result<(), String> {
        self.visit(&of.iter_range)?;
        self.visit(&of.accu_init)?;
        let known = self.locals.len();
        self.locals.push(&of.accu_var);
        self.visit(&of.result)?;
        self.locals.push(&of.iter_var);
        self.locals.extend(of.iter_var2.as_deref());
        let is_loop = !matches!(&of.iter_range.expr, Expr::List(list) if list.elements.is_empty());
        self.loops += u32::from(is_loop);
        self.shape.loops = self.shape.loops.max(self.loops);
        self.visit(&of.loop_cond)?;
        self.visit(&of.loop_step)?;
        self.loops -= u32::from(is_loop);
        self.locals.truncate(known);
        Ok(())
    }

    fn knows(&self, name: &str) -> bool {
        let name = name.strip_prefix('.').unwrap_or(name);
        self.variables.contains(&name) || self.locals.contains(&name) || NAMESPACES.contains(&name)
    }

    fn undeclared(&self, name: &str, id: u64) -> String {
        let start = self.source.offset_for(id).map_or(0, |(start, _)| start as usize);
        let before: String = self.source.source.chars().take(start).collect();
        let line = before.matches('\n').count();
        let column = before.chars().rev().take_while(|c| *c != '\n').count();
        let text = self.source.source.lines().nth(line).unwrap_or_default();
        format!(
            "ERROR: <input>:{}:{}: undeclared reference to '{name}' (in container '')\n | {text}\n | {}^",
            line + 1,
            column + 1,
            ".".repeat(column)
        )
    }
}

impl Shape {
    /// Refuses to evaluate what could take too long over lists of that length.
    pub(super) fn affords(self, longest: usize) -> Result<(), String> {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let (nodes, longest) = (self.nodes as f64, longest.max(8) as f64);
        if nodes * longest.powi(self.loops.try_into().unwrap_or(i32::MAX)) > 2e8 {
            return Err("operation cancelled: actual cost limit exceeded".to_owned());
        }
        Ok(())
    }
}
