//! Names of a model turned into Rust's.

/// Words of any of a model's spellings: `BUILD_GENERAL1_SMALL`, `pipelineARNs`, `kmsKeyId`, `aws/s3`.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let chars: Vec<char> = name.chars().collect();
    for (index, &c) in chars.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            continue;
        }
        let before = index.checked_sub(1).map(|before| chars[before]);
        let after = chars.get(index + 1);
        let starts_word = c.is_ascii_uppercase()
            && (before.is_some_and(|before| before.is_ascii_lowercase() || before.is_ascii_digit())
                || (before.is_some_and(|before| before.is_ascii_uppercase())
                    && after.is_some_and(char::is_ascii_lowercase)));
        // The plural of an acronym is one word: `pipelineARNs`.
        let plural =
            after == Some(&'s') && chars.get(index + 2).is_none_or(|next| !next.is_ascii_lowercase());
        if starts_word
            && !(plural && before.is_some_and(|before| before.is_ascii_uppercase()))
            && !word.is_empty()
        {
            words.push(std::mem::take(&mut word));
        }
        word.push(c.to_ascii_lowercase());
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// A field's name.
pub fn snake(name: &str) -> String {
    let joined = words(name).join("_");
    match joined.as_str() {
        "type" | "ref" | "match" | "use" | "move" | "in" | "where" | "for" | "override" | "static"
        | "final" => {
            format!("r#{joined}")
        }
        "self" => "self_".to_owned(),
        _ => joined,
    }
}

/// A static's name.
pub fn screaming(name: &str) -> String {
    words(name).join("_").to_uppercase()
}

/// A type's or variant's name.
pub fn camel(name: &str) -> String {
    let joined: String = words(name)
        .iter()
        .map(|word| {
            let mut chars = word.chars();
            chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect::<String>()
        })
        .collect();
    match joined.as_str() {
        "" => "Empty".to_owned(),
        "Self" => "SelfValue".to_owned(),
        "Other" => "OtherValue".to_owned(),
        _ if joined.starts_with(|c: char| c.is_ascii_digit()) => format!("N{joined}"),
        _ => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_into_words() {
        assert_eq!(snake("pipelineName"), "pipeline_name");
        assert_eq!(snake("type"), "r#type");
        assert_eq!(snake("kmsKeyARN"), "kms_key_arn");
        assert_eq!(snake("S3Location"), "s3_location");
        assert_eq!(snake("reportARNs"), "report_arns");
        assert_eq!(screaming("TagList"), "TAG_LIST");
        assert_eq!(camel("BUILD_GENERAL1_SMALL"), "BuildGeneral1Small");
        assert_eq!(camel("accessKeyType"), "AccessKeyType");
        assert_eq!(camel("IN_PROGRESS"), "InProgress");
        assert_eq!(camel("2XLARGE"), "N2Xlarge");
    }
}
