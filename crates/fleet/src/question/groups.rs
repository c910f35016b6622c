//! Groups of an aggregate's rows: bins of latency are gathered, and currencies are kept apart.

use std::collections::BTreeMap;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};

use super::sketch::Bins;
use crate::reading::error::QueryError;
use crate::tables::money::{SCALE, TOTAL_PRECISION};

/// Sums over inferences of one key and one currency.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Group {
    pub(crate) inferences: u64,
    pub(crate) failures: u64,
    pub(crate) answers: u64,
    pub(crate) input_tokens: u64,
    pub(crate) input_known: u64,
    pub(crate) output_tokens: u64,
    pub(crate) output_known: u64,
    pub(crate) cached_tokens: u64,
    pub(crate) cached_of: u64,
    /// In units of 10⁻¹² of the currency.
    pub(crate) cost: Option<i128>,
    pub(crate) cost_known: u64,
    pub(crate) unpriced: u64,
    pub(crate) energy_j: f64,
    pub(crate) energy_known: u64,
    pub(crate) bins: Bins,
}

impl Group {
    pub(crate) fn add(&mut self, other: &Self) -> Result<(), QueryError> {
        for (sum, more) in [
            (&mut self.inferences, other.inferences),
            (&mut self.failures, other.failures),
            (&mut self.answers, other.answers),
            (&mut self.input_tokens, other.input_tokens),
            (&mut self.input_known, other.input_known),
            (&mut self.output_tokens, other.output_tokens),
            (&mut self.output_known, other.output_known),
            (&mut self.cached_tokens, other.cached_tokens),
            (&mut self.cached_of, other.cached_of),
            (&mut self.cost_known, other.cost_known),
            (&mut self.unpriced, other.unpriced),
            (&mut self.energy_known, other.energy_known),
        ] {
            *sum = sum.checked_add(more).ok_or(QueryError::Overflow)?;
        }

        self.energy_j += other.energy_j;
        if let Some(more) = other.cost {
            let sum = self.cost.unwrap_or(0).checked_add(more).ok_or(QueryError::Overflow)?;
            self.cost = Some(sum);
        }
        for (bin, count) in &other.bins {
            *self.bins.entry(*bin).or_default() += count;
        }
        Ok(())
    }
}

/// The values of a group's keys.
pub(crate) type KeyValues = Vec<Option<String>>;

/// All groups.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    pub(crate) by_key: BTreeMap<KeyValues, BTreeMap<Option<String>, Group>>,
}

impl Groups {
    pub(crate) fn of(batches: &[RecordBatch], keys: usize) -> Result<Self, QueryError> {
        let mut by_key: BTreeMap<KeyValues, BTreeMap<Option<String>, Group>> = BTreeMap::new();
        for batch in batches {
            let columns = Columns::of(batch, keys)?;
            for place in 0..batch.num_rows() {
                let mut key = KeyValues::with_capacity(keys);
                for column in &columns.keys {
                    key.push(text(column, place));
                }
                let group = columns.group(place);
                let currency = text(&columns.currency, place);
                by_key.entry(key).or_default().entry(currency).or_default().add(&group)?;
            }
        }

        for by_currency in by_key.values_mut() {
            *by_currency = joined(std::mem::take(by_currency))?;
        }
        Ok(Self { by_key })
    }
}

/// Groups of one key by currency. Inferences without any cost go with the one currency, where there is one alone.
pub(crate) fn joined(
    mut by_currency: BTreeMap<Option<String>, Group>,
) -> Result<BTreeMap<Option<String>, Group>, QueryError> {
    if by_currency.len() == 2
        && let Some(without) = by_currency.remove(&None)
    {
        for group in by_currency.values_mut() {
            group.add(&without)?;
        }
    }
    Ok(by_currency)
}

/// The one number of a batch that counts.
pub(crate) fn count(batches: &[RecordBatch]) -> Result<u64, QueryError> {
    let mut sum = 0;
    for batch in batches {
        let column = whole(batch, "inferences")?;
        for place in 0..batch.num_rows() {
            sum += number(&column, place);
        }
    }
    Ok(sum)
}

/// Texts of the first column.
pub(crate) fn texts(batches: &[RecordBatch]) -> Result<Vec<String>, QueryError> {
    let mut all = Vec::new();
    for batch in batches {
        let column = as_type(batch, "model", &DataType::Utf8)?;
        for place in 0..batch.num_rows() {
            all.extend(text(&column, place));
        }
    }
    Ok(all)
}

