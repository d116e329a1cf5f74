//! The rules of buses, compiled and kept in memory, found by the source and detail type that their patterns ask for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws::{Event, Scope};
use serde_json::Value;
use store::{ReadTx, Store};

use crate::records::{BusChanges, Rule, State};
use pattern::{Flattened, Mismatch, Pattern};

/// Rules read at once.
const PAGE: usize = 200;

type BusKey = (Scope, String);

/// Every bus that has got an event.
#[derive(Default)]
pub(crate) struct Rules(Mutex<HashMap<BusKey, BusRules>>);

/// The rules of one bus.
#[derive(Default)]
struct BusRules {
    generation: u64,
    by_name: BTreeMap<String, Arc<Compiled>>,
    /// By source and detail type; `None` where any of them may match. Schedules alone are not in here.
    by_keys: HashMap<Keys, BTreeSet<String>>,
}

type Keys = (Option<String>, Option<String>);

/// A rule with its pattern ready.
pub(crate) struct Compiled {
    pub rule: Rule,
    pattern: Option<Pattern>,
}

/// Why a rule does not want an event.
#[derive(Debug)]
pub(crate) enum Unwanted {
    Disabled,
    /// It has a schedule alone.
    NoPattern,
    Mismatch(Mismatch),
    /// A call that only reads, which the rule's state leaves out.
    ManagementEvent,
}

impl Rules {
    /// Brings the rules of buses up to what is committed now.
    pub async fn refresh(
        &self,
        store: &Store,
        buses: impl IntoIterator<Item = BusKey>,
    ) -> Result<(), store::Error> {
        for key in buses {
            let known = self.lock().get(&key).map(|rules| rules.generation);
            let of = key.clone();
            let news = match store.read(move |tx| News::since(tx, &of, known)).await? {
                Look::News(news) => news,
                // What changes while the pages are read has a later generation: the next look finds it.
                Look::Everything { generation } => {
                    let rules = all(store, &key.0, &key.1).await?;
                    let changed = rules.into_iter().map(|rule| (rule.name.clone(), Some(Compiled::of(rule))));
                    News { generation, anew: true, changed: changed.collect() }
                }
            };
            news.apply(self.lock().entry(key).or_default());
        }
        Ok(())
    }

    /// The enabled rules of a bus whose pattern matches, by name.
    pub fn matching(&self, scope: &Scope, bus: &str, event: &Event) -> Vec<Arc<Compiled>> {
        let buses = self.lock();
        let Some(rules) = buses.get(&(scope.clone(), bus.to_owned())) else { return Vec::new() };
        let candidates = rules.candidates(event);
        if candidates.is_empty() {
            return Vec::new();
        }
        let document = document(event);
        let flattened = Flattened::of(&document);
        let wanting = candidates.into_iter().filter_map(|name| rules.by_name.get(name));
        wanting.filter(|compiled| compiled.judge(&document, &flattened).is_ok()).cloned().collect()
    }

