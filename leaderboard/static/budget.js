// The slider of the byte budget: steps of powers of two, the last is no limit.
"use strict";
weighbridge.budget = (() => {
  const slider = document.getElementById("budget");
  const said = document.getElementById("budget-said");
  const steps = slider ? slider.dataset.steps.split(" ") : ["any"];
  const say = () => {
    const step = steps[Number(slider.value)];
    said.textContent = step === "any" ? "any size" : `at most ${weighbridge.numbers.size(Number(step))}`;
    slider.setAttribute("aria-valuetext", said.textContent);
    [...slider.parentElement.querySelectorAll(".scale span")].forEach((one, place) => one.classList.toggle("here", place === Number(slider.value)));
  };
  return {
    start: () => slider?.dataset.start ?? "any",
    step: () => (slider ? steps[Number(slider.value)] : "any"),
    limit() { const step = this.step(); return step === "any" ? Infinity : Number(step); },
    show(step) {
      if (!slider) return;
      const place = steps.indexOf(step);
      slider.value = String(place < 0 ? steps.length - 1 : place);
      say();
    },
    moved(act) { slider?.addEventListener("input", () => { say(); act(); }); },
  };
})();
