//! A script in `init.d` of Gradle, which is a file of our own. Source: Gradle's documentation, "Initialization Scripts".

use super::{Access, Registry};

/// Adds the repository to each project, and to what the plugin `maven-publish` publishes to. With a helper, Gradle runs
/// it once a build.
pub fn script(registry: &Registry) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"));
    let token = match &registry.access {
        Access::Token(token) => format!("{{ providers -> {} }}", quoted(token)),
        Access::Helper(helper) => {
            let command = helper.command(&["token", "--url", &registry.endpoint]);
            let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
            format!(
                "{{ providers -> providers.exec {{ commandLine({}) }}.standardOutput.asText.get().trim() }}",
                words.join(", ")
            )
        }
    };
    let insecure = if registry.is_plain_http() { "\n        allowInsecureProtocol = true" } else { "" };
    format!(
        "// Written by `stagewright artifact login --tool gradle`, anew by each login.

def tokenOf = {token}

allprojects {{ project ->
    def token = null
    def registry = {{
        name = {name}
        url = project.uri({url}){insecure}
        credentials {{
            username = 'aws'
            password = (token = token ?: tokenOf(project.providers))
        }}
    }}
    project.repositories {{ maven(registry) }}
    project.plugins.withId('maven-publish') {{
        project.publishing {{ repositories {{ maven(registry) }} }}
    }}
}}
",
        name = quoted(&registry.name),
        url = quoted(&registry.endpoint),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::{with_helper, with_token};
    use super::*;

    #[test]
    fn the_token_is_asked_for_or_written() {
        let asked = script(&with_helper());
        assert!(
            asked.contains("commandLine('/opt/stagewright', 'artifact', 'token', '--url', 'http://"),
            "{asked}"
        );
        assert!(asked.contains("allowInsecureProtocol"));
        assert!(script(&with_token("t")).contains("providers -> 't'"));
    }
}