    /// A rule by its id.
    pub fn by_id(&self, scope: &Scope, bus: &str, id: uuid::Uuid) -> Option<Arc<Compiled>> {
        let buses = self.lock();
        let rules = buses.get(&(scope.clone(), bus.to_owned()))?;
        rules.by_name.values().find(|compiled| compiled.rule.id == id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BusKey, BusRules>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The event as patterns see it.
pub(crate) fn document(event: &Event) -> Value {
    serde_json::to_value(event).unwrap_or_default()
}

impl Compiled {
    pub fn of(rule: Rule) -> Self {
        let pattern = rule.pattern.as_deref().and_then(|text| Pattern::parse(text).ok());
        Self { rule, pattern }
    }

    /// Errors: why the rule does not want the event.
    pub fn judge(&self, event: &Value, flattened: &Flattened<'_>) -> Result<(), Unwanted> {
        if !self.rule.state.is_enabled() {
            return Err(Unwanted::Disabled);
        }
        let pattern = self.pattern.as_ref().ok_or(Unwanted::NoPattern)?;
        pattern.judge(flattened).map_err(Unwanted::Mismatch)?;
        let leaves_reads_out = self.rule.state != State::EnabledWithAllManagementEvents;
        if leaves_reads_out && is_read(event) { Err(Unwanted::ManagementEvent) } else { Ok(()) }
    }
}

/// Calls that only read reach no rule unless it asks for them.
/// Source: EventBridge User Guide, "AWS service events delivered via AWS CloudTrail".
pub(crate) fn is_read(event: &Value) -> bool {
    let name = event.pointer("/detail/eventName").and_then(Value::as_str).unwrap_or_default();
    event.get("detail-type").and_then(Value::as_str) == Some("AWS API Call via CloudTrail")
        && ["Get", "List", "Describe"].iter().any(|verb| name.starts_with(verb))
}

impl BusRules {
    fn candidates(&self, event: &Event) -> BTreeSet<&str> {
        let (source, detail_type) = (Some(event.source.clone()), Some(event.detail_type.clone()));
        let keys = [(source.clone(), detail_type.clone()), (source, None), (None, detail_type), (None, None)];
        keys.iter().filter_map(|keys| self.by_keys.get(keys)).flatten().map(String::as_str).collect()
    }

    fn put(&mut self, compiled: Compiled) {
        self.remove(&compiled.rule.name);
        for keys in compiled.keys() {
            self.by_keys.entry(keys).or_default().insert(compiled.rule.name.clone());
        }
        self.by_name.insert(compiled.rule.name.clone(), Arc::new(compiled));
    }

    fn remove(&mut self, name: &str) {
        let Some(known) = self.by_name.remove(name) else { return };
        for keys in known.keys() {
            if let Some(names) = self.by_keys.get_mut(&keys) {
                names.remove(name);
                if names.is_empty() {
                    self.by_keys.remove(&keys);
                }
            }
        }
    }
}

impl Compiled {
    /// Where it is found: nowhere if it is disabled.
    fn keys(&self) -> Vec<Keys> {
        let pattern = self.pattern.iter().filter(|_| self.rule.state.is_enabled());
        let alternatives = pattern.flat_map(Pattern::keys).map(|keys| {
            let any = |texts: Option<Vec<String>>| {
                texts.map_or_else(|| vec![None], |texts| texts.into_iter().map(Some).collect())
            };
            (any(keys.sources), any(keys.detail_types))
        });
        let pairs = alternatives.flat_map(|(sources, types)| {
            sources.into_iter().flat_map(move |source| {
                types.clone().into_iter().map(move |detail_type| (source.clone(), detail_type))
            })
        });
        pairs.collect()
    }
}

/// What a reader of a bus's rules has missed.
struct News {
    generation: u64,
    /// Whether `changed` is everything there is.
    anew: bool,
    changed: Vec<(String, Option<Compiled>)>,
}

enum Look {
    News(News),
    /// The reader is too far behind, and has to read all rules.
    Everything {
        generation: u64,
    },
}

impl News {
    fn since(tx: &mut ReadTx<'_>, (scope, bus): &BusKey, known: Option<u64>) -> Result<Look, store::Error> {
        let changes = tx.get::<BusChanges>(&BusChanges::key_of(scope, bus))?;
        let generation = changes.as_ref().map_or(0, |changes| changes.generation);
        let named = match (known, &changes) {
            (Some(known), Some(changes)) => changes.since(known),
            (Some(_), None) => Some(&[][..]),
            (None, _) => None,
        };
        let Some(names) = named else { return Ok(Look::Everything { generation }) };
        let names: BTreeSet<&String> = names.iter().collect();
        let rules = names.into_iter().map(|name| {
            let rule = tx.get::<Rule>(&Rule::key_of(scope, bus, name))?;
            Ok((name.clone(), rule.map(|rule| Compiled::of(rule.into_inner()))))
        });
        let changed = rules.collect::<Result<_, store::Error>>()?;
        Ok(Look::News(Self { generation, anew: false, changed }))
    }

    fn apply(self, rules: &mut BusRules) {
        // Two readers may bring their news in another order than they read it.
        if self.generation < rules.generation {
            return;
        }
        if self.anew {
            *rules = BusRules::default();
        }
        rules.generation = self.generation;
        for (name, compiled) in self.changed {
            match compiled {
                Some(compiled) => rules.put(compiled),
                None => rules.remove(&name),
            }
        }
    }
}

/// Every rule of a bus, by name; read page by page.
pub(crate) async fn all(store: &Store, scope: &Scope, bus: &str) -> Result<Vec<Rule>, store::Error> {
    let mut rules = Vec::new();
    let mut after = None;
    loop {
        let range = store::Range::prefix(Rule::on_bus(scope, bus)).after(after);
        let page = store.read(move |tx| tx.scan::<Rule>(range.clone(), PAGE)).await?;
        after = page.next.clone();
        rules.extend(page.into_records());
        if after.is_none() {
            return Ok(rules);
        }
    }
}

#[cfg(test)]
mod tests {
    use aws::Timestamp;
    use proptest::prelude::*;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::records::DEFAULT_BUS;

    fn scope() -> Scope {
        Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap())
    }

    fn rule(name: &str, pattern: &Value, state: State) -> Rule {
        Rule {
            id: Uuid::new_v4(),
            scope: scope(),
            bus: DEFAULT_BUS.to_owned(),
            name: name.to_owned(),
            pattern: Some(pattern.to_string()),
            schedule: None,
            state,
            description: None,
            role_arn: None,
            managed_by: None,
            archive: None,
            tags: BTreeMap::new(),
            targets: Vec::new(),
            updated: Timestamp::default(),
            anchor: Timestamp::default(),
        }
    }

    fn event(source: &str, detail_type: &str, detail: Value) -> Event {
        Event::new(&scope(), source, detail_type, Timestamp::default(), Vec::new(), detail)
    }

    fn names(rules: &Rules, event: &Event) -> Vec<String> {
        let matching = rules.matching(&scope(), DEFAULT_BUS, event);
        matching.iter().map(|compiled| compiled.rule.name.clone()).collect()
    }

    #[test]
    fn reads_reach_only_rules_that_ask_for_them() {
        let rules = Rules::default();
        let pattern = json!({"source": ["aws.iam"]});
        let mut buses = rules.lock();
        let bus = buses.entry((scope(), DEFAULT_BUS.to_owned())).or_default();
        bus.put(Compiled::of(rule("all", &pattern, State::EnabledWithAllManagementEvents)));
        bus.put(Compiled::of(rule("writes", &pattern, State::Enabled)));
        drop(buses);
        let call = |name: &str| event("aws.iam", "AWS API Call via CloudTrail", json!({"eventName": name}));
        assert_eq!(names(&rules, &call("GetUser")), ["all"]);
        assert_eq!(names(&rules, &call("CreateUser")), ["all", "writes"]);
    }

    #[tokio::test]
    async fn a_change_is_seen_by_the_next_event() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(store::Config::Sqlite { dir: folder.path().to_owned() }).await.unwrap();
        let rules = Rules::default();
        let key = (scope(), DEFAULT_BUS.to_owned());
        let write = |name: &'static str, pattern: Option<Value>| {
            store.write(move |tx| {
                match &pattern {
                    Some(pattern) => tx.put(&rule(name, pattern, State::Enabled)).map(|_| ())?,
                    None => tx.delete::<Rule>(&Rule::key_of(&scope(), DEFAULT_BUS, name)).map(|_| ())?,
                }
                BusChanges::note(tx, &scope(), DEFAULT_BUS, name)
            })
        };
        let event = event("a", "t", json!({}));
        write("one", Some(json!({"source": ["a"]}))).await.unwrap();
        rules.refresh(&store, [key.clone()]).await.unwrap();
        assert_eq!(names(&rules, &event), ["one"]);
        write("two", Some(json!({"detail-type": ["t"]}))).await.unwrap();
        write("one", Some(json!({"source": ["b"]}))).await.unwrap();
        rules.refresh(&store, [key.clone()]).await.unwrap();
        assert_eq!(names(&rules, &event), ["two"]);
        write("two", None).await.unwrap();
        for _ in 0..100 {
            write("three", Some(json!({"source": [{"prefix": "a"}]}))).await.unwrap();
        }
        rules.refresh(&store, [key]).await.unwrap();
        assert_eq!(names(&rules, &event), ["three"], "also for a reader that is far behind");
    }

