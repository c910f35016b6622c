//! From a price on an exchange to what is paid.

use rust_decimal::Decimal;

use crate::bill::double;

/// What turns a curve into what is paid: (amount + adder) × (1 + tax).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retail {
    /// Per kWh.
    pub adder: f64,
    /// A share.
    pub tax: f64,
}

/// An amount of a slot as it is paid.
pub(crate) fn paid(amount: Decimal, retail: Option<Retail>) -> f64 {
    let amount = double(amount);
    retail.map_or(amount, |retail| (amount + retail.adder) * (1.0 + retail.tax))
}