/// The columns of a batch, in types of which there is one each.
struct Columns {
    keys: Vec<ArrayRef>,
    currency: ArrayRef,
    bin: ArrayRef,
    inferences: ArrayRef,
    failures: ArrayRef,
    answers: ArrayRef,
    input_tokens: ArrayRef,
    input_known: ArrayRef,
    output_tokens: ArrayRef,
    output_known: ArrayRef,
    cached_tokens: ArrayRef,
    cached_of: ArrayRef,
    cost: ArrayRef,
    cost_known: ArrayRef,
    unpriced: ArrayRef,
    energy_j: ArrayRef,
    energy_known: ArrayRef,
}

impl Columns {
    fn of(batch: &RecordBatch, keys: usize) -> Result<Self, QueryError> {
        let mut key_columns = Vec::with_capacity(keys);
        for column in batch.columns().iter().take(keys) {
            key_columns.push(cast(column, &DataType::Utf8).map_err(|_| QueryError::Shape { column: "key" })?);
        }

        Ok(Self {
            keys: key_columns,
            currency: as_type(batch, "currency", &DataType::Utf8)?,
            bin: as_type(batch, "bin", &DataType::Float64)?,
            inferences: whole(batch, "inferences")?,
            failures: whole(batch, "failures")?,
            answers: whole(batch, "answers")?,
            input_tokens: whole(batch, "input_tokens")?,
            input_known: whole(batch, "input_known")?,
            output_tokens: whole(batch, "output_tokens")?,
            output_known: whole(batch, "output_known")?,
            cached_tokens: whole(batch, "cached_tokens")?,
            cached_of: whole(batch, "cached_of")?,
            cost: as_type(batch, "cost", &DataType::Decimal128(TOTAL_PRECISION, SCALE as i8))?,
            cost_known: whole(batch, "cost_known")?,
            unpriced: whole(batch, "unpriced")?,
            energy_j: as_type(batch, "energy_j", &DataType::Float64)?,
            energy_known: whole(batch, "energy_known")?,
        })
    }

    fn group(&self, place: usize) -> Group {
        let inferences = number(&self.inferences, place);
        let (failures, answers) = (number(&self.failures, place), number(&self.answers, place));
        let cost = self.cost.as_primitive::<Decimal128Type>();
        let energy = self.energy_j.as_primitive::<Float64Type>();

        // the latencies of failures are left out
        let in_bin = inferences.saturating_sub(failures);
        let mut bins = Bins::new();
        if let Some(bin) = self.bin(place).filter(|_| in_bin > 0) {
            bins.insert(bin, in_bin);
        }

        // a cost without a currency is no cost
        let has_currency = self.currency.is_valid(place);
        Group {
            inferences,
            failures,
            answers,
            input_tokens: number(&self.input_tokens, place),
            input_known: number(&self.input_known, place),
            output_tokens: number(&self.output_tokens, place),
            output_known: number(&self.output_known, place),
            cached_tokens: number(&self.cached_tokens, place),
            cached_of: number(&self.cached_of, place),
            cost: (has_currency && cost.is_valid(place)).then(|| cost.value(place)),
            cost_known: if has_currency { number(&self.cost_known, place) } else { 0 },
            unpriced: if has_currency { number(&self.unpriced, place) } else { answers },
            energy_j: if energy.is_valid(place) { energy.value(place) } else { 0.0 },
            energy_known: number(&self.energy_known, place),
            bins,
        }
    }

    /// The bin of latencies; `None` where they are not known. Up to a microsecond it is the first one, whatever the logarithm is.
    fn bin(&self, place: usize) -> Option<i64> {
        let bin = self.bin.as_primitive::<Float64Type>();
        // the greatest number of microseconds is in bin 2,184; of what is no number, 0 is the greater one
        bin.is_valid(place).then(|| bin.value(place).max(0.0) as i64)
    }
}

fn whole(batch: &RecordBatch, column: &'static str) -> Result<ArrayRef, QueryError> {
    as_type(batch, column, &DataType::Int64)
}

fn as_type(batch: &RecordBatch, column: &'static str, wanted: &DataType) -> Result<ArrayRef, QueryError> {
    let found = batch.column_by_name(column).ok_or(QueryError::Shape { column })?;
    cast(found, wanted).map_err(|_| QueryError::Shape { column })
}

/// A count or a sum; of no row it is 0. What is negative counts as 0.
fn number(column: &ArrayRef, place: usize) -> u64 {
    let column = column.as_primitive::<Int64Type>();
    if column.is_valid(place) { u64::try_from(column.value(place)).unwrap_or(0) } else { 0 }
}

fn text(column: &ArrayRef, place: usize) -> Option<String> {
    let column = column.as_string::<i32>();
    column.is_valid(place).then(|| column.value(place).to_owned())
}
