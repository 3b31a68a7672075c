// Sorting a table by a column: numbers by value, texts by alphabet, what is missing last.
"use strict";
weighbridge.sort = (table, values) => {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
  let chosen = "";
  const apply = (wanted) => {
    const key = wanted.replace(/^-/, "");
    const column = values(key);
    chosen = column ? wanted : "";
    const sign = chosen.startsWith("-") ? -1 : 1;
    const order = rows.map((_, place) => place);
    if (column) {
      order.sort((a, b) => {
        const [x, y] = [column[a], column[b]];
        if (x === null || x === undefined) return y === null || y === undefined ? a - b : 1;
        if (y === null || y === undefined) return -1;
        return sign * compare(x, y) || a - b;
      });
    }
    body.append(...order.map((place) => rows[place]));
    for (const head of heads) {
      if (head.dataset.key === key && column) head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
  };
  return {
    rows,
    apply,
    onChoice(act) {
      for (const head of heads) {
        const button = weighbridge.element("button", null, { type: "button" });
        button.append(...head.childNodes);
        head.append(button);
        button.addEventListener("click", () => {
          const { key } = head.dataset;
          const down = head.dataset.better === "higher";
          const [first, second] = down ? [`-${key}`, key] : [key, `-${key}`];
          apply(chosen === first ? second : chosen === second ? "" : first);
          act(chosen);
        });
      }
    },
  };
};
