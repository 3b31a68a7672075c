// A chart of quality against cost as SVG: eight kinds with fixed colours and shapes, the front labelled, lines along
// one parameter, bounds named. Every text is a text node; a click on a point opens its method.
"use strict";
weighbridge.chart = (() => {
  const NS = "http://www.w3.org/2000/svg";
  const make = (tag, attributes = {}, text = null) => {
    const made = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== null) made.textContent = text;
    return made;
  };
  const SHAPES = { // around (0, 0), of about equal area
    dense: "M4,0A4,4 0 1 1 -4,0A4,4 0 1 1 4,0Z",
    cut: "M-3.6,-3.6H3.6V3.6H-3.6Z",
    scalar: "M0,-4.8L4.6,3.4H-4.6Z",
    binary: "M0,4.8L4.6,-3.4H-4.6Z",
    codes: "M0,-5.2L5.2,0L0,5.2L-5.2,0Z",
    sparse: "M-4.4,-1.5H-1.5V-4.4H1.5V-1.5H4.4V1.5H1.5V4.4H-1.5V1.5H-4.4Z",
    multi: "M0,-5.4L1.5,-1.8L5.2,-1.7L2.3,0.7L3.2,4.4L0,2.3L-3.2,4.4L-2.3,0.7L-5.2,-1.7L-1.5,-1.8Z",
    other: "M-4.2,-2.6L-2.6,-4.2L0,-1.6L2.6,-4.2L4.2,-2.6L1.6,0L4.2,2.6L2.6,4.2L0,1.6L-2.6,4.2L-4.2,2.6L-1.6,0Z",
  };
  const nice = (low, high, count) => {
    const step = 10 ** Math.floor(Math.log10((high - low || 1) / count));
    const wide = [1, 2, 5, 10].map((by) => by * step).find((by) => (high - low) / by <= count) ?? step * 10;
    const found = [];
    for (let at = Math.ceil(low / wide) * wide; at <= high + wide * 1e-9; at += wide) found.push(Math.abs(at) < wide * 1e-9 ? 0 : at);
    return found;
  };
  const decades = (low, high, count) => {
    for (const by of [[1, 2, 5], [1, 3], [1]]) {
      const found = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
        for (const one of by) if (one * 10 ** power >= low * 0.999 && one * 10 ** power <= high * 1.001) found.push(one * 10 ** power);
      }
      if (found.length <= count) return found;
    }
    const found = [];
    const [first, last] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
    const every = Math.max(1, Math.ceil((last - first) / count));
    for (let power = first; power <= last; power += every) found.push(10 ** power);
    return found;
  };
  const round = (text) => text.replace(/^(\S*)\.0+(?= |$)/, "$1");  // a tick at 10.0 kB says 10 kB
  const axis = (values, log, from, to, pad) => {
    const turn = log ? Math.log10 : (value) => value;
    let [low, high] = [Math.min(...values), Math.max(...values)];
    if (low === high) [low, high] = log ? [low / 2, high * 2] : [low - (Math.abs(low) / 10 || 0.5), high + (Math.abs(high) / 10 || 0.5)];
    const [a, b] = [turn(low), turn(high)];
    const edge = (b - a) * pad;
    const place = (value) => from + ((turn(value) - a + edge) / (b - a + 2 * edge)) * (to - from);
    const back = log ? (value) => 10 ** value : (value) => value;
    return { place, low: back(a - edge), high: back(b + edge) };
  };
  // the part of a line that lies in a frame (Liang and Barsky, 1984)
  const cut = ([x, y], [u, v], [left, top, right, bottom]) => {
    let [from, to] = [0, 1];
    for (const [by, room] of [[x - u, x - left], [u - x, right - x], [y - v, y - top], [v - y, bottom - y]]) {
      if (by === 0) { if (room < 0) return null; continue; }
      if (by < 0) from = Math.max(from, room / by); else to = Math.min(to, room / by);
    }
    return from <= to ? [[x + from * (u - x), y + from * (v - y)], [x + to * (u - x), y + to * (v - y)]] : null;
  };
  // places of labels: beside the point, else above or below, where nothing stands yet
  const labelled = (points, taken, width, height, left) => points.map((point) => {
    const wide = 6.1 * point.name.length + 6;
    for (const [dx, dy, anchor] of [[9, -5, "start"], [9, 13, "start"], [-9, -5, "end"], [-9, 13, "end"], [0, -12, "middle"], [0, 20, "middle"], [9, -19, "start"], [-9, -19, "end"], [9, 27, "start"], [-9, 27, "end"], [0, -26, "middle"], [0, 34, "middle"]]) {
      const [x, y] = [point.px + dx, point.py + dy];
      const start = anchor === "start" ? x : anchor === "end" ? x - wide : x - wide / 2;
      const box = [start, y - 10, start + wide, y + 3];
      if (box[0] < left || box[2] > width || box[1] < 0 || box[3] > height) continue;
      if (taken.some(([a, b, c, d]) => box[0] < c && a < box[2] && box[1] < d && b < box[3])) continue;
      taken.push(box);
      return { point, x, y, anchor };
    }
    return null;
  }).filter(Boolean);

  return (place, { points, front = [], lines = [], marks = [], levels = [], x, y, width, height, label = "Chart", names = true, onPoint = null }) => {
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": label });
    const drawable = (value, log) => Number.isFinite(value) && (!log || value > 0);
    points = points.filter((point) => drawable(point.x, x.log) && drawable(point.y, y.log));
    const kept = place.querySelector("figcaption");
    place.replaceChildren(svg, ...(kept ? [kept] : []));
    if (!points.length) { svg.append(make("text", { x: width / 2, y: height / 2, "text-anchor": "middle", class: "axis" }, "Nothing to draw")); return svg; }
    const small = width < 420;
    const [left, right, top, bottom] = [small ? 40 : 52, 12, 14, small ? 34 : 42];
    const reach = points.map((one) => one.x);
    const bounds = lines.flatMap((line) => line.points).filter((one) => drawable(one.y, y.log) && one.x >= Math.min(...reach) && one.x <= Math.max(...reach));
    const ofX = axis([...points.map((one) => one.x), ...marks.filter((one) => drawable(one.x, x.log)).map((one) => one.x)], x.log, left, width - right, 0.06);
    const ofY = axis([...points.map((one) => one.y), ...marks.filter((one) => drawable(one.y, y.log)).map((one) => one.y), ...levels.map((one) => one.y), ...bounds.map((one) => one.y)], y.log, height - bottom, top, 0.07);
    const grid = make("g", { class: "grid" });
    for (const at of (x.log ? decades : nice)(ofX.low, ofX.high, Math.max(3, Math.floor(width / 90)))) {
      const px = ofX.place(at);
      grid.append(make("line", { x1: px, x2: px, y1: top, y2: height - bottom }), make("text", { x: px, y: height - bottom + 15, "text-anchor": "middle", class: "axis" }, round(x.text(at))));
    }
    for (const at of (y.log ? decades : nice)(ofY.low, ofY.high, Math.max(4, Math.floor(height / 42)))) {
      const py = ofY.place(at);
      grid.append(make("line", { x1: left, x2: width - right, y1: py, y2: py }), make("text", { x: left - 6, y: py + 4, "text-anchor": "end", class: "axis" }, round(y.text(at))));
    }
    svg.append(grid);
    if (!small) svg.append(make("text", { x: left, y: 10, class: "axis title" }, y.title));
    svg.append(make("text", { x: width - right, y: height - 6, "text-anchor": "end", class: "axis title" }, x.title));
    for (const level of levels) {
      const py = ofY.place(level.y);
      svg.append(make("line", { class: "level", x1: left, x2: width - right, y1: py, y2: py }));
      if (level.label) svg.append(make("text", { class: "name", x: width - right, y: py - 4, "text-anchor": "end" }, level.label));
    }
    const path = (list, step) => list.map((one, at) => {
      const [px, py] = [ofX.place(one.x).toFixed(1), ofY.place(one.y).toFixed(1)];
      return at === 0 ? `M${px},${py}` : step ? `H${px}V${py}` : `L${px},${py}`;
    }).join("");
    const inside = (one) => drawable(one.x, x.log) && drawable(one.y, y.log) && one.x >= ofX.low && one.x <= ofX.high && one.y >= ofY.low && one.y <= ofY.high;
    for (const line of lines) {
      const drawn = line.points.filter((one) => drawable(one.x, x.log) && drawable(one.y, y.log)).sort((a, b) => a.x - b.x)
        .map((one) => [ofX.place(one.x), ofY.place(one.y)]);
      const parts = drawn.slice(1).map((to, at) => cut(drawn[at], to, [left, top, width - right, height - bottom])).filter(Boolean);
      if (!parts.length) continue;
      svg.append(make("path", { class: "bound", d: parts.map(([a, b]) => `M${a.map((one) => one.toFixed(1))}L${b.map((one) => one.toFixed(1))}`).join("") }));
      const [px, py] = parts[parts.length - 1][1];
      svg.append(make("text", { class: "name", x: px.toFixed(1), y: Math.max(py - 5, top + 10).toFixed(1), "text-anchor": "end" }, line.label));
    }
    points = points.filter((point) => Number.isFinite(ofX.place(point.x)) && Number.isFinite(ofY.place(point.y)));
    const series = new Map();
    for (const point of points) if (point.series >= 0) series.set(point.series, [...(series.get(point.series) ?? []), point]);
    for (const own of series.values()) if (own.length > 1) svg.append(make("path", { class: `along ${own[0].kind}`, d: path([...own].sort((a, b) => a.x - b.x)) }));
    const line = front.filter(inside);
    if (line.length > 1) svg.append(make("path", { class: "front", d: path([...line].sort((a, b) => a.x - b.x), x.better !== "higher") }));
    for (const mark of marks.filter(inside)) {
      const dot = make("path", { class: "published", d: SHAPES.codes, transform: `translate(${ofX.place(mark.x).toFixed(1)},${ofY.place(mark.y).toFixed(1)})` });
      dot.append(make("title", {}, mark.title));
      svg.append(dot);
    }
    const onFront = new Set(front);
    const dots = make("g", { class: "dots" });
    for (const point of [...points].sort((a, b) => Number(onFront.has(a)) - Number(onFront.has(b)))) {
      [point.px, point.py] = [ofX.place(point.x), ofY.place(point.y)];
      const classes = ["dot", point.kind, point.control ? "control" : "", point.over ? "over" : "", point.strong ? "strong" : "", point.faint ? "faint" : ""].filter(Boolean).join(" ");
      const link = make("a", { href: point.href, class: classes, "aria-label": point.title, ...(onFront.has(point) ? {} : { tabindex: "-1" }) });
      link.append(make("path", { d: SHAPES[point.kind] ?? SHAPES.other, transform: `translate(${point.px.toFixed(1)},${point.py.toFixed(1)})` }), make("title", {}, point.title));
      if (onPoint) for (const [event, on] of [["mouseenter", true], ["mouseleave", false], ["focus", true], ["blur", false]]) link.addEventListener(event, () => onPoint(point, on));
      dots.append(link);
    }
    svg.append(dots);
    if (names) {
      const taken = points.filter((point) => !point.over && !point.faint).map((point) => [point.px - 4, point.py - 4, point.px + 4, point.py + 4]);
      const wanted = points.filter((point) => onFront.has(point) || point.strong).sort((a, b) => Number(b.strong ?? 0) - Number(a.strong ?? 0) || b.y - a.y);
      for (const { point, x: px, y: py, anchor } of labelled(wanted, taken, width, height - bottom + 4, left - 4)) {
        svg.append(make("text", { class: `name${point.over ? " over" : ""}`, x: px.toFixed(1), y: py.toFixed(1), "text-anchor": anchor }, point.name));
      }
    }
    return svg;
  };
})();
// the kinds that are drawn, beside their shapes
weighbridge.legend = (place, kinds, used) => {
  const { element } = weighbridge;
  const list = element("ul", null, { class: "legend" });
  for (const [key, title] of kinds.filter(([key]) => used.has(key))) {
    const item = element("li");
    item.append(element("span", null, { class: `swatch ${key}`, "aria-hidden": "true" }), document.createTextNode(title));
    list.append(item);
  }
  place.append(list);
};
