//! From text to pattern, with the refusals that AWS words.
//! Source: EventBridge User Guide, "Creating Amazon EventBridge event patterns"; refusals as observed.

use super::cidr::Cidr;
use super::condition::{Condition, End, Literal, Range};
use super::token::{Kind, Problem, Token, Tokens};
use super::wildcard::Wildcard;
use super::{Alternative, Field, Pattern};

/// What `$or` may multiply to. Source: EventBridge User Guide, "Using the OR operator".
const MOST_ALTERNATIVES: usize = 1_000;
/// Names that are operators, so that a list under `$or` which has them is a list of conditions of a field of that name.
const OPERATORS: [&str; 9] = [
    "exactly",
    "prefix",
    "suffix",
    "equals-ignore-case",
    "wildcard",
    "anything-but",
    "numeric",
    "cidr",
    "exists",
];

pub(super) fn parse(text: &str) -> Result<Pattern, Problem> {
    let mut parser = Parser { tokens: Tokens::of(text) };
    if parser.next()?.kind != Kind::ObjectStart {
        return Err(parser.problem("Filter is not an object"));
    }
    let mut alternatives = vec![Alternative::default()];
    parser.object(&mut alternatives, "")?;
    if parser.next()?.kind != Kind::End {
        return Err(parser.problem("Event pattern is not a single object"));
    }
    Ok(Pattern { alternatives })
}

struct Parser {
    tokens: Tokens,
}

impl Parser {
    /// The members of an object whose opening brace was read: each narrows all the alternatives.
    fn object(&mut self, alternatives: &mut Vec<Alternative>, path: &str) -> Result<(), Problem> {
        let mut is_empty = true;
        loop {
            let name = match self.next()?.kind {
                Kind::Name(name) => name,
                _ if is_empty => return Err(self.problem("Empty objects are not allowed")),
                _ => return Ok(()),
            };
            is_empty = false;
            if name == "$or" && self.is_relationship()? {
                self.relationship(alternatives, path)?;
                continue;
            }
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match self.next()?.kind {
                Kind::ObjectStart => self.object(alternatives, &path)?,
                Kind::ArrayStart => {
                    let conditions = self.conditions()?;
                    for alternative in alternatives.iter_mut() {
                        alternative.set(Field { path: path.clone(), conditions: conditions.clone() });
                    }
                }
                _ => return Err(self.problem(format!("\"{name}\" must be an object or an array"))),
            }
        }
    }

    /// Whether what follows `$or` is a list of at least two objects without operators; else `$or` is a field's name.
    fn is_relationship(&mut self) -> Result<bool, Problem> {
        let position = self.tokens.position();
        let answer = self.looks_like_relationship();
        self.tokens.rewind(position);
        answer
    }

    fn looks_like_relationship(&mut self) -> Result<bool, Problem> {
        if self.next()?.kind != Kind::ArrayStart {
            return Ok(false);
        }
        let mut objects = 0;
        loop {
            match self.next()?.kind {
                Kind::ArrayEnd => return Ok(objects >= 2),
                Kind::ObjectStart => objects += 1,
                _ => return Ok(false),
            }
            let mut depth = 1;
            while depth > 0 {
                match self.next()?.kind {
                    Kind::ObjectStart | Kind::ArrayStart => depth += 1,
                    Kind::ObjectEnd | Kind::ArrayEnd => depth -= 1,
                    Kind::Name(name) if depth == 1 && OPERATORS.contains(&name.as_str()) => return Ok(false),
                    Kind::End => return Ok(false),
                    _ => {}
                }
            }
        }
    }

    fn relationship(&mut self, alternatives: &mut Vec<Alternative>, path: &str) -> Result<(), Problem> {
        self.next()?;
        let before = std::mem::take(alternatives);
        while self.next()?.kind == Kind::ObjectStart {
            let mut narrowed = before.clone();
            self.object(&mut narrowed, path)?;
            alternatives.append(&mut narrowed);
            if alternatives.len() > MOST_ALTERNATIVES {
                return Err(
                    self.problem(format!("There are more than {MOST_ALTERNATIVES} combinations of $or"))
                );
            }
        }
        Ok(())
    }

    fn conditions(&mut self) -> Result<Vec<Condition>, Problem> {
        let mut conditions = Vec::new();
        loop {
            let token = self.next()?;
            match (literal(&token), token.kind) {
                (Some(literal), _) => conditions.push(Condition::Exact(literal)),
                (None, Kind::ObjectStart) => conditions.push(self.expression()?),
                (None, Kind::ArrayEnd) if conditions.is_empty() => {
                    return Err(self.problem("Empty arrays are not allowed"));
                }
                (None, Kind::ArrayEnd) => return Ok(conditions),
                (None, _) => {
                    return Err(self.problem("Match value must be String, number, true, false, or null"));
                }
            }
        }
    }

