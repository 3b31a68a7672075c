// The Vega-Lite specification of the plane. Field names are fixed: no text of a result is ever an expression.
"use strict";
weighbridge.spec = ({ points, front, theory, references, x, y, xScale, yScale, xBetter, width, colours }) => {
  const title = ({ title, unit, better }) => `${title}${unit ? `, ${unit}` : ""} (${better} is better)`;
  const axis = { gridColor: colours.rule, domainColor: colours.ink, tickColor: colours.tick, labelColor: colours.muted, titleColor: colours.ink, titleFontWeight: "normal", titlePadding: 12, titleFontSize: 12, labelFontSize: 11, labelOverlap: true };
  const scale = (type) => (type === "log" ? { type, nice: false, padding: 24 } : { type, zero: false, nice: true });
  const ofX = { field: "x", type: "quantitative", title: title(x), scale: scale(xScale), axis: xScale === "log" ? { ...axis, tickCount: 8, format: "~s" } : { ...axis, format: "~s" } };
  const ofY = { field: "y", type: "quantitative", title: title(y), scale: scale(yScale), axis };
  const methods = [...new Set(points.map((point) => point.method))];
  const named = methods.length <= 20;
  const colour = {
    field: "method", type: "nominal", sort: null, scale: { scheme: methods.length > 10 ? "tableau20" : "tableau10" },
    legend: named ? { title: null, orient: "bottom", columns: Math.max(1, Math.floor(width / 170)), labelColor: colours.ink, labelLimit: 140, labelFontSize: 12, symbolType: "circle" } : null,
  };
  const tooltip = [
    { field: "label", type: "nominal", title: "variant" },
    { field: "yText", type: "nominal", title: y.title },
    { field: "xText", type: "nominal", title: x.title },
    { field: "interval", type: "nominal", title: "95 % interval" },
  ];
  const layers = [
    { data: { values: theory }, mark: { type: "line", strokeDash: [6, 4], color: colours.muted }, encoding: { x: ofX, y: ofY, detail: { field: "label", type: "nominal" }, order: { field: "x", type: "quantitative" }, tooltip: [{ field: "label", type: "nominal", title: "bound" }, { field: "source", type: "nominal" }] } },
    { data: { values: front }, mark: { type: "line", interpolate: xBetter === "higher" ? "step-before" : "step-after", strokeWidth: 5, opacity: 0.25, color: colours.accent }, encoding: { x: ofX, y: ofY, order: { field: "x", type: "quantitative" } } },
    { data: { values: points }, mark: { type: "line", strokeWidth: 1, opacity: 0.65 }, encoding: { x: ofX, y: ofY, color: colour, detail: { field: "method", type: "nominal" }, order: { field: "x", type: "quantitative" } } },
    { data: { values: points }, mark: { type: "point", filled: true, size: 55, opacity: 1, stroke: colours.paper, strokeWidth: 1 }, encoding: { x: ofX, y: ofY, color: colour, tooltip } },
    { data: { values: references.filter((row) => row.x !== null) }, mark: { type: "point", shape: "diamond", size: 80, color: colours.muted }, encoding: { x: ofX, y: ofY, tooltip: [{ field: "label", type: "nominal", title: "published" }, { field: "source", type: "nominal" }] } },
    { data: { values: references.filter((row) => row.x === null) }, mark: { type: "rule", strokeDash: [2, 4], color: colours.muted }, encoding: { y: ofY, tooltip: [{ field: "label", type: "nominal", title: "published" }, { field: "source", type: "nominal" }] } },
  ];
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    width, height: Math.max(300, Math.min(560, Math.round(width * 0.56))),
    background: colours.paper,
    config: { view: { stroke: null }, font: "system-ui, sans-serif" },
    layer: layers.filter((layer) => layer.data.values.length > 0),
  };
};
