// The plane: pickers, drawing, export, and the Pareto front as a table.
"use strict";
(() => {
  const { state, picks, pareto, spec, element } = weighbridge;
  const byId = (id) => document.getElementById(id);
  const [task, y, x, xScale, yScale, controls] = ["task", "y", "x", "xscale", "yscale", "controls-too"].map(byId);
  const place = byId("plane");
  let data = null;
  let view = null;

  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    return Object.fromEntries(["paper", "ink", "muted", "rule", "tick", "accent"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  };
  const short = (value) => (Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(4))));
  const column = (key) => data.columns.find((one) => one.key === key);

  const read = () => {
    const [ofX, ofY] = [column(x.value), column(y.value)];
    const main = data.columns.find((one) => one.main);
    const [low, high] = [column("low").values, column("high").values];
    const drawable = (value, scale) => value !== null && (scale.value === "linear" || value > 0);
    const all = data.rows.map(([label, method, control, stale], row) => ({
      label, control, stale, method: data.methods[method].name, x: ofX.values[row], y: ofY.values[row],
      interval: ofY === main && low[row] !== null ? `${short(low[row])} to ${short(high[row])}` : "not known",
    })).filter((point) => !point.stale && (controls.checked || !point.control));
    const points = all.filter((point) => drawable(point.x, xScale) && drawable(point.y, yScale));
    for (const point of points) [point.xText, point.yText] = [short(point.x), short(point.y)];
    const front = pareto(points.filter((point) => !point.control), ofX.better, ofY.better);
    const theory = ofY === main ? data.theory.filter((line) => line.x === x.value).flatMap((line) => line.points
      .filter(([a, b]) => drawable(a, xScale) && drawable(b, yScale)).map(([a, b]) => ({ x: a, y: b, label: line.label, source: line.source }))) : [];
    const references = data.references.filter((row) => row.metric === y.value)
      .map((row) => ({ label: row.label, source: row.source, y: row.value, x: x.value === "bytes_per_item" ? row.bytes_per_item : null }));
    return { points, front, theory, references, x: ofX, y: ofY, left: all.length - points.length };
  };

  const list = (found) => {
    const table = element("table");
    const head = table.createTHead().insertRow();
    for (const text of ["variant", found.y.title, found.x.title]) head.append(element("th", text, { scope: "col" }));
    const body = table.createTBody();
    for (const point of found.front) {
      const row = body.insertRow();
      row.append(element("th", point.label, { scope: "row" }), element("td", point.yText, { class: "n" }), element("td", point.xText, { class: "n" }));
    }
    byId("front").replaceChildren(table);
    byId("front").hidden = byId("front-title").hidden = found.front.length === 0;
  };

  const draw = async () => {
    const found = read();
    list(found);
    byId("said").textContent = `${found.points.length} variants drawn, ${found.front.length} of them on the front`
      + (found.left ? `; ${found.left} have no value that this plane can show` : "");
    const width = Math.max(240, Math.min(place.clientWidth, 1200) - 90);
    const made = await vegaEmbed(place, spec({ ...found, xBetter: found.x.better, xScale: xScale.value, yScale: yScale.value, width, colours: colours() }), { renderer: "svg", actions: false });
    view?.finalize();
    view = made.view;
  };

  const open = async () => {
    const option = task.selectedOptions[0];
    if (!option) { byId("said").textContent = "No results are stored yet."; return; }
    data = await picks.task(option);
    const having = data.columns.filter((one) => one.title && one.values.some((value) => value !== null));
    picks.fill(y, having.filter((one) => !one.cost).map((one) => [one.key, one.title]));
    picks.fill(x, having.filter((one) => one.cost).map((one) => [one.key, one.title]));
    picks.restore(y, data.columns.find((one) => one.main).key);
    picks.restore(x, "bytes_per_item");
    if (!y.value || !x.value) { byId("said").textContent = "No variant of this task has a score and a cost."; place.replaceChildren(); return; }
    await draw();
  };
  const restore = async () => {
    for (const [select, usual] of [[task, ""], [xScale, "log"], [yScale, "linear"]]) picks.restore(select, usual);
    controls.checked = state.get("controls") === "yes";
    await open();
  };
  const keep = () => state.set({ task: task.value, y: y.value, x: x.value, xscale: xScale.value, yscale: yScale.value, controls: controls.checked ? "yes" : "" });

  const save = (address, ending) => {
    const link = element("a", null, { href: address, download: `plane.${ending}` });
    document.body.append(link);
    link.click();
    link.remove();
  };
  byId("svg").addEventListener("click", async () => {
    const address = URL.createObjectURL(new Blob([await view.toSVG()], { type: "image/svg+xml" }));
    save(address, "svg");
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  });
  byId("png").addEventListener("click", async () => save(await view.toImageURL("png", 2), "png"));
  task.addEventListener("change", async () => { state.set({ task: task.value, y: "", x: "" }); await open(); });
  for (const select of [y, x, xScale, yScale, controls]) select.addEventListener("change", () => { keep(); draw(); });
  byId("picks").addEventListener("submit", (event) => event.preventDefault());
  byId("picks").hidden = false;
  state.changed(restore);
  document.addEventListener("themechange", () => data && draw());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => data && draw());
  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(() => data && draw(), 200); });
  weighbridge.load(`${document.body.dataset.assets}vega.js`).then(restore);
})();
