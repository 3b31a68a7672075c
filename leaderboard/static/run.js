// A number's way: a score opens all that is stored of its runs: scores and costs a seed, key, commit, machine, command.
"use strict";
(() => {
  const { element } = weighbridge;
  const { home } = document.body.dataset;
  let dialog = null;
  const short = (value) => (typeof value === "number" ? String(Number(value.toPrecision(6))).replace("-", "−") : String(value));
  const table = (heads, rows) => {
    const made = element("table", null, { class: "nums" });
    const line = made.createTHead().insertRow();
    for (const text of heads) line.append(element("th", text, { scope: "col", class: "n" }));
    const body = made.createTBody();
    for (const [first, ...rest] of rows) body.insertRow().append(element("th", first, { scope: "row" }), ...rest.map((text) => element("td", text)));
    const region = element("div", null, { class: "scroll", tabindex: "0", role: "region", "aria-label": heads[0] });
    region.append(made);
    return region;
  };
  const facts = (pairs) => {
    const list = element("dl", null, { class: "facts" });
    for (const [name, value] of pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")) {
      const one = element("div");
      one.append(element("dt", name), element("dd", short(value)));
      list.append(one);
    }
    return list;
  };
  const one = (task, data, label) => {
    const runs = data.runs.find(([name]) => name === label)?.[1];
    const made = element("section");
    made.append(element("h3", task));
    if (!runs) { made.append(element("p", "Nothing is stored of it here.")); return made; }
    const names = (key) => [...new Set(runs.flatMap((run) => Object.keys(run[key])))];
    const seeds = runs.map((run) => `seed ${run.seed}${run.stale ? ", stale" : ""}`);
    const lines = (key) => names(key).map((name) => [name, ...runs.map((run) => (run[key][name] === undefined ? "—" : short(run[key][name])))]);
    made.append(table(["", ...seeds], [["status", ...runs.map((run) => run.status)], ...lines("scores"), ...lines("costs")]));
    for (const { seed, sheet } of runs) {
      if (!sheet) continue;
      const figure = element("figure");
      figure.append(element("img", null, { src: home + sheet.src, width: sheet.width, height: sheet.height, alt: sheet.alt, loading: "lazy" }), element("figcaption", `Seed ${seed}. From the top: ${sheet.rows.join("; ")}.`));
      const sheets = element("div", null, { class: "sheets" });
      sheets.append(figure);
      made.append(sheets);
    }
    for (const run of runs) {
      if (run.reason) made.append(element("p", `seed ${run.seed}: ${run.reason}`, { class: "reason" }));
    }
    const last = runs[runs.length - 1];
    made.append(facts([["key", runs.map((run) => run.key).join(", ")], ["commit", last.commit], ["measured", last.started], ["seconds", last.seconds], ...Object.entries(data.shared[last.machine] ?? {})]));
    made.append(element("pre", last.command, { class: "command", tabindex: "0" }));
    const whole = { configuration: label, task, runs: runs.map((run) => ({ ...run, machine: data.shared[run.machine], code: data.shared[run.code], packages: data.shared[run.packages], weights: data.shared[run.weights] })) };
    const json = element("details");
    json.append(element("summary", "JSON"), element("pre", JSON.stringify(whole, null, 1), { tabindex: "0" }));
    made.append(json);
    return made;
  };
  const open = async (link) => {
    const label = link.dataset.run;
    const [names, files] = ["tasks", "srcs"].map((key) => (link.dataset[key] ?? "").split("\n").filter(Boolean));
    if (!dialog) {
      dialog = element("dialog", null, { class: "run", "aria-labelledby": "run-title" });
      document.body.append(dialog);
      dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    }
    const close = element("button", "Close", { type: "button" });
    close.addEventListener("click", () => dialog.close());
    const head = element("header");
    head.append(element("h2", label, { id: "run-title" }), close);
    const body = element("div", null, { class: "body" });
    dialog.replaceChildren(head, body);
    dialog.showModal();
    for (const [place, name] of names.entries()) {
      try {
        await weighbridge.load(home + files[place]);
        body.append(one(name, weighbridge.get("runs", name), label));
      } catch (error) {
        body.append(element("p", error.message));
      }
    }
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-run]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (!link.dataset.srcs) return;
    event.preventDefault();
    open(link);
  });
})();
