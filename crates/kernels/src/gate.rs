//! The gate of a feed-forward part, <https://arxiv.org/abs/2002.05202>.

use crate::Isa;
use crate::lanes::{Lanes, exp, levels};

/// What the gate is put through before it multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateFunction {
    /// `x · sigmoid(x)`.
    Silu,
    /// GELU in its tanh approximation, <https://arxiv.org/abs/1606.08415>.
    GeluTanh,
}

/// `output = function(gate) · up`.
///
/// # Panics
/// The three differ in length.
pub fn gate(isa: Isa, function: GateFunction, gate: &[f32], up: &[f32], output: &mut [f32]) {
    match function {
        GateFunction::Silu => silu_gate(isa, gate, up, output),
        GateFunction::GeluTanh => gelu_gate(isa, gate, up, output),
    }
}

levels! {
    /// `c · tanh(x / c)` of every value, in place.
    pub fn softcap(values: &mut [f32], cap: f32) = softcap_with
}

levels! {
    fn silu_gate(gate: &[f32], up: &[f32], output: &mut [f32]) = silu_gate_with
}

levels! {
    fn gelu_gate(gate: &[f32], up: &[f32], output: &mut [f32]) = gelu_gate_with
}

#[inline(always)]
fn silu_gate_with<L: Lanes>(gate: &[f32], up: &[f32], output: &mut [f32]) {
    multiply::<L>(gate, up, output, |x| x);
}

#[inline(always)]
fn gelu_gate_with<L: Lanes>(gate: &[f32], up: &[f32], output: &mut [f32]) {
    // With 1 + tanh(y) = 2 · sigmoid(2y), GELU is x · sigmoid(2 sqrt(2/pi) (x + 0.044715 x³)).
    const TWICE_SQRT_2_OVER_PI: f32 = 2.0 * 0.797_884_6;
    multiply::<L>(gate, up, output, |x| {
        let cube = x.mul(x).mul(x);
        cube.mul_add(L::splat(0.044_715), x).mul(L::splat(TWICE_SQRT_2_OVER_PI))
    });
}

#[inline(always)]
fn softcap_with<L: Lanes>(values: &mut [f32], cap: f32) {
    let capped = |x: L| tanh(x.mul(L::splat(1.0 / cap))).mul(L::splat(cap));

    let mut chunks = values.chunks_exact_mut(L::COUNT);
    for chunk in &mut chunks {
        // SAFETY: the chunk is as long as a vector.
        unsafe { capped(L::load(chunk.as_ptr())).store(chunk.as_mut_ptr()) };
    }
    for value in chunks.into_remainder() {
        *value = capped(L::splat(*value)).to_array()[0];
    }
}

/// tanh(x) = 2 / (1 + exp(-2x)) - 1.
#[inline(always)]
pub(crate) fn tanh<L: Lanes>(x: L) -> L {
    let one = L::splat(1.0);
    let exponential = exp(x.mul(L::splat(-2.0)));
    L::splat(2.0).div(one.add(exponential)).sub(one)
}

/// `output = gate · sigmoid(argument(gate)) · up`.
#[inline(always)]
fn multiply<L: Lanes>(gate: &[f32], up: &[f32], output: &mut [f32], argument: impl Fn(L) -> L) {
    assert!(gate.len() == up.len() && gate.len() == output.len(), "one gate a value");
    let one = L::splat(1.0);

    let vectors = gate.len() / L::COUNT;
    for i in 0..vectors {
        // SAFETY: all three hold `vectors` whole vectors.
        unsafe {
            let x = L::load(gate.as_ptr().add(i * L::COUNT));
            let factor = L::load(up.as_ptr().add(i * L::COUNT));
            let sigmoid = one.div(one.add(exp(L::splat(0.0).sub(argument(x)))));
            x.mul(sigmoid).mul(factor).store(output.as_mut_ptr().add(i * L::COUNT));
        }
    }

    let done = vectors * L::COUNT;
    for ((x, factor), output) in gate[done..].iter().zip(&up[done..]).zip(&mut output[done..]) {
        let x = L::splat(*x);
        let sigmoid = one.div(one.add(exp(L::splat(0.0).sub(argument(x)))));
        *output = x.mul(sigmoid).to_array()[0] * factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silu(x: f64) -> f64 {
        x / (1.0 + (-x).exp())
    }

    fn gelu(x: f64) -> f64 {
        let y = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
        0.5 * x * (1.0 + y.tanh())
    }

    #[test]
    fn gates_are_those_of_double_precision() {
        let inputs: Vec<f32> = (0..4001).map(|i| -40.0 + i as f32 * 0.02).chain([-1e4, 1e4, 0.0]).collect();
        let up: Vec<f32> = inputs.iter().map(|x| (x * 0.7).sin() + 0.5).collect();
        for isa in Isa::available() {
            for (function, wanted) in
                [(GateFunction::Silu, silu as fn(f64) -> f64), (GateFunction::GeluTanh, gelu)]
            {
                let mut output = vec![0.0; inputs.len()];
                gate(isa, function, &inputs, &up, &mut output);
                for ((x, up), found) in inputs.iter().zip(&up).zip(&output) {
                    let wanted = wanted(f64::from(*x)) * f64::from(*up);
                    let error = (f64::from(*found) - wanted).abs();
                    assert!(
                        error < 2e-6 * wanted.abs().max(1.0),
                        "{isa:?} {function:?} {x}: {found}, {wanted}"
                    );
                }
            }
        }
    }

    #[test]
    fn caps_are_those_of_double_precision() {
        for isa in Isa::available() {
            let mut values: Vec<f32> = (0..203).map(|i| -100.0 + i as f32).collect();
            let inputs = values.clone();
            softcap(isa, &mut values, 30.0);
            for (x, found) in inputs.iter().zip(&values) {
                let wanted = 30.0 * (f64::from(*x) / 30.0).tanh();
                assert!((f64::from(*found) - wanted).abs() < 1e-5, "{isa:?} {x}: {found}, not {wanted}");
            }
        }
    }

    #[test]
    fn damage_stays_visible() {
        for isa in Isa::available() {
            let mut output = [0.0; 17];
            gate(isa, GateFunction::Silu, &[f32::NAN; 17], &[1.0; 17], &mut output);
            assert!(output.iter().all(|value| value.is_nan()), "{isa:?}: {output:?}");
        }
    }
}
