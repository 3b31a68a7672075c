// Two-sided p and 97.5 % point of Student's t, by its normal approximation (Wallace, 1959); with 20 degrees of freedom
// or more it is right to 0.001.
"use strict";
weighbridge.student = (() => {
  const tail = (z) => { // upper tail of the normal distribution (Abramowitz and Stegun, 26.2.17)
    const t = 1 / (1 + 0.2316419 * z);
    const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
    return poly * Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  };
  const z = (t, df) => ((8 * df + 1) / (8 * df + 3)) * Math.sqrt(df * Math.log1p((t * t) / df));
  return {
    p: (t, df) => Math.min(1, 2 * tail(z(Math.abs(t), df))),
    point(df) { // the t whose p is 0.05
      let [low, high] = [1.5, 15];
      for (let step = 0; step < 60; step += 1) { const t = (low + high) / 2; if (this.p(t, df) > 0.05) low = t; else high = t; }
      return low;
    },
  };
})();