    fn texts() -> impl Strategy<Value = Value> {
        let text = prop_oneof![Just(json!("a")), Just(json!("b")), Just(json!({"prefix": "a"}))];
        prop::collection::vec(text, 1..3).prop_map(Value::Array)
    }

    fn pattern() -> impl Strategy<Value = Value> {
        let object = || {
            let optional =
                |name: &'static str| prop::option::of(texts()).prop_map(move |texts| (name, texts));
            (optional("source"), optional("detail-type"), texts()).prop_map(|(source, detail_type, other)| {
                let mut members = serde_json::Map::new();
                for (name, texts) in [source, detail_type] {
                    members.extend(texts.map(|texts| (name.to_owned(), texts)));
                }
                members.insert("detail".into(), json!({"x": other}));
                Value::Object(members)
            })
        };
        prop_oneof![object(), (object(), object()).prop_map(|(left, right)| json!({"$or": [left, right]}))]
    }

    proptest! {
        #[test]
        fn the_index_leaves_nothing_out(
            patterns in prop::collection::vec(pattern(), 1..8), source in "[abc]", detail_type in "[abc]", x in "[abc]",
        ) {
            let rules = Rules::default();
            let compiled: Vec<Compiled> = patterns
                .iter()
                .enumerate()
                .map(|(index, pattern)| Compiled::of(rule(&index.to_string(), pattern, State::Enabled)))
                .collect();
            let event = event(&source, &detail_type, json!({"x": x}));
            let document = document(&event);
            let wanting = compiled.iter().filter(|one| one.judge(&document, &Flattened::of(&document)).is_ok());
            let expected: Vec<String> = wanting.map(|one| one.rule.name.clone()).collect();
            let mut buses = rules.lock();
            let bus = buses.entry((scope(), DEFAULT_BUS.to_owned())).or_default();
            for compiled in compiled {
                bus.put(compiled);
            }
            drop(buses);
            prop_assert_eq!(names(&rules, &event), expected);
        }
    }
}
