//! The `tojson` filter as Python writes JSON: spaces after `,` and `:`, nothing escaped for HTML.
//!
//! minijinja's own filter turns `<`, `>`, `&` and `'` into escapes, which models were not trained on.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::amount::{items, pay_for_bytes};

/// Deeper values are refused: a list can contain itself only through a defect, but a template can nest.
const MAX_DEPTH: usize = 64;
/// What an escaped byte takes at most.
const ESCAPE_BYTES: usize = 6;

/// `value | tojson(indent=None, ensure_ascii=False, sort_keys=False)`.
pub(super) fn to_json(state: &State, value: &Value, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = options.get("indent")?;
    let ascii: Option<bool> = options.get("ensure_ascii")?;
    let sorted: Option<bool> = options.get("sort_keys")?;

    // Python's default separators can be given explicitly; other ones are not supported.
    let _: Option<Value> = options.get("separators")?;
    options.assert_all_used()?;
    let mut writer = Writer {
        state,
        text: String::new(),
        indent,
        ascii: ascii.unwrap_or(false),
        sorted: sorted.unwrap_or(false),
    };
    writer.value(value, 0)?;

    Ok(Value::from(writer.text))
}

struct Writer<'s, 't, 'e> {
    state: &'s State<'t, 'e>,
    text: String,
    indent: Option<usize>,
    ascii: bool,
    sorted: bool,
}

impl Writer<'_, '_, '_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.state.consume_fuel(1)?;
        if depth > MAX_DEPTH {
            return Err(Error::new(ErrorKind::InvalidOperation, "value is nested too deeply for tojson"));
        }
        match value.kind() {
            ValueKind::None => self.text.push_str("null"),
            ValueKind::Bool => self.text.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.text.push_str(&value.to_string()),
            ValueKind::String => self.string(value.as_str().unwrap_or_default())?,
            ValueKind::Map => {
                let mut keys = items(self.state, value)?;
                if self.sorted {
                    keys.sort();
                }
                self.list('{', '}', keys, depth, |writer, key| {
                    writer.string(key.as_str().unwrap_or(&key.to_string()))?;
                    writer.text.push_str(": ");
                    writer.value(&value.get_item(key)?, depth + 1)
                })?;
            }
            ValueKind::Seq | ValueKind::Iterable => {
                let items = items(self.state, value)?;
                self.list('[', ']', items, depth, |writer, item| writer.value(item, depth + 1))?;
            }
            kind => {
                let detail = format!("{kind} cannot be written as JSON");
                return Err(Error::new(ErrorKind::InvalidOperation, detail));
            }
        }

        Ok(())
    }

    fn list(
        &mut self,
        open: char,
        close: char,
        items: Vec<Value>,
        depth: usize,
        mut write: impl FnMut(&mut Self, &Value) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.text.push(open);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.text.push_str(if self.indent.is_some() { "," } else { ", " });
            }
            self.new_line(depth + 1)?;
            write(self, item)?;
        }

        if !items.is_empty() {
            self.new_line(depth)?;
        }
        self.text.push(close);
        Ok(())
    }

    fn new_line(&mut self, depth: usize) -> Result<(), Error> {
        if let Some(indent) = self.indent {
            let blanks = indent.saturating_mul(depth);
            pay_for_bytes(self.state, blanks)?;
            self.text.push('\n');
            self.text.extend(std::iter::repeat_n(' ', blanks));
        }
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), Error> {
        let escaped = |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\') || (self.ascii && !byte.is_ascii());
        let escapes = text.as_bytes().iter().filter(|byte| escaped(byte)).count();
        pay_for_bytes(self.state, text.len().saturating_add(escapes.saturating_mul(ESCAPE_BYTES)))?;

        self.text.push('"');
        for character in text.chars() {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\u{8}' => self.text.push_str("\\b"),
                '\u{c}' => self.text.push_str("\\f"),
                '\0'..='\u{1f}' => self.escape(character),
                _ if self.ascii && !character.is_ascii() => self.escape(character),
                _ => self.text.push(character),
            }
        }

        self.text.push('"');
        Ok(())
    }

    fn escape(&mut self, character: char) {
        for unit in character.encode_utf16(&mut [0; 2]) {
            self.text.push_str(&format!("\\u{unit:04x}"));
        }
    }
}
