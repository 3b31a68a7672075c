// A long table whose rows are drawn as they are looked at.
"use strict";
weighbridge.lazy = (body, region, make, block = 80) => {
  let rows = [];
  let drawn = 0;
  const more = weighbridge.element("tr", null, { class: "sentinel", "aria-hidden": "true" });
  more.append(weighbridge.element("td", null, { colspan: "20" }));
  const draw = () => {
    const next = rows.slice(drawn, drawn + block);
    more.before(...next.map(make));
    drawn += next.length;
    more.hidden = drawn >= rows.length;
  };
  new IntersectionObserver((found) => { if (found.some((one) => one.isIntersecting)) draw(); }, { root: region, rootMargin: "400px" }).observe(more);
  return (wanted) => {
    rows = wanted;
    drawn = 0;
    body.replaceChildren(more);
    region.scrollTop = 0;
    draw();
  };
};
