// Holm's step-down adjustment of p-values (1979), in the order given: the only arithmetic of statistics in the
// page, because the pairs that stand together are chosen there. It agrees with suite.results.statistics.holm.
"use strict";
weighbridge.holm = (values) => {
  const order = values.map((_, place) => place).sort((a, b) => values[a] - values[b] || a - b);
  const adjusted = new Array(values.length);
  let largest = 0;
  order.forEach((place, rank) => {
    largest = Math.max(largest, values[place] * (values.length - rank));
    adjusted[place] = Math.min(largest, 1);
  });
  return adjusted;
};
