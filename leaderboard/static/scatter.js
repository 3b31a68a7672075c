// Per-item scores of two configurations against each other, as a small drawing.
"use strict";
weighbridge.scatter = (first, second, a, b, all) => {
  const make = (tag, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text) made.textContent = text;
    return made;
  };
  const [size, edge] = [220, 10];
  const low = Math.min(...a, ...b);
  const high = Math.max(...a, ...b);
  const place = (value) => edge + ((value - low) / (high - low || 1)) * (size - 2 * edge);
  const svg = make("svg", { viewBox: `0 0 ${size} ${size}`, width: size, height: size, role: "img", "aria-label": `Item scores of ${second} over those of ${first}` });
  svg.append(make("rect", { class: "frame", x: 0.5, y: 0.5, width: size - 1, height: size - 1 }));
  svg.append(make("line", { class: "same", x1: 0, y1: size, x2: size, y2: 0 }));
  a.forEach((value, item) => svg.append(make("circle", { cx: place(value).toFixed(1), cy: (size - place(b[item])).toFixed(1), r: 2.5 })));
  const figure = weighbridge.element("figure", null, { class: "scatter" });
  const higher = a.filter((value, item) => value > b[item]).length;
  const lower = a.filter((value, item) => value < b[item]).length;
  figure.append(svg, weighbridge.element("figcaption", `${first} (across) and ${second} (up), ${all > a.length ? `${a.length} of ${all.toLocaleString("en")} items, evenly spaced` : `${a.length} items`}: the first scores higher on ${higher}, lower on ${lower}`));
  return figure;
};
