//! The rules of buses, compiled and kept in memory, found by the source and detail type that their patterns ask for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws::{Event, Scope};
use serde_json::Value;
use store::{ReadTx, Store};

use crate::pattern::{Flattened, Mismatch, Pattern};
use crate::records::{BusChanges, Rule, State};

/// Rules read at once.
const PAGE: usize = 500;

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
            let news = store.read(move |tx| News::since(tx, &of, known)).await?;
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
fn is_read(event: &Value) -> bool {
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

impl News {
    fn since(tx: &mut ReadTx<'_>, (scope, bus): &BusKey, known: Option<u64>) -> Result<Self, store::Error> {
        let changes = tx.get::<BusChanges>(&BusChanges::key_of(scope, bus))?;
        let generation = changes.as_ref().map_or(0, |changes| changes.generation);
        let named = match (known, &changes) {
            (Some(known), Some(changes)) => changes.since(known),
            (Some(_), None) => Some(&[][..]),
            (None, _) => None,
        };
        if let Some(names) = named {
            let names: BTreeSet<&String> = names.iter().collect();
            let rules = names.into_iter().map(|name| {
                let rule = tx.get::<Rule>(&Rule::key_of(scope, bus, name))?;
                Ok((name.clone(), rule.map(|rule| Compiled::of(rule.into_inner()))))
            });
            let changed = rules.collect::<Result<_, store::Error>>()?;
            return Ok(Self { generation, anew: false, changed });
        }
        let changed = all(tx, scope, bus)?
            .into_iter()
            .map(|rule| (rule.name.clone(), Some(Compiled::of(rule))))
            .collect();
        Ok(Self { generation, anew: true, changed })
    }

    fn apply(self, rules: &mut BusRules) {
        // Two readers may bring their news in another order than they read it.
        if !self.anew && self.generation < rules.generation {
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

/// Every rule of a bus, by name.
pub(crate) fn all(tx: &mut ReadTx<'_>, scope: &Scope, bus: &str) -> Result<Vec<Rule>, store::Error> {
    let mut rules = Vec::new();
    let mut after = None;
    loop {
        let range = store::Range::prefix(Rule::on_bus(scope, bus)).after(after);
        let page = tx.scan::<Rule>(range, PAGE)?;
        after = page.next.clone();
        rules.extend(page.into_records());
        if after.is_none() {
            return Ok(rules);
        }
    }
}
