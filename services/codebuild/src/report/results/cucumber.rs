//! The JSON of Cucumber and of those who write the same, behave among them.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor},
};

use super::{Case, CaseStatus, MAX_NAME_CHARS, Message, TestResults, cut, nanoseconds};
use crate::report::{Refusal, json, xml::Bounded};

/// Scenarios of one feature.
const MAX_SCENARIOS: usize = 100_000;

/// A case is a scenario; prefix and suite are its feature. The steps of a background count for the scenario after it.
pub(in crate::report) fn read(file: &mut Bounded<'_>, results: &mut TestResults) -> Result<(), Refusal> {
    json::read(file, Features(results))
}

struct Features<'a>(&'a mut TestResults);

impl<'de> DeserializeSeed<'de> for Features<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Features<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of features")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut features: A) -> Result<(), A::Error> {
        while let Some(feature) = features.next_element::<Feature>()? {
            feature.push_to(self.0);
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Feature {
    #[serde(default)]
    name: String,
    #[serde(default)]
    elements: Elements,
}

impl Feature {
    fn push_to(self, results: &mut TestResults) {
        let name = cut(&self.name, MAX_NAME_CHARS);
        let mut background = Steps::default();
        for element in self.elements.0 {
            let steps = element.before.and(element.steps).and(element.after);
            if element.kind == "background" {
                background = steps;
                continue;
            }
            let steps = std::mem::take(&mut background).and(steps);
            results.push(Case {
                name: element.name,
                prefix: name.clone(),
                suite: name.clone(),
                status: steps.status(),
                nanoseconds: steps.nanoseconds,
                message: steps.message,
            });
        }
    }
}

#[derive(Default)]
struct Elements(Vec<Element>);

impl<'de> Deserialize<'de> for Elements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Listed;
        impl<'de> Visitor<'de> for Listed {
            type Value = Elements;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of scenarios")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut listed: A) -> Result<Elements, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = listed.next_element()? {
                    if elements.len() == MAX_SCENARIOS {
                        let message = format!("a feature has more than {MAX_SCENARIOS} scenarios");
                        return Err(serde::de::Error::custom(message));
                    }
                    elements.push(element);
                }
                Ok(Elements(elements))
            }
        }
        deserializer.deserialize_seq(Listed)
    }
}

#[derive(Deserialize)]
struct Element {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    steps: Steps,
    #[serde(default)]
    before: Steps,
    #[serde(default)]
    after: Steps,
}

/// What the steps of a scenario come to, so that they need not be held.
#[derive(Default)]
struct Steps {
    ran: bool,
    failed: bool,
    undefined: bool,
    skipped: bool,
    unknown: bool,
    nanoseconds: i64,
    message: Message,
}

impl Steps {
    fn status(&self) -> CaseStatus {
        match self {
            Self { failed: true, .. } => CaseStatus::Failed,
            Self { undefined: true, .. } => CaseStatus::Error,
            Self { unknown: true, .. } => CaseStatus::Unknown,
            Self { skipped: true, .. } => CaseStatus::Skipped,
            Self { .. } => CaseStatus::Succeeded,
        }
    }

    fn and(mut self, later: Self) -> Self {
        self.ran |= later.ran;
        self.failed |= later.failed;
        self.undefined |= later.undefined;
        self.skipped |= later.skipped;
        self.unknown |= later.unknown;
        self.nanoseconds = self.nanoseconds.saturating_add(later.nanoseconds);
        self.message.push_line(later.message.as_str());
        self
    }

    fn add(&mut self, step: Step) {
        let Some(result) = step.result else {
            // behave leaves out what did not run.
            self.skipped = true;
            return;
        };
        self.ran = true;
        match result.status.to_ascii_lowercase().as_str() {
            "passed" => {}
            "failed" => self.failed = true,
            "undefined" | "ambiguous" => {
                self.undefined = true;
                self.message.push_line(&format!("{}: {}{}", result.status, step.keyword, step.name));
            }
            "skipped" | "pending" | "untested" => self.skipped = true,
            _ => self.unknown = true,
        }
        self.nanoseconds = self.nanoseconds.saturating_add(result.duration.map_or(0, Duration::nanoseconds));
        match result.error_message {
            Some(Words::One(text)) => self.message.push_line(&text),
            Some(Words::Lines(lines)) => lines.iter().for_each(|line| self.message.push_line(line)),
            Some(Words::Other(_)) | None => {}
        }
    }
}

