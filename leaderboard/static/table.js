// A table of configurations: sort, filter, choose columns, budget, CSV, all of it in the address.
"use strict";
(() => {
  const { state, budget, csv } = weighbridge;
  const table = document.getElementById("table");
  const data = weighbridge.get("table", table.dataset.table);
  const columns = new Map(data.columns.map((column) => [column.key, column]));
  const labels = data.rows.map(([label]) => label);
  const values = (key) => (key === "variant" ? labels : columns.get(key)?.values ?? null);
  for (const head of table.tHead.rows[0].cells) {
    const better = columns.get(head.dataset.key)?.better;
    if (better) head.dataset.better = better;
  }
  const choice = weighbridge.choose(table);
  const order = weighbridge.sort(table, values);
  const filter = weighbridge.filter(data);
  const form = document.getElementById("filters");
  form.hidden = false;

  let seen = [];
  const show = () => {
    seen = filter.visible(budget.limit());
    order.rows.forEach((row, place) => { row.hidden = !seen[place]; });
    const count = seen.filter(Boolean).length;
    document.getElementById("shown").textContent = count || !seen.length ? `${count} of ${seen.length} configurations shown` : "Nothing matches – reset shows all";
  };
  const restore = () => {
    budget.show(state.get("budget") || "any");
    filter.write(state.get);
    choice.write(state.all("column"));
    order.apply(state.get("sort"));
    show();
  };
  const keep = () => {
    state.set({ ...filter.read(), budget: budget.step() === "any" ? "" : budget.step() });
    show();
  };
  filter.changed(keep);
  budget.moved(keep);
  choice.changed(() => state.set({ column: choice.read() }));
  order.onChoice((sort) => state.set({ sort }));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    history.replaceState(null, "", location.href.split("#")[0]);
    restore();
  });
  document.getElementById("csv").addEventListener("click", () => {
    const heads = [...table.tHead.rows[0].cells].map((head) => head.dataset.key).filter((key) => !choice.hides(key));
    const keys = heads.flatMap((key) => (key === "low" ? ["low", "high"] : [key]));
    const places = [...table.tBodies[0].rows].map((row) => order.rows.indexOf(row)).filter((place) => seen[place]);
    const lines = [csv.line(keys), ...places.map((place) => csv.line(keys.map((key) => values(key)?.[place])))];
    csv.save("weighbridge.csv", `${lines.join("\r\n")}\r\n`);
  });
  state.changed(restore);
  restore();
})();
