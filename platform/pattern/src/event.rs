//! An event as patterns see it: a flat list of scalars, each with the places of the lists that it came through.
//!
//! Fields that go through one list have to be satisfied by one element of it: an event with the instances
//! `{"name": "a", "up": true}` and `{"name": "b", "up": false}` has no instance `b` that is up.

use std::collections::HashMap;

use serde_json::Value;

/// The elements that a scalar is in: which list of the event, which element.
pub type Place = [(usize, usize)];

pub struct Leaf<'e> {
    pub value: &'e Value,
    pub place: Vec<(usize, usize)>,
}

/// Made once for an event, and shown to any number of patterns.
pub struct Flattened<'e> {
    leaves: HashMap<String, Vec<Leaf<'e>>>,
    lists: usize,
}

impl<'e> Flattened<'e> {
    pub fn of(event: &'e Value) -> Self {
        let mut flattened = Self { leaves: HashMap::new(), lists: 0 };
        flattened.add(&mut String::new(), event, &mut Vec::new());
        flattened
    }

    pub fn leaves(&self, path: &str) -> &[Leaf<'e>] {
        self.leaves.get(path).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, path: &mut String, value: &'e Value, place: &mut Vec<(usize, usize)>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let length = path.len();
                    if length > 0 {
                        path.push('.');
                    }
                    path.push_str(name);
                    self.add(path, member, place);
                    path.truncate(length);
                }
            }
            Value::Array(elements) => {
                let list = self.lists;
                self.lists += 1;
                for (index, element) in elements.iter().enumerate() {
                    place.push((list, index));
                    self.add(path, element, place);
                    place.pop();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                let leaf = Leaf { value, place: place.clone() };
                self.leaves.entry(path.clone()).or_default().push(leaf);
            }
        }
    }
}

/// Whether one place of each field can be chosen such that no two are in different elements of one list.
///
/// Fields that share no list are independent of each other; of those that do, every element of the list is tried.
pub(super) fn meet(fields: Vec<Vec<&Place>>) -> bool {
    let mut bound: Vec<Vec<&Place>> =
        fields.into_iter().filter(|places| places.iter().all(|place| !place.is_empty())).collect();
    while let Some(first) = bound.pop() {
        let (group, others) = related(first, bound);
        bound = others;
        if group.len() > 1 && !meet_in_one_element(&group) {
            return false;
        }
    }
    true
}

/// The fields that share a list with the first, by way of others too, and those that do not.
fn related<'p>(
    first: Vec<&'p Place>,
    mut others: Vec<Vec<&'p Place>>,
) -> (Vec<Vec<&'p Place>>, Vec<Vec<&'p Place>>) {
    let mut lists: Vec<usize> = outermost(&first);
    let mut group = vec![first];
    loop {
        let (joining, apart): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|places| outermost(places).iter().any(|list| lists.contains(list)));
        others = apart;
        if joining.is_empty() {
            return (group, others);
        }
        lists.extend(joining.iter().flat_map(|places| outermost(places)));
        group.extend(joining);
    }
}

fn outermost(places: &[&Place]) -> Vec<usize> {
    let mut lists: Vec<usize> =
        places.iter().filter_map(|place| place.first()).map(|(list, _)| *list).collect();
    lists.dedup();
    lists
}

fn meet_in_one_element(group: &[Vec<&Place>]) -> bool {
    let Some(first) = group.first() else { return true };
    let mut choices: Vec<(usize, usize)> = first.iter().filter_map(|place| place.first().copied()).collect();
    choices.dedup();
    choices.into_iter().any(|chosen| {
        let fields: Vec<Vec<&Place>> = group
            .iter()
            .map(|places| places.iter().filter_map(|place| within(place, chosen)).collect())
            .collect();
        fields.iter().all(|places| !places.is_empty()) && meet(fields)
    })
}

/// What is left of a place once an element is chosen; `None` if it is in another element of that list.
fn within(place: &Place, (list, index): (usize, usize)) -> Option<&Place> {
    match place.split_first() {
        Some(((of, at), rest)) if *of == list => (*at == index).then_some(rest),
        _ => Some(place),
    }
}