impl<'de> Deserialize<'de> for Steps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Folded;
        impl<'de> Visitor<'de> for Folded {
            type Value = Steps;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of steps")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut listed: A) -> Result<Steps, A::Error> {
                let mut steps = Steps::default();
                while let Some(step) = listed.next_element()? {
                    steps.add(step);
                }
                Ok(steps)
            }
        }
        deserializer.deserialize_seq(Folded)
    }
}

#[derive(Deserialize)]
struct Step {
    #[serde(default)]
    keyword: String,
    #[serde(default)]
    name: String,
    result: Option<StepResult>,
}

#[derive(Deserialize)]
struct StepResult {
    #[serde(default)]
    status: String,
    duration: Option<Duration>,
    error_message: Option<Words>,
}

/// Cucumber's are whole nanoseconds, behave's are seconds with a fraction.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Duration {
    Whole(i64),
    Seconds(f64),
}

impl Duration {
    fn nanoseconds(self) -> i64 {
        match self {
            Self::Whole(nanoseconds) => nanoseconds.max(0),
            Self::Seconds(seconds) => nanoseconds(seconds, 1e9),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    One(String),
    Lines(Vec<String>),
    Other(IgnoredAny),
}

#[cfg(test)]
mod tests {
    use crate::report::{Content, Format, results::tests::cases};

    #[test]
    fn scenarios_with_backgrounds_and_hooks() {
        // As cucumber-js orders it: the elements before the name of their feature.
        let text = r#"[{"description":"","elements":[
          {"type":"background","keyword":"Background","name":"","line":3,"steps":[{"keyword":"Given ","name":"a user","result":{"status":"passed","duration":1000000}}]},
          {"id":"login;ok","type":"scenario","keyword":"Scenario","name":"ok","before":[{"hidden":true,"result":{"status":"passed","duration":500000}}],
           "steps":[{"keyword":"When ","name":"logs in","line":5,"match":{"location":"x"},"result":{"status":"passed","duration":2500000},"embeddings":[{"data":"AAAA","mime_type":"image/png"}]}]},
          {"type":"scenario","name":"bad","steps":[{"keyword":"Then ","name":"fails","result":{"status":"failed","duration":3000000,"error_message":"AssertionError: 1 != 2\n  at x"}},{"keyword":"And ","name":"more","result":{"status":"skipped"}}]},
          {"type":"scenario","name":"undone","steps":[{"keyword":"Then ","name":"what","result":{"status":"undefined"}}]},
          {"type":"scenario_outline","name":"later","steps":[{"keyword":"* ","name":"x","result":{"status":"pending"}}]}
        ],"id":"login","keyword":"Feature","name":"Login","tags":[],"uri":"f.feature"},
        {"name":"Empty"}]"#;
        assert_eq!(
            cases(Format::CucumberJson, text),
            [
                "FAILED bad|Login|Login|3|AssertionError: 1 != 2\n  at x",
                "ERROR undone|Login|Login|0|undefined: Then what",
                "SUCCEEDED ok|Login|Login|4|",
                "SKIPPED later|Login|Login|0|",
            ]
        );
    }

    #[test]
    fn behave() {
        let text = r#"[{"keyword":"Feature","name":"F","status":"failed","elements":[{"keyword":"Scenario","name":"s","type":"scenario","steps":[
          {"keyword":"Given","name":"g","result":{"duration":0.25,"status":"failed","error_message":["Assertion Failed: x","more"]}},
          {"keyword":"Then","name":"t","text":["a","b"]}]}]}]"#;
        assert_eq!(cases(Format::CucumberJson, text), ["FAILED s|F|F|250|Assertion Failed: x\nmore"]);
    }

    #[test]
    fn other_documents_are_refused() {
        for text in ["{}", "", "[1]", "[{\"elements\":{}}]", "[] x", "[{\"name\":\"\u{1}\"}]"] {
            let mut content = Content::of(Format::CucumberJson, "/");
            let refused = content.read(Format::CucumberJson, "f", &mut text.as_bytes()).unwrap_err();
            assert!(refused.to_string().starts_with("expected a JSON document"), "{text}: {refused}");
        }
    }
}
