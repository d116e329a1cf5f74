use super::*;

fn facts(resources: &[String], read_only: bool) -> Facts<'_> {
    let data_type = resources.iter().any(|arn| arn.contains('/')).then_some(OBJECT);
    Facts {
        source: "s3.amazonaws.com",
        name: if read_only { "GetObject" } else { "PutObject" },
        read_only,
        data_type,
        resources,
        caller_arn: Some("arn:aws:iam::123456789012:user/jane"),
    }
}

fn advanced_of(fields: &[(&str, &str, &[&str])]) -> Result<Selectors, String> {
    let fields = fields.iter().map(|(name, operator, values)| {
        let values = Some(values.iter().map(|value| (*value).to_owned()).collect());
        let mut field = model::AdvancedFieldSelector { field: (*name).to_owned(), ..Default::default() };
        match *operator {
            "Equals" => field.equals = values,
            "StartsWith" => field.starts_with = values,
            "NotStartsWith" => field.not_starts_with = values,
            "NotEquals" => field.not_equals = values,
            other => unreachable!("{other}"),
        }
        field
    });
    let selector = model::AdvancedEventSelector { name: None, field_selectors: fields.collect() };
    let input =
        model::PutEventSelectors { advanced_event_selectors: Some(vec![selector]), ..Default::default() };
    Selectors::of(&input).map_err(|error| error.to_string())
}

fn basic_of(objects: &[&str], access: model::ReadWriteType) -> Result<Selectors, String> {
    let resource = model::DataResource {
        r#type: Some(OBJECT.to_owned()),
        values: Some(objects.iter().map(|value| (*value).to_owned()).collect()),
    };
    let selector = model::EventSelector {
        read_write_type: Some(access),
        include_management_events: Some(false),
        data_resources: Some(vec![resource]),
        exclude_management_event_sources: None,
    };
    let input = model::PutEventSelectors { event_selectors: Some(vec![selector]), ..Default::default() };
    Selectors::of(&input).map_err(|error| error.to_string())
}

#[test]
fn without_selectors_all_management_events_are_wanted_and_no_others() {
    let (bucket, object) = (["arn:aws:s3:::b".to_owned()], ["arn:aws:s3:::b/k".to_owned()]);
    assert!(Selectors::default().admit(&facts(&bucket, true)));
    assert!(Selectors::default().admit(&facts(&bucket, false)));
    assert!(!Selectors::default().admit(&facts(&object, false)));
}

#[test]
fn basic_selectors_want_objects_by_prefix() {
    let object = ["arn:aws:s3:::b/in/k".to_owned()];
    for (prefix, wanted) in [
        ("arn:aws:s3", true),
        ("arn:aws:s3:::", true),
        ("arn:aws:s3:::b/", true),
        ("arn:aws:s3:::b/in", true),
        ("arn:aws:s3:::b/out", false),
        ("arn:aws:s3:::other/", false),
    ] {
        let selectors = basic_of(&[prefix], model::ReadWriteType::WriteOnly).expect("valid");
        assert_eq!(selectors.admit(&facts(&object, false)), wanted, "{prefix}");
        assert!(!selectors.admit(&facts(&object, true)), "a read, {prefix}");
        assert!(!selectors.admit(&facts(&[], false)), "a management event, {prefix}");
    }
    let refused = basic_of(&["arn:aws:s3:::b"], model::ReadWriteType::All);
    assert_eq!(refused, Err("Value arn:aws:s3:::b for DataResources.Values is invalid.".into()));
}

#[test]
fn fields_of_advanced_selectors_are_all_satisfied_by_any_of_their_values() {
    let object = ["arn:aws:s3:::b/in/k".to_owned()];
    let data: &[(&str, &str, &[&str])] =
        &[("eventCategory", "Equals", &["Data"]), ("resources.type", "Equals", &["AWS::S3::Object"])];
    let admits = |more: &[(&str, &str, &[&str])]| {
        let selectors = advanced_of(&[data, more].concat()).expect("valid");
        selectors.admit(&facts(&object, false))
    };
    assert!(admits(&[]));
    assert!(admits(&[("resources.ARN", "StartsWith", &["arn:aws:s3:::a/", "arn:aws:s3:::b/"])]));
    assert!(!admits(&[("resources.ARN", "NotStartsWith", &["arn:aws:s3:::b/"])]));
    assert!(!admits(&[("readOnly", "Equals", &["true"])]));
    assert!(!admits(&[("eventName", "NotEquals", &["GetObject", "PutObject"])]));
    assert!(admits(&[("userIdentity.arn", "StartsWith", &["arn:aws:iam::123456789012:user/j"])]));
}

#[test]
fn advanced_selectors_that_make_no_sense_are_refused() {
    for (fields, message) in [
        (
            &[("readOnly", "Equals", &["true"] as &[&str])] as &[(&str, &str, &[&str])],
            "The field eventCategory is required in an advanced event selector.",
        ),
        (&[("eventCategory", "Equals", &["Data"])], "The field resources.type is required for Data events."),
        (&[("eventCategory", "Equals", &["Odd"])], "Odd is no valid value for eventCategory."),
        (
            &[("eventCategory", "StartsWith", &["Data"])],
            "eventCategory takes one Equals and no other operator.",
        ),
        (
            &[("eventCategory", "Equals", &["Management"]), ("resources.ARN", "Equals", &["a"])],
            "resources.ARN is no valid field for Management events.",
        ),
        (
            &[
                ("eventCategory", "Equals", &["Data"]),
                ("resources.type", "Equals", &["AWS::Lambda::Function"]),
            ],
            "Data events of AWS::Lambda::Function are not recorded here; those of AWS::S3::Object, AWS::SQS::Queue and \
             AWS::SNS::Topic are.",
        ),
    ] {
        assert_eq!(advanced_of(fields), Err(message.to_owned()));
    }
}

#[test]
fn messages_of_queues_are_for_advanced_selectors() {
    let queue = ["arn:aws:sqs:eu-west-1:123456789012:q".to_owned()];
    let messages = Facts { source: "sqs.amazonaws.com", data_type: Some(QUEUE), ..facts(&queue, false) };
    let data = |kind: &str| {
        advanced_of(&[("eventCategory", "Equals", &["Data"]), ("resources.type", "Equals", &[kind])])
    };
    assert!(data(QUEUE).unwrap().admit(&messages));
    assert!(!data(OBJECT).unwrap().admit(&messages));
    assert!(!Selectors::default().admit(&messages));
    assert!(!basic_of(&["arn:aws:s3"], model::ReadWriteType::All).unwrap().admit(&messages));
}
