// The slider of the byte budget: steps of powers of two, the last is no limit.
"use strict";
weighbridge.budget = (() => {
  const slider = document.getElementById("budget");
  const said = document.getElementById("budget-said");
  const steps = slider ? slider.dataset.steps.split(" ") : ["any"];
  const say = () => {
    const step = steps[Number(slider.value)];
    said.textContent = step === "any" ? "any size" : `at most ${Number(step).toLocaleString("en")} bytes`;
    slider.setAttribute("aria-valuetext", said.textContent);
  };
  return {
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
