// The search box of every page: papers, methods, arXiv numbers, tasks. The key "/" leads to it.
"use strict";
(() => {
  const { element } = weighbridge;
  const { home } = document.body.dataset;
  const box = document.getElementById("find");
  const list = document.getElementById("found");
  let entries = null;
  let at = -1;
  box.closest(".search").hidden = false;
  const load = async () => {
    if (entries) return;
    await weighbridge.load(`${home}data/search.js`);
    entries = weighbridge.get("search", "all").map((one) => ({ one, name: one[1].toLowerCase(), text: `${one[1]} ${one[2]}`.toLowerCase() }));
  };
  const close = () => { list.hidden = true; box.setAttribute("aria-expanded", "false"); box.removeAttribute("aria-activedescendant"); at = -1; };
  const mark = () => {
    [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === at)));
    if (at >= 0) { box.setAttribute("aria-activedescendant", `found-${at}`); list.children[at].scrollIntoView({ block: "nearest" }); }
    else box.removeAttribute("aria-activedescendant");
  };
  const show = async () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) { close(); return; }
    await load();
    const hits = entries.filter(({ text }) => words.every((word) => text.includes(word)));
    const phrase = words.join(" ");
    const worth = ({ name, text }) => (name.includes(phrase) ? 3 : text.includes(phrase) ? 2 : words.every((word) => name.includes(word)) ? 1 : 0);
    hits.sort((a, b) => worth(b) - worth(a));
    list.replaceChildren(...hits.slice(0, 12).map(({ one: [what, name, words_, href] }, place) => {
      const item = element("li", null, { role: "option", id: `found-${place}`, "aria-selected": "false" });
      const link = element("a", null, { href: home + href, tabindex: "-1" });
      link.append(element("span", what, { class: "what" }), element("b", name), element("small", words_));
      item.append(link);
      return item;
    }));
    if (!hits.length) list.replaceChildren(element("li", "Nothing matches", { role: "option", "aria-selected": "false", "aria-disabled": "true", class: "none" }));
    at = hits.length ? 0 : -1;
    list.hidden = false;
    box.setAttribute("aria-expanded", "true");
    mark();
  };
  box.addEventListener("focus", load);
  box.addEventListener("input", show);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { box.value = ""; close(); box.blur(); return; }
    if (list.hidden) return;
    const last = list.children.length - 1;
    if (event.key === "ArrowDown") at = at >= last ? 0 : at + 1;
    else if (event.key === "ArrowUp") at = at <= 0 ? last : at - 1;
    else if (event.key === "Enter") { const link = list.children[Math.max(at, 0)]?.querySelector("a"); if (link) location.href = link.href; event.preventDefault(); return; }
    else return;
    event.preventDefault();
    mark();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? "") && document.activeElement.type !== "range" && document.activeElement.type !== "checkbox") return;
    event.preventDefault();
    box.focus();
    box.select();
  });
  document.addEventListener("click", (event) => { if (!event.target.closest?.(".search")) close(); });
})();
