//! Values of every input and output of every model are written and read back by every codec.

use std::fmt::Debug;

use aws::operation::Operation;
use aws::protocol::cbor::{self, CborReader};
use aws::protocol::json::{self, JsonReader};
use aws::protocol::query::{Form, FormReader};
use aws::protocol::xml::{self, XmlReader};
use aws::protocol::{Progress, form};
use aws::shape::{Path, Schema, Shape};

use crate::arbitrary::Arbitrary;

const VALUES_PER_SHAPE: u64 = 40;

fn arbitrary<T: Shape>(schema: &'static Schema, seed: u64) -> T {
    T::read(schema, &mut Arbitrary::new(seed)).unwrap()
}

fn by_json<T: Shape + Send + Sync + 'static>(schema: &'static Schema, value: &T) -> (T, Vec<Path>) {
    let parsed = json::parse(&json::to_bytes(value, schema)).unwrap();
    let mut progress = Progress::default();
    let read = T::read(schema, &mut JsonReader { value: &parsed, progress: &mut progress }).unwrap();
    (read, progress.missing)
}

fn by_cbor<T: Shape + Send + Sync + 'static>(schema: &'static Schema, value: &T) -> (T, Vec<Path>) {
    let parsed = cbor::parse(&cbor::to_bytes(value, schema)).unwrap();
    let mut progress = Progress::default();
    let read = T::read(schema, &mut CborReader { value: &parsed, progress: &mut progress }).unwrap();
    (read, progress.missing)
}

fn by_xml<T: Shape + Send + Sync + 'static>(schema: &'static Schema, value: &T) -> (T, Vec<Path>) {
    let body = format!("<Result>{}</Result>", xml::members_of(value, schema));
    let root = xml::parse(body.as_bytes()).unwrap();
    let mut progress = Progress::default();
    let read = T::read(schema, &mut XmlReader::new(&root, &mut progress)).unwrap();
    (read, progress.missing)
}

fn by_form<O: Operation>(value: &O) -> (O, Vec<Path>) {
    let parsed = Form::parse(&form::request(O::SERVICE, O::MODEL, value)).unwrap();
    let mut progress = Progress::default();
    let read = O::read(O::MODEL.input, &mut FormReader { form: &parsed, progress: &mut progress }).unwrap();
    (read, progress.missing)
}

fn assert_same<T: PartialEq + Debug>(codec: &str, value: &T, (read, missing): (T, Vec<Path>)) {
    assert_eq!(&read, value, "by {codec}");
    assert!(missing.is_empty(), "by {codec}: {missing:?} of {value:?}");
}

fn documents_come_back<T: Shape + PartialEq + Debug + Send + Sync + 'static>(schema: &'static Schema) {
    for seed in 0..VALUES_PER_SHAPE {
        let value: T = arbitrary(schema, seed);
        assert_same("json", &value, by_json(schema, &value));
        assert_same("cbor", &value, by_cbor(schema, &value));
    }
}

fn shape_comes_back<T: Shape + PartialEq + Debug + Send + Sync + 'static>(schema: &'static Schema) {
    documents_come_back::<T>(schema);
    for seed in 0..VALUES_PER_SHAPE {
        let value: T = arbitrary(schema, seed);
        assert_same("xml", &value, by_xml(schema, &value));
    }
}

fn operation_comes_back<O: Operation + PartialEq + Debug>()
where
    O::Output: PartialEq + Debug,
{
    shape_comes_back::<O>(O::MODEL.input);
    shape_comes_back::<O::Output>(O::MODEL.output);
    for seed in 0..VALUES_PER_SHAPE {
        let value: O = arbitrary(O::MODEL.input, seed);
        assert_same("form", &value, by_form(&value));
    }
}

macro_rules! come_back {
    ($($operation:path,)*) => { $(operation_comes_back::<$operation>();)* };
}

#[test]
fn cloudtrail() {
    cloudtrail_model::every_operation!(come_back);
}

#[test]
fn codebuild() {
    codebuild_model::every_operation!(come_back);
}

#[test]
fn codecommit() {
    codecommit_model::every_operation!(come_back);
}

#[test]
fn codeconnections() {
    codeconnections_model::every_operation!(come_back);
}

#[test]
fn codepipeline() {
    codepipeline_model::every_operation!(come_back);
}

#[test]
fn codestar_notifications() {
    codestar_notifications_model::every_operation!(come_back);
}

#[test]
fn iam() {
    iam_model::every_operation!(come_back);
}

#[test]
fn logs() {
    logs_model::every_operation!(come_back);
}

/// SQS speaks JSON here. Its lists are flattened in XML, where an empty one is none.
#[test]
fn sqs() {
    macro_rules! come_back {
        ($($operation:path,)*) => { $(
            documents_come_back::<$operation>(<$operation>::MODEL.input);
            documents_come_back::<<$operation as Operation>::Output>(<$operation>::MODEL.output);
        )* };
    }
    sqs_model::every_operation!(come_back);
}

#[test]
fn sns() {
    sns_model::every_operation!(come_back);
}

#[test]
fn sts() {
    sts_model::every_operation!(come_back);
}
