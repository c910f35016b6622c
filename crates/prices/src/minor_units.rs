//! Currencies as price lists write them: by code, by sign, or in hundredths.

use infercost_core::Currency;
use rust_decimal::Decimal;

/// A currency, and how much of it one of what was written is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Money {
    pub(crate) currency: Currency,
    /// 1, or a hundredth.
    pub(crate) factor: Decimal,
}

/// Reads `EUR`, `eur`, `€`, `GBp`, `GBX`, `pence`, `ZAc`, … One letter in small print makes it another unit: `GBp` is a
/// hundredth of `GBP`.
///
/// # Errors
/// A sentence, where that is no currency, or could be several.
pub(crate) fn money(text: &str) -> Result<Money, String> {
    let hundredths = match text {
        "GBp" | "GBX" | "GBx" | "p" | "pence" | "penny" => Some("GBP"),
        "EURct" | "EURc" | "EUX" | "€ct" | "€c" | "eurocent" | "eurocents" => Some("EUR"),
        "USc" | "USX" | "USx" | "USDc" | "US¢" => Some("USD"),
        "ZAc" | "ZAC" | "ZAX" => Some("ZAR"),
        "ILA" | "ILa" => Some("ILS"),
        "ct" | "c" | "cent" | "cents" | "¢" | "öre" | "øre" => {
            return Err(format!(
                "`{text}` are hundredths of several currencies; write the code, such as EUR, and whole amounts"
            ));
        }
        _ => None,
    };
    if let Some(code) = hundredths {
        let currency = code.parse().map_err(|error| format!("{error}"))?;
        return Ok(Money { currency, factor: Decimal::new(1, 2) });
    }

    let code = match text {
        "€" => "EUR",
        "£" => "GBP",
        code if is_one_case(code) => code,
        _ => return Err(format!("`{text}` is not a currency code; write three capital letters")),
    };
    let currency = code.to_ascii_uppercase().parse().map_err(|error| format!("{error}"))?;
    Ok(Money { currency, factor: Decimal::ONE })
}

/// `EUR`, `eur` and `Eur`; not `EUr`, which would be a part of one.
fn is_one_case(code: &str) -> bool {
    let rest = code.get(1..).unwrap_or_default();
    let small = rest.chars().all(|c| c.is_ascii_lowercase());
    small || code.chars().all(|c| c.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_their_hundredths() {
        for (text, code, factor) in [
            ("EUR", "EUR", "1"),
            ("Eur", "EUR", "1"),
            ("eur", "EUR", "1"),
            ("€", "EUR", "1"),
            ("£", "GBP", "1"),
            ("GBP", "GBP", "1"),
            ("GBp", "GBP", "0.01"),
            ("GBX", "GBP", "0.01"),
            ("pence", "GBP", "0.01"),
            ("ZAc", "ZAR", "0.01"),
            ("USc", "USD", "0.01"),
        ] {
            let found = money(text).map(|money| (money.currency.to_string(), money.factor.to_string()));
            assert_eq!(found, Ok((code.to_owned(), factor.to_owned())), "{text}");
        }
        for text in ["EUr", "cent", "öre", "GBPp", "", "EURO", "E€R"] {
            assert!(money(text).is_err(), "{text}");
        }
    }
}
