// What a chart of one task shows: its configurations, bounds and published numbers, over any of its columns.
"use strict";
weighbridge.taskchart = (data, { x: xKey = "size", y: yKey = null, xLog = true, yLog = false, controls = false, method = null } = {}) => {
  const { numbers, front } = weighbridge;
  const column = (key) => data.columns.find((one) => one.key === key);
  const main = data.columns.find((one) => one.main);
  const [ofX, ofY] = [column(xKey), yKey === null ? main : column(yKey)];
  const { home } = document.body.dataset;
  const digits = (one) => { const found = /\.(\d)/.exec(one.format ?? ""); return found ? Number(found[1]) : 0; };
  const text = (one) => (value) => (one.key === "kept" ? numbers.percent(value) : one.unit === "B" ? numbers.size(value) : numbers.score({ share: one.share, unit: one.unit, digits: digits(one) }, value));
  const [low, high] = [column("low").values, column("high").values];
  const all = data.rows.map(([label, place, control, stale], row) => {
    const own = data.methods[place];
    const [x, y] = [ofX.values[row], ofY.values[row]];
    const ends = ofY === main ? numbers.interval(low[row], high[row], text(ofY)) : "";
    return {
      label, name: data.shown[row], kind: own.kind, method: own.name, control, stale, x, y, series: data.series[row], href: home + own.href,
      strong: false, faint: method !== null && own.name !== method,
      title: numbers.missing(x) || numbers.missing(y) ? "" : `${data.shown[row]}: ${text(ofY)(y)}${ends ? ` ${ends}` : ""}, ${ofX.title} ${text(ofX)(x)}`,
    };
  }).filter((point) => !point.stale && (controls || !point.control || point.method === method));
  const points = all.filter((point) => !numbers.missing(point.x) && !numbers.missing(point.y) && (!xLog || point.x > 0) && (!yLog || point.y > 0));
  const bytes = ["size", "bytes_per_item"].includes(xKey);
  return {
    points,
    left: all.length - points.length,
    front: front(points.filter((point) => !point.control), ofX.better, ofY.better),
    lines: ofY === main ? data.theory.filter((line) => line.x === xKey || (bytes && line.x === "bytes_per_item")).map((line) => ({ label: line.label, points: line.points.map(([a, b]) => ({ x: a, y: b })) })) : [],
    marks: data.references.filter((row) => row.metric === ofY.key && bytes && row.bytes_per_item !== null).map((row) => ({ x: row.bytes_per_item, y: row.value, title: `published: ${row.label}, ${row.source}` })),
    levels: data.references.filter((row) => row.metric === ofY.key && (!bytes || row.bytes_per_item === null)).map((row) => ({ y: row.value, label: `published: ${row.label}` })),
    x: { log: xLog, title: `${ofX.title}${ofX.unit && ofX.unit !== "B" ? `, ${ofX.unit}` : ""} (${ofX.better} is better)`, text: text(ofX), better: ofX.better },
    y: { log: yLog, title: `${ofY.title}${ofY.unit ? `, ${ofY.unit}` : ""} (${ofY.better} is better)`, text: text(ofY), better: ofY.better },
  };
};
