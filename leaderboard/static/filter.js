// Which rows of a table of configurations a reader wants to see.
"use strict";
weighbridge.filter = (data) => {
  const { element } = weighbridge;
  const search = document.getElementById("q");
  const selects = [...document.querySelectorAll("[data-filter]")];
  const methods = data.methods;
  const sizes = data.columns.find((column) => column.key === "size")?.values;
  const fill = (name, values) => {
    const select = selects.find((one) => one.dataset.filter === name);
    for (const value of values) select.append(element("option", value, { value }));
  };
  const sorted = (values) => [...new Set(values)].sort();
  fill("modality", sorted(methods.flatMap((one) => one.modality)));
  fill("tag", sorted(methods.flatMap((one) => one.tags)).filter((tag) => tag !== "trained"));
  fill("year", sorted(methods.map((one) => one.year).filter((year) => year !== null)).reverse());

  const accepts = {
    modality: (method, value) => method.modality.includes(value),
    tag: (method, value) => method.tags.includes(value),
    trained: (method, value) => method.tags.includes("trained") === (value === "yes"),
    year: (method, value) => method.year !== null && method.year >= Number(value),
  };
  return {
    read() {
      const chosen = { q: search.value };
      for (const select of selects) chosen[select.dataset.filter] = select.value;
      return chosen;
    },
    write(get) {
      search.value = get("q");
      for (const select of selects) {
        const value = get(select.dataset.filter);
        select.value = [...select.options].some((option) => option.value === value) ? value : "";
      }
    },
    visible(limit) {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const active = selects.filter((select) => select.value !== "");
      return data.rows.map(([label, place], row) => {
        const method = methods[place];
        const text = `${label} ${method.name} ${method.about} ${method.tags.join(" ")}`.toLowerCase();
        const fits = limit === Infinity || (sizes && sizes[row] !== null && sizes[row] <= limit);
        return Boolean(fits) && words.every((word) => text.includes(word))
          && active.every((select) => accepts[select.dataset.filter](method, select.value));
      });
    },
    changed(act) {
      search.addEventListener("input", act);
      for (const select of selects) select.addEventListener("change", act);
    },
  };
};
