//! JSON as a stream of tokens that know where they end, since refusals of event patterns say so.
//!
//! Positions and wording are those that clients know: the column behind a token; of a text, the column behind its
//! opening quote; of a member's name, the position of its value, which is looked at together with the name.

/// How much of the pattern a refusal repeats. Source: observed answers.
const SHOWN: usize = 500;

/// What is wrong with a pattern, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub reason: String,
    /// Line and column, both from 1; `None` where the reason stands alone.
    pub at: Option<(usize, usize)>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    Name(String),
    Text(String),
    Number(f64),
    True,
    False,
    Null,
    /// Behind the last token.
    End,
}

#[derive(Clone, Debug)]
pub struct Token {
    pub kind: Kind,
    /// The token as the document has it; of a text or name, its value.
    pub text: String,
    pub at: (usize, usize),
}

/// The tokens of a document, up to its first mistake.
pub struct Tokens {
    tokens: Vec<Token>,
    mistake: Option<Problem>,
    next: usize,
}

impl Problem {
    pub fn alone(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), at: None }
    }

    /// The message of EventBridge's refusal of `pattern`.
    pub fn message(&self, pattern: &str) -> String {
        format!("Event pattern is not valid. Reason: {}", self.described(pattern))
    }

    /// The reason, and where in `pattern` it lies.
    pub fn described(&self, pattern: &str) -> String {
        let Some((line, column)) = self.at else { return self.reason.clone() };
        let shown: String = pattern.chars().take(SHOWN).collect();
        let rest = pattern.chars().count().saturating_sub(SHOWN);
        let cut = if rest > 0 { format!("[truncated {rest} chars]") } else { String::new() };
        format!("{}\n at [Source: (String)\"{shown}\"{cut}; line: {line}, column: {column}]", self.reason)
    }
}

impl Tokens {
    pub fn of(document: &str) -> Self {
        let mut reader = Reader::new(document);
        let mistake = reader.document().err();
        let mut tokens = reader.tokens;
        // A name is only there once its value has been looked at.
        for index in 0..tokens.len().saturating_sub(1) {
            if matches!(tokens[index].kind, Kind::Name(_)) {
                tokens[index].at = tokens[index + 1].at;
            }
        }
        if mistake.is_some() && tokens.last().is_some_and(|last| matches!(last.kind, Kind::Name(_))) {
            tokens.pop();
        }
        Self { tokens, mistake, next: 0 }
    }

    /// The next token, [`Kind::End`] behind the last. Errors: the document's first mistake.
    pub fn next(&mut self) -> Result<Token, Problem> {
        let token = self.peek_at(self.next)?;
        self.next += 1;
        Ok(token)
    }

    /// Where the stream stands, to come back to with [`Tokens::rewind`].
    pub fn position(&self) -> usize {
        self.next
    }

    pub fn rewind(&mut self, position: usize) {
        self.next = position;
    }

    /// A refusal at the token that was read last.
    pub fn problem(&self, reason: impl Into<String>) -> Problem {
        let last = self.next.checked_sub(1).and_then(|index| self.tokens.get(index));
        Problem { reason: reason.into(), at: Some(last.map_or((1, 1), |token| token.at)) }
    }

    fn peek_at(&self, index: usize) -> Result<Token, Problem> {
        match (self.tokens.get(index), &self.mistake) {
            (Some(token), _) => Ok(token.clone()),
            (None, Some(mistake)) => Err(mistake.clone()),
            (None, None) => {
                let at = self.tokens.last().map_or((1, 1), |token| token.at);
                Ok(Token { kind: Kind::End, text: String::new(), at })
            }
        }
    }
}

struct Reader<'d> {
    rest: std::iter::Peekable<std::str::Chars<'d>>,
    line: usize,
    column: usize,
    tokens: Vec<Token>,
}

/// What a reader is inside of.
#[derive(Clone, Copy, PartialEq)]
enum Inside {
    Object,
    Array,
}

