// Two or more configurations over one or more tasks: paired differences, significance, ratios of costs, item scores.
"use strict";
(() => {
  const { state, picks, holm, student, scatter, numbers, element } = weighbridge;
  const byId = (id) => document.getElementById(id);
  const options = [...byId("task").options];
  const [task, add, scope] = ["task", "add", "scope"].map(byId);
  const short = (value, digits = 3) => (value === null || value === undefined ? "—" : String(Number(value.toPrecision(digits))).replace("-", "−"));
  const names = new Map();
  let chosen = [];

  const inScope = () => {
    const picked = task.selectedOptions[0];
    return scope.value === "family" ? options.filter((option) => option.parentElement === picked.parentElement) : [picked];
  };
  const errorOf = (pairs, a, b) => {
    const [i, j] = [pairs.variants.indexOf(a), pairs.variants.indexOf(b)];
    if (i < 0 || j < 0) return null;
    const [first, second] = i < j ? [i, j] : [j, i];
    const n = pairs.variants.length;
    return pairs.errors[first * n - (first * (first + 1)) / 2 + second - first - 1];
  };
  const table = (heads, rows) => {
    const made = element("table");
    const head = made.createTHead().insertRow();
    for (const [text, kind] of heads) head.append(element("th", text, kind ? { scope: "col", class: kind } : { scope: "col" }));
    const body = made.createTBody();
    for (const cells of rows) {
      body.insertRow().append(...cells.map((text, place) => (place === 0 ? element("th", text, { scope: "row" }) : element("td", text, heads[place][1] ? { class: heads[place][1] } : {}))));
    }
    const region = element("div", null, { class: "scroll", tabindex: "0", role: "region", "aria-label": heads[0][0] });
    region.append(made);
    return region;
  };

  const tests = (loaded) => {
    const found = [];
    for (const { option, data, pairs } of loaded) {
      const labels = data.rows.map(([label]) => label);
      const main = data.columns.find((one) => one.main);
      for (const [place, a] of chosen.entries()) {
        for (const b of chosen.slice(place + 1)) {
          const [i, j] = [labels.indexOf(a), labels.indexOf(b)];
          if (i < 0 || j < 0) continue;
          const error = errorOf(pairs, a, b);
          const difference = main.values[i] - main.values[j];
          const one = { task: option.textContent, a, b, main, difference, scores: [main.values[i], main.values[j]], low: null, high: null, p: null };
          if (error !== null && pairs.tested > 1) {
            const half = student.point(pairs.tested - 1) * error;
            Object.assign(one, { low: difference - half, high: difference + half, p: error > 0 ? student.p(difference / error, pairs.tested - 1) : difference === 0 ? 1 : 0 });
          }
          found.push(one);
        }
      }
    }
    const tested = found.filter((one) => one.p !== null);
    holm(tested.map((one) => one.p)).forEach((p, place) => { tested[place].adjusted = p; });
    return found;
  };
  const significance = (one) => {
    if (one.p === null) return "not tested: no per-item scores";
    if (one.adjusted >= 0.05) return "tied (n.s.)";
    return (one.difference > 0) === (one.main.better === "higher") ? "significantly better" : "significantly worse";
  };
  const scored = (main, signed) => (value) => {
    const digits = /\.(\d)/.exec(main.format ?? "");
    return numbers.score({ share: main.share, unit: main.unit, digits: digits ? Number(digits[1]) : 0 }, value, signed);
  };
  const costs = ({ data }) => {
    const labels = data.rows.map(([label]) => label);
    const rows = chosen.map((label) => labels.indexOf(label));
    return data.columns.filter((one) => one.cost && rows.some((row) => row >= 0 && one.values[row] !== null)).map((one) => {
      const values = rows.map((row) => (row < 0 ? null : one.values[row]));
      return [`${one.title}${one.unit && one.unit !== "B" ? `, ${one.unit}` : ""}`, ...values.map((value, place) => {
        if (value === null) return "—";
        const ratio = place > 0 && values[0] ? ` (× ${short(value / values[0])})` : "";
        return `${one.unit === "B" ? numbers.size(value) : Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : short(value, 4)}${ratio}`;
      })];
    });
  };

  const show = async () => {
    const picked = task.selectedOptions[0];
    if (!picked) { byId("said").textContent = "No results are stored yet."; return; }
    const loaded = await Promise.all(inScope().map(async (option) => ({ option, data: await picks.task(option), pairs: await picks.pairs(option) })));
    const here = loaded.find(({ option }) => option === picked);
    const offered = [...new Set(loaded.flatMap(({ pairs }) => pairs.variants))];
    for (const { data } of loaded) data.rows.forEach(([label], row) => names.set(label, data.shown[row]));
    if (chosen.length === 0) chosen = here.pairs.variants.filter((_, place) => !here.pairs.controls[place]).slice(0, 2);
    picks.fill(add, [["", "choose a configuration"], ...offered.filter((label) => !chosen.includes(label)).map((label) => [label, names.get(label) ?? label])]);
    byId("picked").replaceChildren(...chosen.map((label) => {
      const item = element("li");
      const button = element("button", `${names.get(label) ?? label} ×`, { type: "button", title: label, "aria-label": `Leave out ${names.get(label) ?? label}` });
      button.addEventListener("click", () => { chosen = chosen.filter((one) => one !== label); keep(); show(); });
      item.append(button);
      return item;
    }));
    const found = tests(loaded);
    byId("said").textContent = `${found.length === 1 ? "1 pair" : `${found.length} pairs`} of ${here.pairs.variants.length} configurations on this task`;
    const parts = [element("h2", "Paired differences"), table(
      [["pair"], ["task"], ["metric"], ["scores", "n"], ["difference [95 %]", "n"], ["p, Holm", "n"], ["the first is"]],
      found.map((one) => {
        const [plain, signed] = [scored(one.main, false), scored(one.main, true)];
        return [`${names.get(one.a) ?? one.a} − ${names.get(one.b) ?? one.b}`, one.task, one.main.title, `${plain(one.scores[0])}, ${plain(one.scores[1])}`, `${signed(one.difference)} ${numbers.interval(one.low, one.high, signed)}`.trim(), one.adjusted === undefined ? "—" : numbers.p(one.adjusted), significance(one)];
      }),
    )];
    parts.push(element("h2", `Costs on ${picked.textContent}, and their ratio to the first`), table([["cost"], ...chosen.map((label) => [names.get(label) ?? label, "n"])], costs(here)));
    const figures = chosen.slice(1).flatMap((label) => {
      const [a, b] = [chosen[0], label].map((one) => here.pairs.items[here.pairs.variants.indexOf(one)]);
      return a && b && a.length === b.length ? [scatter(names.get(chosen[0]) ?? chosen[0], names.get(label) ?? label, a, b, here.pairs.all)] : [];
    });
    if (figures.length) parts.push(element("h2", `Items of ${picked.textContent}`), ...figures);
    byId("compare").replaceChildren(...parts);
  };
  const keep = () => state.set({ task: task.value, scope: scope.value === "task" ? "" : scope.value, v: chosen });
  const restore = async () => {
    picks.restore(task, "");
    picks.restore(scope, "task");
    chosen = state.all("v");
    await show();
  };
  task.addEventListener("change", () => { keep(); show(); });
  scope.addEventListener("change", () => { keep(); show(); });
  add.addEventListener("change", () => { if (add.value) { chosen.push(add.value); keep(); show(); } });
  byId("picks").addEventListener("submit", (event) => event.preventDefault());
  byId("picks").hidden = false;
  state.changed(restore);
  restore();
})();