    /// A condition that is an object, whose opening brace was read.
    fn expression(&mut self) -> Result<Condition, Problem> {
        let Kind::Name(operator) = self.next()?.kind else {
            return Err(self.problem("Match expression name not found"));
        };
        let condition = match operator.as_str() {
            "exactly" => {
                let token = self.next()?;
                Condition::Exact(Literal::Text(self.text(token, "exact match pattern must be a string")?))
            }
            "prefix" => self.affix(End::Prefix)?,
            "suffix" => self.affix(End::Suffix)?,
            "equals-ignore-case" => {
                let token = self.next()?;
                let text = self.text(token, "equals-ignore-case match pattern must be a string")?;
                Condition::EqualsIgnoreCase(text)
            }
            "wildcard" => {
                let token = self.next()?;
                wildcard(self.text(token, "wildcard match pattern must be a string")?)?
            }
            "anything-but" => self.anything_but()?,
            "numeric" => Condition::Numeric(self.numeric()?),
            "cidr" => {
                let token = self.next()?;
                // The wording is AWS's.
                let text = self.text(token, "prefix match pattern must be a string")?;
                Condition::Cidr { block: Cidr::parse(&text)?, text }
            }
            "exists" => match self.next()?.kind {
                Kind::True => Condition::Exists(true),
                Kind::False => Condition::Exists(false),
                _ => return Err(self.problem("exists match pattern must be either true or false.")),
            },
            other => return Err(self.problem(format!("Unrecognized match type {other}"))),
        };
        self.end_of_expression()?;
        Ok(condition)
    }

    fn end_of_expression(&mut self) -> Result<(), Problem> {
        match self.next()?.kind {
            Kind::ObjectEnd => Ok(()),
            _ => Err(self.problem("Only one key allowed in match expression")),
        }
    }

    fn affix(&mut self, end: End) -> Result<Condition, Problem> {
        let name = if end == End::Prefix { "prefix" } else { "suffix" };
        let token = self.next()?;
        if token.kind != Kind::ObjectStart {
            let text = self.text(token, &format!("{name} match pattern must be a string"))?;
            return Ok(Condition::Affix { end, ignore_case: false, text });
        }
        match self.next()?.kind {
            Kind::Name(operator) if operator == "equals-ignore-case" => {}
            Kind::Name(operator) => {
                return Err(self.problem(format!("Unsupported {name} pattern: {operator}")));
            }
            _ => return Err(self.problem(format!("{name} expression name not found"))),
        }
        let token = self.next()?;
        let text = self.text(token, "equals-ignore-case match pattern must be a string")?;
        self.end_of_expression()?;
        Ok(Condition::Affix { end, ignore_case: true, text })
    }

    fn anything_but(&mut self) -> Result<Condition, Problem> {
        let token = self.next()?;
        match (&token.kind, literal(&token)) {
            (Kind::ObjectStart, _) => self.anything_but_like(),
            (Kind::ArrayStart, _) => Ok(Condition::AnythingBut(self.anything_but_list()?)),
            (_, Some(literal @ (Literal::Text(_) | Literal::Number(_)))) => {
                Ok(Condition::AnythingBut(vec![literal]))
            }
            _ => Err(self.problem("Value of anything-but must be an array or single string/number value.")),
        }
    }

    fn anything_but_list(&mut self) -> Result<Vec<Literal>, Problem> {
        let mut literals = Vec::new();
        loop {
            let token = self.next()?;
            match (literal(&token), token.kind) {
                (Some(literal @ (Literal::Text(_) | Literal::Number(_))), _) => literals.push(literal),
                (None, Kind::ArrayEnd) => break,
                _ => {
                    return Err(
                        self.problem("Inside anything but list, start|null|boolean is not supported.")
                    );
                }
            }
        }
        let texts = literals.iter().filter(|literal| matches!(literal, Literal::Text(_))).count();
        if literals.is_empty() || (texts != 0 && texts != literals.len()) {
            return Err(self.problem(
                "Inside anything but list, either all values are number or string, mixed type is not supported",
            ));
        }
        Ok(literals)
    }

    fn anything_but_like(&mut self) -> Result<Condition, Problem> {
        let Kind::Name(operator) = self.next()?.kind else {
            return Err(self.problem("Anything-But expression name not found"));
        };
        let affix = |end| move |text| Ok(Condition::Affix { end, ignore_case: false, text });
        let conditions = match operator.as_str() {
            "prefix" => self.texts_of(&operator, affix(End::Prefix))?,
            "suffix" => self.texts_of(&operator, affix(End::Suffix))?,
            "equals-ignore-case" => self.texts_of(&operator, |text| Ok(Condition::EqualsIgnoreCase(text)))?,
            "wildcard" => self.texts_of(&operator, wildcard)?,
            other => return Err(self.problem(format!("Unsupported anything-but pattern: {other}"))),
        };
        self.end_of_expression()?;
        Ok(Condition::AnythingButLike(conditions))
    }

