//! Charts as SVG, where people would rather look than read: text on a light ground, no script, no outside font.

pub mod curve;
pub mod map;
mod svg;
pub mod tornado;
