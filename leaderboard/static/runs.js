// Every run: filtered in memory, drawn as it is looked at; a click opens all that is stored of it.
"use strict";
(() => {
  const { state, element, lazy, numbers } = weighbridge;
  const byId = (id) => document.getElementById(id);
  const data = weighbridge.get("runs", "all");
  const [search, status, family] = ["q", "f-status", "f-family"].map(byId);
  const form = byId("filters");
  const table = byId("runs");
  for (const name of data.statuses) status.append(element("option", name, { value: name }));
  const texts = data.rows.map(([label, task, , , , reason]) => `${data.labels[label].join(" ")} ${data.tasks[task][0]} ${reason < 0 ? "" : data.reasons[reason]}`.toLowerCase());
  const make = ([label, task, seed, ended, score, reason]) => {
    const row = element("tr");
    const name = data.statuses[ended];
    const first = element("td");
    first.append(element("a", name, { class: `status ${name.replaceAll(" ", "-")}`, href: "#", "data-run": data.labels[label][0], "data-tasks": data.tasks[task][0], "data-srcs": data.tasks[task][3] }));
    const head = element("th", null, { scope: "row" });
    head.append(element("bdi", data.labels[label][1], { title: data.labels[label][0] }));
    const why = element("td", null, { class: "long" });
    why.append(element("bdi", reason < 0 ? "" : data.reasons[reason]));
    row.append(first, head, element("td", data.tasks[task][0]), element("td", String(seed), { class: "n" }), element("td", numbers.missing(score) ? "—" : String(Number(score.toPrecision(4))).replace("-", "−"), { class: "n" }), why);
    return row;
  };
  const show = lazy(table.tBodies[0], table.closest(".scroll"), make);
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = data.rows.filter((row, place) => (status.value === "" || data.statuses[row[3]] === status.value)
      && (family.value === "" || data.tasks[row[1]][2] === family.value) && words.every((word) => texts[place].includes(word)));
    byId("shown").textContent = rows.length ? `${rows.length.toLocaleString("en")} of ${data.rows.length.toLocaleString("en")} runs` : "Nothing matches";
    show(rows);
  };
  const set = (select, value) => { select.value = [...select.options].some((option) => option.value === value) ? value : ""; };
  const restore = () => {
    search.value = state.get("q");
    set(status, state.get("status"));
    set(family, state.get("family"));
    apply();
  };
  const keep = () => { state.set({ q: search.value, status: status.value, family: family.value }); apply(); };
  search.addEventListener("input", keep);
  for (const select of [status, family]) select.addEventListener("change", keep);
  form.addEventListener("submit", (event) => event.preventDefault());
  byId("reset").addEventListener("click", () => { history.replaceState(null, "", location.href.split("#")[0]); restore(); });
  form.hidden = false;
  state.changed(restore);
  restore();
})();