impl<'d> Reader<'d> {
    fn new(document: &'d str) -> Self {
        Self { rest: document.chars().peekable(), line: 1, column: 1, tokens: Vec::new() }
    }

    fn document(&mut self) -> Result<(), Problem> {
        // Without recursion: a document may be nested as deeply as it is long.
        let mut inside: Vec<Inside> = Vec::new();
        self.blanks();
        if self.rest.peek().is_none() {
            return Ok(());
        }
        self.value(&mut inside)?;
        while let Some(&innermost) = inside.last() {
            self.blanks();
            match (innermost, self.rest.peek().copied()) {
                (Inside::Object, Some('}')) => self.close(&mut inside, Kind::ObjectEnd, "}"),
                (Inside::Array, Some(']')) => self.close(&mut inside, Kind::ArrayEnd, "]"),
                (_, None) => return Err(self.end_of_input(innermost)),
                (_, Some(next)) => {
                    if !self.is_first() {
                        self.comma(innermost, next)?;
                    }
                    if innermost == Inside::Object {
                        self.name()?;
                    }
                    self.value(&mut inside)?;
                }
            }
        }
        Ok(())
    }

    fn close(&mut self, inside: &mut Vec<Inside>, kind: Kind, text: &str) {
        self.step();
        inside.pop();
        self.push(kind, text.to_owned());
    }

    /// Whether nothing stands yet in the innermost object or array.
    fn is_first(&self) -> bool {
        matches!(self.tokens.last().map(|token| &token.kind), Some(Kind::ObjectStart | Kind::ArrayStart))
    }

    fn comma(&mut self, innermost: Inside, next: char) -> Result<(), Problem> {
        self.step();
        if next != ',' {
            let what = if innermost == Inside::Object { "Object" } else { "Array" };
            return Err(self.unexpected(next, &format!("was expecting comma to separate {what} entries")));
        }
        self.blanks();
        Ok(())
    }

    fn name(&mut self) -> Result<(), Problem> {
        match self.step() {
            Some('"') => {}
            Some(other) => {
                return Err(self.unexpected(other, "was expecting double-quote to start field name"));
            }
            None => return Err(self.end_of_input(Inside::Object)),
        }
        let name = self.rest_of_text()?;
        self.blanks();
        match self.step() {
            Some(':') => {}
            Some(other) => {
                return Err(self.unexpected(other, "was expecting a colon to separate field name and value"));
            }
            None => return Err(self.end_of_input(Inside::Object)),
        }
        self.blanks();
        self.push(Kind::Name(name.clone()), name);
        Ok(())
    }

