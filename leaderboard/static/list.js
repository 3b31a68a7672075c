// A list of claims or cells: search, and one select a field of its rows.
"use strict";
(() => {
  const { state } = weighbridge;
  const form = document.querySelector("[data-list]");
  const table = document.getElementById(form.dataset.list);
  const rows = [...table.tBodies[0].rows].filter((row) => Object.keys(row.dataset).length > 0);
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const search = document.getElementById("q");
  const selects = [...form.querySelectorAll("[data-field]")];
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());

  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((row, place) => {
      const fits = words.every((word) => texts[place].includes(word))
        && selects.every((select) => select.value === "" || row.dataset[select.dataset.field] === select.value);
      row.hidden = !fits;
      count += fits ? 1 : 0;
    });
    document.getElementById("shown").textContent = `${count} of ${rows.length} shown`;
  };
  const restore = () => {
    search.value = state.get("q");
    for (const select of selects) {
      const value = state.get(select.dataset.field);
      select.value = [...select.options].some((option) => option.value === value) ? value : "";
    }
    show();
  };
  const keep = () => {
    state.set({ q: search.value, ...Object.fromEntries(selects.map((select) => [select.dataset.field, select.value])) });
    show();
  };
  search.addEventListener("input", keep);
  for (const select of selects) select.addEventListener("change", keep);
  state.changed(restore);
  restore();
})();
