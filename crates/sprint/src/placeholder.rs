//! Placeholders in the command of a server: `{np}` takes the value of the parameter `np`.

use crate::setting::Setting;
use crate::space::Space;

/// Placeholders that are filled where a server is started.
const OF_STARTING: [&str; 3] = ["model", "port", DRAFT];
/// The name of the placeholder of the model that drafts.
pub const DRAFT: &str = "draft";

/// The names of all placeholders of a command: what stands between braces and is a name. `{"json": 1}` is none.
pub fn names(command: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = command;
    while let Some((_, behind)) = rest.split_once('{') {
        rest = behind;
        let Some((inner, _)) = behind.split_once('}') else { break };
        let is_name =
            !inner.is_empty() && inner.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if is_name && !found.iter().any(|known| known == inner) {
            found.push(inner.to_owned());
        }
    }
    found
}

/// Checks that every placeholder is filled, and every parameter that is one has its place.
///
/// # Errors
/// One line that says which is not, and what to do.
pub fn check(command: &str, space: &Space) -> Result<(), String> {
    let names = names(command);
    for name in &names {
        let is_filled = OF_STARTING.contains(&name.as_str()) || space.get(name).is_some();
        if !is_filled {
            return Err(format!(
                "--serve holds {{{name}}}, and nothing fills it; give --vary {name}=VALUE,VALUE"
            ));
        }
    }

    for parameter in space.parameters.iter().filter(|parameter| parameter.flag.is_none()) {
        if !names.contains(&parameter.name) {
            let name = &parameter.name;
            return Err(format!("--vary {name}: the command of --serve has no {{{name}}} to put it in"));
        }
    }
    Ok(())
}

/// The command for a setting: its placeholders filled, its flags behind. `{model}`, `{port}` and `{draft}` stay.
pub fn filled(command: &str, space: &Space, setting: &Setting) -> String {
    let whole = space.present().over(setting);
    let mut text = command.to_owned();
    for (name, value) in &whole.0 {
        let is_flag = space.get(name).is_some_and(|parameter| parameter.flag.is_some());
        if !is_flag {
            text = text.replace(&format!("{{{name}}}"), value);
        }
    }

    for word in space.arguments(setting) {
        text.push(' ');
        text.push_str(&quoted(&word));
    }
    text
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain =
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_=.,:/".contains(c));
    if is_plain || word == "{draft}" { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

    use super::*;
    use crate::space::Parameter;

    const COMMAND: &str = r#"srv -m {model} --port {port} -np {np} --x '{"a": 1}'"#;

    #[test]
    fn every_placeholder_is_filled_by_something() {
        let np = Parameter::placeholder("np", vec!["1".into(), "2".into()]);
        let space = Space::new(vec![np.clone()]).unwrap();
        assert_eq!(names(COMMAND), ["model", "port", "np"]);
        assert_eq!(check(COMMAND, &space), Ok(()));

        let error = check(COMMAND, &Space::default()).unwrap_err();
        assert!(error.contains("{np}") && error.contains("--vary np="), "{error}");
        let other = Parameter { name: "threads".into(), ..np.clone() };
        let error = check(COMMAND, &Space::new(vec![np, other]).unwrap()).unwrap_err();
        assert!(error.contains("no {threads}"), "{error}");
    }

    #[test]
    fn commands_are_filled() {
        let flag = Parameter {
            flag: Some("--cfg".into()),
            ..Parameter::placeholder("cfg", vec![r#"{"n": 2}"#.into()])
        };
        let np = Parameter::placeholder("np", vec!["1".into(), "2".into()]);
        let space = Space::new(vec![np, flag]).unwrap();
        let setting = Setting::default().with("np", "2").with("cfg", r#"{"n": 2}"#);
        assert_eq!(
            filled("srv {model} {port} -np {np}", &space, &setting),
            r#"srv {model} {port} -np 2 --cfg '{"n": 2}'"#
        );
        assert_eq!(
            filled("srv {model} {port} -np {np}", &space, &Setting::default()),
            "srv {model} {port} -np 1"
        );
    }
}