    fn value(&mut self, inside: &mut Vec<Inside>) -> Result<(), Problem> {
        match self.rest.peek().copied() {
            Some('{') => {
                self.step();
                inside.push(Inside::Object);
                self.push(Kind::ObjectStart, "{".to_owned());
            }
            Some('[') => {
                self.step();
                inside.push(Inside::Array);
                self.push(Kind::ArrayStart, "[".to_owned());
            }
            Some('"') => {
                self.step();
                let at = (self.line, self.column);
                let text = self.rest_of_text()?;
                self.tokens.push(Token { kind: Kind::Text(text.clone()), text, at });
            }
            Some('-' | '0'..='9') => self.number()?,
            Some(first) if first.is_alphabetic() || first == '_' || first == '$' => self.word()?,
            Some(other) => {
                self.step();
                return Err(self.unexpected(
                    other,
                    "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
                ));
            }
            None => return Err(self.end_of_input(inside.last().copied().unwrap_or(Inside::Object))),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Problem> {
        let mut text = String::new();
        while let Some(next) =
            self.rest.peek().copied().filter(|c| c.is_ascii_alphanumeric() || "+-.".contains(*c))
        {
            text.push(next);
            self.step();
        }
        match serde_json::from_str::<f64>(&text) {
            Ok(number) => self.push(Kind::Number(number), text),
            Err(_) => {
                return Err(self.here(format!("Invalid numeric value: '{text}'")));
            }
        }
        Ok(())
    }

    fn word(&mut self) -> Result<(), Problem> {
        let mut text = String::new();
        while let Some(next) = self.rest.peek().copied().filter(|c| c.is_alphanumeric() || "_$".contains(*c))
        {
            text.push(next);
            self.step();
        }
        let kind = match text.as_str() {
            "true" => Kind::True,
            "false" => Kind::False,
            "null" => Kind::Null,
            _ => {
                return Err(self.here(format!(
                    "Unrecognized token '{text}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
                )));
            }
        };
        self.push(kind, text);
        Ok(())
    }

    /// A text from behind its opening quote, unescaped.
    fn rest_of_text(&mut self) -> Result<String, Problem> {
        let mut raw = String::from('"');
        loop {
            match self.step() {
                None => {
                    return Err(self.here(
                        "Unexpected end-of-input: was expecting closing quote for a string value".to_owned(),
                    ));
                }
                Some('"') => break,
                Some('\\') => {
                    raw.push('\\');
                    raw.extend(self.step());
                }
                Some(control) if (control as u32) < 0x20 => {
                    return Err(self.here(format!(
                        "Illegal unquoted character ((CTRL-CHAR, code {})): has to be escaped using backslash to be included in string value",
                        control as u32
                    )));
                }
                Some(other) => raw.push(other),
            }
        }
        raw.push('"');
        serde_json::from_str(&raw)
            .map_err(|_| self.here("Unrecognized character escape in a string value".to_owned()))
    }

    fn blanks(&mut self) {
        while self.rest.peek().is_some_and(|next| matches!(next, ' ' | '\t' | '\r' | '\n')) {
            self.step();
        }
    }

    fn step(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        if next == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(next)
    }

    fn push(&mut self, kind: Kind, text: String) {
        self.tokens.push(Token { kind, text, at: (self.line, self.column) });
    }

    fn unexpected(&self, found: char, expected: &str) -> Problem {
        self.here(format!("Unexpected character ('{found}' (code {})): {expected}", found as u32))
    }

    fn end_of_input(&self, inside: Inside) -> Problem {
        let what = if inside == Inside::Object { "Object" } else { "Array" };
        self.here(format!("Unexpected end-of-input: expected close marker for {what}"))
    }

    fn here(&self, reason: String) -> Problem {
        Problem { reason, at: Some((self.line, self.column)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(document: &str) -> String {
        Tokens::of(document)
            .mistake
            .map(|problem| format!("{} @{:?}", problem.reason, problem.at))
            .unwrap_or_default()
    }

    #[test]
    fn mistakes_have_places() {
        assert_eq!(
            mistake("{'source': 1}"),
            "Unexpected character (''' (code 39)): was expecting double-quote to start field name @Some((1, 3))"
        );
        assert_eq!(
            mistake("this is"),
            "Unrecognized token 'this': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false') @Some((1, 5))"
        );
        assert!(mistake("{\"a\":[1,\n2}").ends_with("to separate Array entries @Some((2, 3))"));
        assert!(mistake("{\"a\"").starts_with("Unexpected end-of-input"));
        assert!(mistake("{\"a\":01}").starts_with("Invalid numeric value"));
        assert_eq!(mistake("[[[[{\"a\":[]}]]]]"), "");
    }

    #[test]
    fn a_text_ends_behind_its_quote_and_a_name_with_its_value() {
        let mut tokens = Tokens::of(r#"{"source": "aws.s3"}"#);
        let kinds: Vec<_> = std::iter::from_fn(|| tokens.next().ok().filter(|token| token.kind != Kind::End))
            .map(|token| token.at)
            .collect();
        assert_eq!(kinds, [(1, 2), (1, 13), (1, 13), (1, 21)]);
    }
}
