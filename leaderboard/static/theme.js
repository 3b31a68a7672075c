// Light, dark, or as the system says; runs before the page is drawn.
(() => {
  "use strict";
  const names = ["automatic", "light", "dark"];
  const read = () => { try { return localStorage.getItem("weighbridge-theme"); } catch { return null; } };
  const keep = (name) => { try { localStorage.setItem("weighbridge-theme", name); } catch { /* private window */ } };
  let current = names.includes(read()) ? read() : "automatic";
  const apply = () => {
    if (current === "automatic") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = current;
  };
  apply();
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const say = () => { button.textContent = `Theme: ${current}`; };
    button.hidden = false;
    say();
    button.addEventListener("click", () => {
      current = names[(names.indexOf(current) + 1) % names.length];
      keep(current);
      apply();
      say();
      document.dispatchEvent(new Event("themechange"));
    });
  });
})();
