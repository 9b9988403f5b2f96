//! Reading an expression, by recursive descent.

use super::{Attribute, Comparison, Expression, Operand, UnknownExpression};

/// How deep brackets and negations may nest.
const DEPTH: usize = 32;

pub(super) fn parse(text: &str) -> Result<Expression, UnknownExpression> {
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
    };
    let expression = parser.any_of()?;
    parser.blank();
    if parser.rest().is_empty() {
        Ok(expression)
    } else {
        Err(parser.unknown("expected the end"))
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn any_of(&mut self) -> Result<Expression, UnknownExpression> {
        let mut parts = vec![self.all_of()?];
        while self.take("||") {
            parts.push(self.all_of()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Expression::Or(parts)
        })
    }

    fn all_of(&mut self) -> Result<Expression, UnknownExpression> {
        let mut parts = vec![self.one()?];
        while self.take("&&") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Expression::And(parts)
        })
    }

    fn one(&mut self) -> Result<Expression, UnknownExpression> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.unknown("too deep"));
        }
        let expression = if self.take("!") {
            Expression::Not(Box::new(self.one()?))
        } else if self.take("(") {
            let inner = self.any_of()?;
            self.expect(")")?;
            inner
        } else if self.take("has(") {
            let Operand::Attribute(name) = self.operand()? else {
                return Err(self.unknown("expected an attribute"));
            };
            self.expect(")")?;
            Expression::Has(name)
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn comparison(&mut self) -> Result<Expression, UnknownExpression> {
        let left = self.operand()?;
        if let Operand::Literal(Attribute::String(name)) = &left
            && self.take_word("in")
        {
            self.expect("device.attributes")?;
            return Ok(if self.take("[") {
                let domain = self.string()?;
                self.expect("]")?;
                Expression::Has(format!("{domain}/{name}"))
            } else {
                Expression::HasDomain(name.clone())
            });
        }
        // The longer ones first.
        let comparisons = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        for (sign, comparison) in comparisons {
            if self.take(sign) {
                return Ok(Expression::Compare(left, comparison, self.operand()?));
            }
        }
        match left {
            Operand::Attribute(_) | Operand::Literal(Attribute::Bool(_)) => Ok(Expression::Is(left)),
            Operand::Driver | Operand::Literal(_) => Err(self.unknown("expected a comparison")),
        }
    }

    fn operand(&mut self) -> Result<Operand, UnknownExpression> {
        if self.take_word("device.driver") {
            return Ok(Operand::Driver);
        }
        if self.take("device.attributes") {
            self.expect("[")?;
            let domain = self.string()?;
            self.expect("]")?;
            let name = if self.take("[") {
                let name = self.string()?;
                self.expect("]")?;
                name
            } else {
                self.expect(".")?;
                self.word()?
            };
            if self.rest().starts_with(['.', '[', '(']) {
                return Err(self.unknown("functions and fields of attributes are not evaluated here"));
            }
            return Ok(Operand::Attribute(format!("{domain}/{name}")));
        }
        for (word, value) in [("true", true), ("false", false)] {
            if self.take_word(word) {
                return Ok(Operand::Literal(Attribute::Bool(value)));
            }
        }
        self.blank();
        if self.rest().starts_with(['"', '\'']) {
            return self
                .string()
                .map(|text| Operand::Literal(Attribute::String(text)));
        }
        let digits = self
            .rest()
            .find(|c: char| !c.is_ascii_digit() && c != '-')
            .unwrap_or(self.rest().len());
        let Ok(number) = self.rest()[..digits].parse() else {
            return Err(self.unknown("neither a literal nor `device.driver` nor an attribute"));
        };
        self.at += digits;
        Ok(Operand::Literal(Attribute::Int(number)))
    }

    /// A text in quotes, without escapes.
    fn string(&mut self) -> Result<String, UnknownExpression> {
        self.blank();
        let Some(quote) = self.rest().chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            return Err(self.unknown("expected a text"));
        };
        let inside = &self.rest()[1..];
        match inside.find([quote, '\\']) {
            Some(end) if inside[end..].starts_with(quote) => {
                let text = inside[..end].to_owned();
                self.at += end + 2;
                Ok(text)
            }
            _ => Err(self.unknown("a text that is not closed, or has escapes")),
        }
    }

    fn word(&mut self) -> Result<String, UnknownExpression> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        if end == 0 {
            return Err(self.unknown("expected a name"));
        }
        let word = rest[..end].to_owned();
        self.at += end;
        Ok(word)
    }

    fn take(&mut self, sign: &str) -> bool {
        self.blank();
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    /// As [`take`](Self::take), where the word ends there.
    fn take_word(&mut self, word: &str) -> bool {
        let before = self.at;
        let found = self.take(word)
            && !self
                .rest()
                .starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '(' | '['));
        if !found {
            self.at = before;
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), UnknownExpression> {
        if self.take(sign) {
            Ok(())
        } else {
            Err(self.unknown(format!("expected `{sign}`")))
        }
    }

    fn blank(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn unknown(&self, what: impl Into<String>) -> UnknownExpression {
        let at = self.text[..self.at].chars().count() + 1;
        UnknownExpression {
            expression: self.text.to_owned(),
            what: what.into(),
            at,
        }
    }
}