    /// A text or a list of texts below `anything-but`.
    fn texts_of(
        &mut self,
        operator: &str,
        condition: impl Fn(String) -> Result<Condition, Problem>,
    ) -> Result<Vec<Condition>, Problem> {
        let is_affix = matches!(operator, "prefix" | "suffix");
        let first = self.next()?;
        let is_list = first.kind == Kind::ArrayStart;
        let refusal = match (is_affix, is_list) {
            (true, _) => "prefix/suffix match pattern must be a string".to_owned(),
            (false, false) => format!("{operator} match pattern must be a string"),
            (false, true) => {
                format!("Inside anything-but/{operator} list, number|start|null|boolean is not supported.")
            }
        };
        let mut token = if is_list { self.next()? } else { first };
        let mut conditions = Vec::new();
        loop {
            if is_list && token.kind == Kind::ArrayEnd && !conditions.is_empty() {
                return Ok(conditions);
            }
            let text = self.text(token, &refusal)?;
            if is_affix && text.is_empty() {
                return Err(self.problem("Null prefix/suffix not allowed"));
            }
            conditions.push(condition(text)?);
            if !is_list {
                return Ok(conditions);
            }
            token = self.next()?;
        }
    }

    fn numeric(&mut self) -> Result<Range, Problem> {
        if self.next()?.kind != Kind::ArrayStart {
            return Err(self.problem("Value of numeric must be an array."));
        }
        let token = self.next()?;
        let Kind::Text(operator) = token.kind else {
            return Err(self.problem(format!("Invalid member in numeric match: {}", token.text)));
        };
        match operator.as_str() {
            "=" => {
                let range = Range::exactly(self.number("Value of equals must be numeric")?);
                self.end_of_numeric(range)
            }
            "<" | "<=" => {
                let top = self.number(&format!("Value of {operator} must be numeric"))?;
                self.end_of_numeric(Range { bottom: None, top: Some((top, operator == "<=")) })
            }
            ">" | ">=" => {
                let bottom = self.number(&format!("Value of {operator} must be numeric"))?;
                self.rest_of_range((bottom, operator == ">="))
            }
            other => Err(self.problem(format!("Unrecognized numeric range operator: {other}"))),
        }
    }

    fn end_of_numeric(&mut self, range: Range) -> Result<Range, Problem> {
        match self.next()?.kind {
            Kind::ArrayEnd => Ok(range),
            _ => Err(self.problem("Too many elements in numeric expression")),
        }
    }

    fn rest_of_range(&mut self, bottom: (f64, bool)) -> Result<Range, Problem> {
        let token = self.next()?;
        let operator = match token.kind {
            Kind::ArrayEnd => return Ok(Range { bottom: Some(bottom), top: None }),
            Kind::Text(operator) => operator,
            _ => return Err(self.problem(format!("Bad value in numeric range: {}", token.text))),
        };
        let top = self.number(&format!("Value of {operator} must be numeric"))?;
        if self.next()?.kind != Kind::ArrayEnd {
            return Err(self.problem("Too many terms in numeric range expression"));
        }
        if !matches!(operator.as_str(), "<" | "<=") {
            return Err(self.problem(format!("Bad numeric range operator: {operator}")));
        }
        if bottom.0 >= top {
            return Err(self.problem("Bottom must be less than top"));
        }
        Ok(Range { bottom: Some(bottom), top: Some((top, operator == "<=")) })
    }

    fn number(&mut self, refusal: &str) -> Result<f64, Problem> {
        match self.next()?.kind {
            Kind::Number(number) => Ok(number),
            _ => Err(self.problem(refusal)),
        }
    }

    fn text(&self, token: Token, refusal: &str) -> Result<String, Problem> {
        match token.kind {
            Kind::Text(text) => Ok(text),
            _ => Err(self.problem(refusal)),
        }
    }

    fn next(&mut self) -> Result<Token, Problem> {
        self.tokens.next()
    }

    fn problem(&self, reason: impl Into<String>) -> Problem {
        self.tokens.problem(reason)
    }
}

fn literal(token: &Token) -> Option<Literal> {
    match &token.kind {
        Kind::Text(text) => Some(Literal::Text(text.clone())),
        Kind::Number(number) => Some(Literal::Number(*number)),
        Kind::True => Some(Literal::True),
        Kind::False => Some(Literal::False),
        Kind::Null => Some(Literal::Null),
        Kind::ObjectStart
        | Kind::ObjectEnd
        | Kind::ArrayStart
        | Kind::ArrayEnd
        | Kind::Name(_)
        | Kind::End => None,
    }
}

fn wildcard(text: String) -> Result<Condition, Problem> {
    Ok(Condition::Wildcard { wildcard: Wildcard::parse(&text)?, text })
}
