//! The tables of docs/economics.md, and the plain arithmetic of their expressions.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The cells of a table, header and rule left out.
pub(crate) fn rows(name: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/economics.md");
    let document = fs::read_to_string(path).unwrap();
    let (_, rest) = document.split_once(&format!("<!-- worked: {name} -->\n")).unwrap();
    let table = rest.lines().take_while(|line| line.starts_with('|')).skip(2);
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let rows: Vec<Vec<String>> = table.map(cells).collect();
    assert!(rows.len() > 2, "{name} has no rows");
    rows
}

/// Quantities by name, with the expressions of those that are computed.
pub(crate) struct Sheet {
    name: String,
    values: BTreeMap<String, f64>,
    expressions: Vec<(String, String)>,
}

impl Sheet {
    pub(crate) fn read(name: &str) -> Self {
        let mut sheet = Self { name: name.to_owned(), values: BTreeMap::new(), expressions: Vec::new() };
        for row in rows(name) {
            let [quantity, value, from] = <[String; 3]>::try_from(row).unwrap();
            if let Some(expression) = from.strip_prefix("= ") {
                sheet.expressions.push((quantity.clone(), expression.to_owned()));
            }
            sheet.values.insert(quantity, value.parse().unwrap());
        }
        sheet
    }

    /// A value, computed where it has an expression, so that the digits of the page do not limit it.
    #[track_caller]
    pub(crate) fn get(&self, quantity: &str) -> f64 {
        let of = self.expressions.iter().find(|(name, _)| name == quantity);
        match of {
            Some((_, expression)) => self.compute(expression),
            None => *self.values.get(quantity).unwrap_or_else(|| panic!("{}: no {quantity}", self.name)),
        }
    }

    /// Every printed result is what its expression gives.
    pub(crate) fn check(&self) {
        assert!(!self.expressions.is_empty(), "{} computes nothing", self.name);
        for (quantity, expression) in &self.expressions {
            let (printed, computed) = (self.values[quantity], self.compute(expression));
            let near = (printed - computed).abs() <= 1e-8 * computed.abs().max(1e-300);
            assert!(near, "{}: {quantity} is {computed}, printed as {printed}", self.name);
        }
    }

    fn compute(&self, expression: &str) -> f64 {
        let mut reader = Reader { sheet: self, rest: expression };
        let value = reader.sum();
        assert!(reader.rest.trim().is_empty(), "{}: {expression} ends at {:?}", self.name, reader.rest);
        value
    }
}

/// Reads `+ - * /`, brackets, `exp`, `ceil`, `max`, numbers and names.
struct Reader<'a> {
    sheet: &'a Sheet,
    rest: &'a str,
}

impl Reader<'_> {
    fn takes(&mut self, sign: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn sum(&mut self) -> f64 {
        let mut value = self.product();
        loop {
            if self.takes('+') {
                value += self.product();
            } else if self.takes('-') {
                value -= self.product();
            } else {
                return value;
            }
        }
    }

    fn product(&mut self) -> f64 {
        let mut value = self.one();
        loop {
            if self.takes('*') {
                value *= self.one();
            } else if self.takes('/') {
                value /= self.one();
            } else {
                return value;
            }
        }
    }

    fn one(&mut self) -> f64 {
        if self.takes('-') {
            return -self.one();
        }
        if self.takes('(') {
            let value = self.sum();
            assert!(self.takes(')'), "a bracket is open before {:?}", self.rest);
            return value;
        }

        self.rest = self.rest.trim_start();
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && !"._".contains(c))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if let Ok(number) = word.parse() {
            return number;
        }
        if self.takes('(') {
            let first = self.sum();
            let value = match word {
                "exp" => first.exp(),
                "ceil" => first.ceil(),
                "max" => {
                    assert!(self.takes(','), "max takes two");
                    first.max(self.sum())
                }
                other => panic!("no function {other}"),
            };
            assert!(self.takes(')'), "{word} is not closed");
            return value;
        }

        self.sheet.get(word)
    }
}
