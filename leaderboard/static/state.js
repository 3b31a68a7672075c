// What the reader chose, kept in the fragment of the address, so that a view can be shared.
"use strict";
weighbridge.state = (() => {
  const read = () => new URLSearchParams(location.hash.slice(1));
  return {
    get(name) { return read().get(name) ?? ""; },
    all(name) { return read().getAll(name); },
    set(changes) {
      const now = read();
      // a fragment that names a place in the page holds no state
      if (!location.hash.includes("=")) for (const name of [...now.keys()]) now.delete(name);
      for (const [name, value] of Object.entries(changes)) {
        now.delete(name);
        for (const one of Array.isArray(value) ? value : [value]) if (one !== "") now.append(name, one);
      }
      const text = now.toString();
      if (text === location.hash.slice(1)) return;
      history.replaceState(null, "", text ? `#${text}` : location.href.split("#")[0]);
    },
    changed(act) { window.addEventListener("hashchange", act); },
  };
})();
