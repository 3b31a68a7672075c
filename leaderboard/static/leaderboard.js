// The leaderboard: ranks at a budget over the ticked tasks, the chart beside the table, all of it in the address.
"use strict";
(() => {
  const { state, budget, numbers, rank, front, chart, legend, csv, element } = weighbridge;
  const byId = (id) => document.getElementById(id);
  const table = byId("board");
  const data = weighbridge.get("tab", table.dataset.tab);
  const { home } = document.body.dataset;
  const [LABEL, SHOWN, METHOD, CONTROL, STALE, SERIES, REFERENCE, ANCHOR] = [0, 1, 2, 3, 4, 5, 6, 7];
  const DRAWN = 60;
  const form = byId("controls");
  const boxes = [...form.querySelectorAll("[name=task]")];
  const [search, kind, controls] = ["q", "kind", "controls-too"].map(byId);
  const kinds = new Set(data.methods.map((one) => one.kind));
  for (const [key, title] of data.kinds.filter(([key]) => kinds.has(key))) kind.append(element("option", title, { value: key }));
  const usual = boxes.filter((box) => box.checked).map((box) => box.value);
  const ticked = new Set();
  let sorted = "";
  let limit = DRAWN;
  let shown = [];

  const chosen = () => data.tasks.filter((task) => boxes.some((box) => box.value === task.name && box.checked));
  const mean = (values) => (values.length && values.every((value) => !numbers.missing(value)) ? values.reduce((sum, value) => sum + value, 0) / values.length : null);
  const total = (task, row) => (numbers.missing(task.own[row]) ? null : task.own[row] + (task.fitted[row] ?? 0));
  const size = (tasks, row) => mean(tasks.map((task) => total(task, row)));
  const ranksAt = (task, step) => { const found = task.ranks[step]; return typeof found === "number" ? task.ranks[found] : found; };
  const method = (row) => data.methods[data.rows[row][METHOD]];
  const same = (tasks) => tasks.length > 0 && tasks.every((task) => task.metric === tasks[0].metric);
  const kept = (tasks, row) => {
    const names = tasks.map((task) => task.name);
    if (names.length === usual.length && names.every((name) => usual.includes(name))) return data.kept[row];
    if (tasks.length === 1) return tasks[0].kept[row];
    const value = mean(tasks.map((task) => task.kept[row]?.[0] ?? null));
    return value === null ? null : [value, null, null];
  };
  // quality on the chart: per cent of the pinned reference; where there is none the mean score, or the first task's
  // where the tasks have no metric in common
  const quality = (tasks, row) => {
    if (data.pinned === null) return same(tasks) ? mean(tasks.map((task) => task.scores[row])) : tasks.length ? tasks[0].scores[row] : null;
    return mean(tasks.map((task) => {
      const [own, whole] = [task.scores[row], task.scores[data.pinned]];
      if (numbers.missing(own) || numbers.missing(whole)) return null;
      return task.better === "higher" ? (whole > 0 ? (100 * own) / whole : null) : (own > 0 ? (100 * whole) / own : null);
    }));
  };
  const href = (row) => `${home}${method(row).href}#${data.rows[row][ANCHOR]}`;
  const words = () => search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (row) => {
    const text = `${data.rows[row][LABEL]} ${data.rows[row][SHOWN]} ${method(row).about} ${method(row).tags.join(" ")}`.toLowerCase();
    return words().every((word) => text.includes(word)) && (kind.value === "" || method(row).kind === kind.value);
  };

  const declared = (tasks) => {
    const scores = same(tasks)
      ? [{ key: "score", title: tasks[0].metric, about: tasks.length > 1 ? `mean of ${tasks.length} tasks` : "", value: (row) => mean(tasks.map((task) => task.scores[row])), text: (value) => numbers.score(tasks[0], value), better: tasks[0].better }]
      : tasks.slice(0, 3).map((task) => ({ key: `score ${task.name}`, title: task.short, about: task.metric, value: (row) => task.scores[row], text: (value) => numbers.score(task, value), better: task.better }));
    return [
      { key: "size", title: "bytes", about: "Bytes an item; fitted bytes are shared out over the items", value: (row) => size(tasks, row), text: numbers.size, better: "lower" },
      { key: "smaller", title: "smaller", about: "Times smaller than its reference", value: (row) => { const whole = data.rows[row][REFERENCE]; const own = size(tasks, row); return whole >= 0 && own ? size(tasks, whole) / own || null : null; }, text: numbers.smaller, better: "higher" },
      ...scores,
      { key: "kept", title: "% kept (95 %)", about: "Per cent of its reference's score, with the 95 % interval", value: (row) => kept(tasks, row)?.[0] ?? null, text: numbers.percent, better: "higher" },
      { key: "train_seconds", title: "train s", about: "Seconds of training, once a seed", value: (row) => data.costs.train_seconds[row], text: numbers.seconds, better: "lower", time: true },
      { key: "fit_seconds", title: "fit s", about: "Seconds of fitting, once a task", value: (row) => data.costs.fit_seconds[row], text: numbers.seconds, better: "lower", time: true },
    ];
  };
  // a column that says nothing of any row is not drawn
  const says = (column) => column.key === "size" || column.key.startsWith("score") || data.rows.some((_, row) => !numbers.missing(column.value(row)));
  let drawn = null;
  const columns = (tasks) => {
    const names = tasks.map((task) => task.name).join("\n");
    if (drawn?.names !== names) drawn = { names, columns: declared(tasks).filter(says) };
    return drawn.columns;
  };
  const sizes = (tasks, row) => {
    const [own, fitted] = [mean(tasks.map((task) => task.own[row])), mean(tasks.map((task) => task.fitted[row] ?? 0))];
    return fitted ? `${numbers.size(own)} an item and ${numbers.size(fitted)} of what was fitted, shared out` : "";
  };
  const draw = (tasks, found, row, pinned = false) => {
    const made = element("tr", null, { class: [pinned ? "pinned" : "", found.places.get(row) === 1 ? "leads" : "", data.rows[row][CONTROL] || data.rows[row][STALE] ? "muted" : ""].filter(Boolean).join(" "), "data-row": row });
    const label = data.rows[row][LABEL];
    const tick = element("input", null, { type: "checkbox", "aria-label": `Compare ${data.rows[row][SHOWN]}` });
    tick.checked = ticked.has(label);
    tick.addEventListener("change", () => { if (tick.checked) ticked.add(label); else ticked.delete(label); });
    const first = element("td", null, { class: "tick" });
    if (!pinned) first.append(tick);
    const head = element("th", null, { scope: "row" });
    const link = element("a", null, { class: "name", href: home + method(row).href, title: label });
    link.append(element("bdi", data.rows[row][SHOWN]));
    if (pinned) head.append(document.createTextNode("reference: "));
    head.append(element("span", null, { class: `swatch ${method(row).kind}`, "aria-hidden": "true" }), link);
    if (data.rows[row][CONTROL]) head.append(document.createTextNode(" "), element("span", "control", { class: "tag" }));
    if (data.rows[row][STALE]) head.append(document.createTextNode(" "), element("span", "stale", { class: "tag warn" }));
    const place = found.places.get(row);
    const untested = place === undefined && !data.rows[row][CONTROL] && !data.rows[row][STALE];
    made.append(first, element("td", pinned ? "" : String(place ?? "–"), { class: "n rank", ...(untested && !pinned ? { title: "Not ranked: without scores of single items nothing can be tested" } : {}) }), head);
    for (const column of columns(tasks)) {
      const value = column.value(row);
      const cell = element("td", null, { class: column.time ? "n t" : "n" });
      cell.dataset.key = column.key.split(" ")[0];
      cell.dataset.title = column.title;
      const text = pinned && column.key === "smaller" ? "1 ×" : pinned && column.key === "kept" ? "100" : column.text(value);
      if (column.key.startsWith("score") && !numbers.missing(value)) {
        cell.append(element("a", text, { class: "score", href: href(row), "data-run": label, "data-tasks": tasks.map((task) => task.name).join("\n"), "data-srcs": tasks.map((task) => task.runs).join("\n") }));
      } else cell.textContent = text;
      if (column.key === "size" && sizes(tasks, row)) cell.title = sizes(tasks, row);
      if (column.key === "kept" && !pinned) {
        const ends = kept(tasks, row);
        const said = ends ? numbers.interval(ends[1], ends[2], numbers.percent) : "";
        if (said) cell.append(document.createTextNode(" "), element("span", said, { class: "iv" }));
      }
      made.append(cell);
    }
    return made;
  };
  const heads = (tasks) => {
    const line = table.tHead.rows[0];
    const made = (column) => {
      const head = element("th", null, { scope: "col", class: column.time ? "n t" : column.key === "name" ? "" : "n", title: column.about ?? "" });
      const button = element("button", column.title, { type: "button" });
      const [first, second] = column.better === "higher" ? [`-${column.key}`, column.key] : [column.key, `-${column.key}`];
      if (sorted.replace(/^-/, "") === column.key) head.setAttribute("aria-sort", sorted.startsWith("-") ? "descending" : "ascending");
      button.addEventListener("click", () => {
        sorted = sorted === first ? second : sorted === second ? "" : first;
        keep();
        [...table.tHead.querySelectorAll("button")].find((one) => one.textContent === column.title)?.focus();
      });
      head.append(button);
      return head;
    };
    const first = element("th", null, { scope: "col", class: "tick" });
    first.append(element("span", "compare", { class: "hide" }));
    line.replaceChildren(first, made({ key: "rank", title: "#", better: "lower" }), made({ key: "name", title: "configuration", better: "lower" }), ...columns(tasks).map(made));
  };
  const ordered = (tasks, found, rows) => {
    const key = sorted.replace(/^-/, "");
    if (key === "" || key === "rank") return sorted === "-rank" ? [...rows].reverse() : rows;
    const column = columns(tasks).find((one) => one.key === key);
    const value = key === "name" ? (row) => data.rows[row][SHOWN] : column?.value;
    if (!value) return rows;
    const sign = sorted.startsWith("-") ? -1 : 1;
    return [...rows].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === null || y === null) return Number(x === null) - Number(y === null);
      return sign * (typeof x === "number" ? x - y : x.localeCompare(y, "en", { numeric: true }));
    });
  };

  const draws = (tasks, found, at) => {
    const place = byId("chart");
    place.hidden = false;
    const wide = place.clientWidth || 600;
    const metric = tasks[0];
    const counted = data.pinned === null && metric && ["bit", "×"].includes(metric.unit);
    const cost = counted
      ? { value: (row) => data.costs.encode_items_per_second[row], title: "items encoded a second", text: (value) => numbers.fixed(value, value < 10 ? 1 : 0), better: "higher" }
      : { value: (row) => size(tasks, row), title: "bytes an item", text: numbers.size, better: "lower" };
    const better = data.pinned === null ? metric?.better ?? "higher" : "higher";
    const points = data.rows.map((_, row) => row).filter((row) => (controls.checked || !data.rows[row][CONTROL]) && tasks.length && tasks.every((task) => !numbers.missing(task.scores[row]))).map((row) => {
      const [x, y] = [cost.value(row), quality(tasks, row)];
      const name = data.rows[row][SHOWN];
      return { row, x, y, name, kind: method(row).kind, series: data.rows[row][SERIES], control: data.rows[row][CONTROL], over: x > at || !found.places.has(row), faint: !fits(row), strong: row === data.pinned, href: href(row), title: `${name}: ${data.pinned === null ? numbers.score(metric, y) : `${numbers.percent(y)} %`}, ${cost.text(x)}` };
    }).filter((point) => !numbers.missing(point.x) && !numbers.missing(point.y));
    const reference = data.pinned === null ? "" : data.rows[data.pinned][SHOWN];
    chart(place, {
      points, front: front(points.filter((point) => !point.control && !data.rows[point.row][STALE]), cost.better, better), label: `Quality against ${cost.title}`,
      levels: data.pinned === null ? [] : [{ y: 100 }],
      x: { log: true, title: `${cost.title} (${cost.better} is better)`, text: cost.text, better: cost.better },
      y: { log: false, title: data.pinned === null ? `${metric?.metric ?? ""} (${better} is better)` : `% of ${reference}${same(tasks) ? `, ${metric.metric}` : ""}`, text: (value) => (data.pinned === null ? numbers.score(metric, value) : numbers.fixed(value, 0)) },
      width: wide, height: Math.max(280, Math.min(470, Math.round(wide * 0.68))),
      onPoint: (point, on) => table.querySelector(`[data-row="${point.row}"]`)?.classList.toggle("lit", on),
    });
    legend(place, data.kinds, new Set(points.map((point) => point.kind)));
  };

  const show = () => {
    const tasks = chosen();
    const step = Math.max(0, data.budgets.indexOf(budget.limit() === Infinity ? null : budget.limit()));
    const found = rank(tasks.map((task) => ranksAt(task, step)), data.rows.length);
    // stale rows are shown until they are run again, controls if asked for; neither is ranked
    const placed = new Set(found.order);
    const others = tasks.length ? data.rows.map((_, row) => row).filter((row) => !placed.has(row) && (data.rows[row][CONTROL] ? controls.checked : data.rows[row][STALE]) && tasks.every((task) => !numbers.missing(task.scores[row]) && (total(task, row) ?? Infinity) <= budget.limit())) : [];
    shown = ordered(tasks, found, [...found.order, ...others].filter(fits));
    heads(tasks);
    table.tBodies[0].replaceChildren(...shown.slice(0, limit).map((row) => draw(tasks, found, row)));
    if (!shown.length) {
      const line = element("tr");
      const cell = element("td", null, { colspan: columns(tasks).length + 3 });
      const reset = element("button", "reset", { type: "button", class: "link" });
      reset.addEventListener("click", clear);
      cell.append(document.createTextNode(tasks.length ? "Nothing matches – " : "No task is ticked – "), reset);
      line.append(cell);
      table.tBodies[0].append(line);
    } else if (shown.length > limit) {
      const line = element("tr");
      const cell = element("td", null, { colspan: columns(tasks).length + 3 });
      const more = element("button", `${shown.length - limit} more`, { type: "button", class: "link" });
      more.addEventListener("click", () => { limit = Infinity; show(); });
      cell.append(more);
      line.append(cell);
      table.tBodies[0].append(line);
    }
    if (data.pinned !== null) {
      table.tFoot?.remove();
      table.createTFoot().append(draw(tasks, { places: new Map() }, data.pinned, true));
    }
    const usualTasks = tasks.length === usual.length && tasks.every((task) => usual.includes(task.name));
    byId("shown").textContent = `${found.places.size} ranked, ${shown.length} shown`
      + (usualTasks || tasks.length < 2 ? "" : "; % kept over tasks ticked by hand has no interval");
    draws(tasks, found, budget.limit());
  };
  const restore = () => {
    budget.show(state.get("budget") || budget.start());
    const tasks = state.all("task");
    for (const box of boxes) box.checked = tasks.length ? tasks.includes(box.value) : usual.includes(box.value);
    search.value = state.get("q");
    kind.value = [...kind.options].some((option) => option.value === state.get("kind")) ? state.get("kind") : "";
    controls.checked = state.get("controls") === "yes";
    sorted = state.get("sort");
    show();
  };
  const keep = () => {
    const names = boxes.filter((box) => box.checked).map((box) => box.value);
    const asUsual = names.length === usual.length && names.every((name) => usual.includes(name));
    state.set({ budget: budget.step() === budget.start() ? "" : budget.step(), task: asUsual ? [] : names, q: search.value, kind: kind.value, controls: controls.checked ? "yes" : "", sort: sorted });
    show();
  };
  const clear = () => { history.replaceState(null, "", location.href.split("#")[0]); restore(); };
  budget.moved(keep);
  for (const box of [...boxes, kind, controls]) box.addEventListener("change", keep);
  search.addEventListener("input", keep);
  form.addEventListener("submit", (event) => event.preventDefault());
  byId("reset").addEventListener("click", clear);
  byId("compare").addEventListener("click", () => {
    const first = chosen()[0];
    if (!first) return;
    const found = new URLSearchParams([["task", first.name], ...[...ticked].map((label) => ["v", label])]);
    location.href = `${home}compare.html#${found}`;
  });
  byId("csv").addEventListener("click", () => {
    const tasks = chosen();
    const kinds = declared(tasks);
    const found = rank(tasks.map((task) => ranksAt(task, Math.max(0, data.budgets.indexOf(budget.limit() === Infinity ? null : budget.limit())))), data.rows.length);
    const lines = [csv.line(["rank", "configuration", ...kinds.map((one) => one.key), "kept_low", "kept_high"]), ...shown.map((row) => csv.line([found.places.get(row), data.rows[row][LABEL], ...kinds.map((one) => one.value(row)), ...(kept(tasks, row)?.slice(1) ?? [null, null])]))];
    csv.save("weighbridge.csv", `${lines.join("\r\n")}\r\n`);
  });
  form.hidden = byId("tools").hidden = false;
  state.changed(restore);
  restore();
  let waiting = 0;
  let wide = innerWidth;
  addEventListener("resize", () => { if (innerWidth === wide) return; wide = innerWidth; clearTimeout(waiting); waiting = setTimeout(show, 150); });
})();
