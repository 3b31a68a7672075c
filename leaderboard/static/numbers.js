// Numbers as pages print them; leaderboard/numbers.py prints the same.
"use strict";
weighbridge.numbers = (() => {
  const missing = (value) => value === null || value === undefined || !Number.isFinite(value);
  const fixed = (value, digits) => {
    const text = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return /[1-9]/.test(text) ? text.replace("-", "−") : text.replace("-", "");
  };
  const size = (value) => {
    if (missing(value) || value < 0) return "—";
    const units = ["B", "kB", "MB", "GB", "TB"];
    let place = 0;
    while (value >= 999.5 && place < units.length - 1) { value /= 1000; place += 1; }
    if (value >= 1e6) return `${value.toExponential(2)} ${units[place]}`;
    const whole = value >= 99.95 || (place === 0 && (value >= 10 || Number.isInteger(value)));
    return `${value.toFixed(whole ? 0 : 1)} ${units[place]}`;
  };
  // what a metric is told by: { share, unit, digits }
  const score = (metric, value, signed = false) => {
    if (missing(value)) return "—";
    let text;
    if (metric.share) text = fixed(100 * value, 1);
    else if (metric.unit === "B") text = `${value < 0 ? "−" : ""}${size(Math.abs(value))}`;
    else text = Math.abs(value) >= 1e15 ? value.toPrecision(3) : fixed(value, metric.digits ?? 3);
    return signed && value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
  };
  return {
    missing, fixed, size, score,
    percent: (value) => (missing(value) ? "—" : fixed(value, 1)),
    smaller: (value) => (missing(value) ? "—" : `${value < 0.95 ? Number(value.toPrecision(2)) : fixed(value, value >= 9.95 ? 0 : 1)} ×`),
    seconds: (value) => (missing(value) ? "—" : value >= 10 ? fixed(value, 0) : value >= 0.05 ? fixed(value, 1) : value === 0 ? "0" : "< 0.1"),
    p: (value) => (missing(value) ? "—" : value < 0.001 ? "< 0.001" : value.toFixed(3)),
    interval: (low, high, text) => (missing(low) || missing(high) ? "" : `[${text(low)}, ${text(high)}]`),
  };
})();
