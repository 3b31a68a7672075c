// The overview: the panel of the chosen budget, the families of the chosen modality.
"use strict";
(() => {
  const { state, budget } = weighbridge;
  const modality = document.getElementById("modality");
  document.getElementById("controls").hidden = false;
  document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault());

  const show = () => {
    const step = budget.step();
    for (const panel of document.querySelectorAll(".panel")) {
      panel.hidden = !panel.dataset.budgets.split(" ").includes(step);
    }
    for (const card of document.querySelectorAll(".card")) {
      card.hidden = modality.value !== "" && !card.dataset.modalities.split(" ").includes(modality.value);
    }
    for (const group of document.querySelectorAll(".group")) {
      group.hidden = !group.querySelector(".card:not([hidden])");
    }
  };
  const restore = () => {
    budget.show(state.get("budget") || "any");
    const wanted = state.get("reads");
    modality.value = [...modality.options].some((option) => option.value === wanted) ? wanted : "";
    show();
  };
  const choose = () => {
    state.set({ budget: budget.step() === "any" ? "" : budget.step(), reads: modality.value });
    show();
  };
  budget.moved(choose);
  modality.addEventListener("change", choose);
  state.changed(restore);
  restore();
})();
