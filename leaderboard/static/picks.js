// Selects that restore themselves from the address, and the numbers of a task, loaded when it is picked.
"use strict";
weighbridge.picks = (() => {
  const { state, element } = weighbridge;
  const { home } = document.body.dataset;
  return {
    restore(select, usual) {
      const wanted = state.get(select.id) || usual;
      const known = [...select.options].some((option) => option.value === wanted);
      if (known) select.value = wanted;
      else if (select.options.length) select.selectedIndex = 0;
    },
    fill(select, options) {
      select.replaceChildren(...options.map(([value, text]) => element("option", text, { value })));
    },
    async task(option) {
      await weighbridge.load(home + option.dataset.src);
      return weighbridge.get("table", option.value);
    },
    async pairs(option) {
      await weighbridge.load(home + option.dataset.pairs);
      return weighbridge.get("pairs", option.value);
    },
    href: (option) => home + option.dataset.href,
  };
})();
