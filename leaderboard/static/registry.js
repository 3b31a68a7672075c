// Data arrives by script elements, which pages opened from disk may load: each calls put(kind, name, value).
"use strict";
window.weighbridge = (() => {
  const held = new Map();
  const loading = new Map();
  return {
    put(kind, name, value) { held.set(`${kind}\n${name}`, value); },
    get(kind, name) { return held.get(`${kind}\n${name}`); },
    load(src) {
      if (!loading.has(src)) {
        loading.set(src, new Promise((resolve, reject) => {
          const script = document.createElement("script");
          script.src = src;
          script.addEventListener("load", () => resolve());
          script.addEventListener("error", () => reject(new Error(`${src} is missing`)));
          document.head.append(script);
        }));
      }
      return loading.get(src);
    },
    element(tag, text, attributes = {}) {
      const made = document.createElement(tag);
      if (text !== undefined && text !== null) made.textContent = text;
      for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
      return made;
    },
  };
})();
