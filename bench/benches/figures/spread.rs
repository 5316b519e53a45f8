//! Many measurements of the same thing, summed up.

use testkit::Error;

/// How measurements are spread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) lower: f64,
    pub(crate) median: f64,
    pub(crate) upper: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(measured: impl IntoIterator<Item = f64>) -> Result<Self, Error> {
        let mut sorted: Vec<_> = measured.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let Some(last) = sorted.len().checked_sub(1) else {
            return Err(Error::new("nothing was measured"));
        };
        let at = |quarter: usize| sorted[(last * quarter + 2) / 4];
        Ok(Self {
            least: at(0),
            lower: at(1),
            median: at(2),
            upper: at(3),
            most: at(4),
        })
    }

    pub(crate) fn map(self, of: impl Fn(f64) -> f64) -> Self {
        Self {
            least: of(self.least),
            lower: of(self.lower),
            median: of(self.median),
            upper: of(self.upper),
            most: of(self.most),
        }
    }
}
