// Small charts on the pages of tasks and methods; a click on a point opens its method.
"use strict";
(() => {
  const { chart, taskchart } = weighbridge;
  const { home } = document.body.dataset;
  const draw = async (figure) => {
    await weighbridge.load(home + figure.dataset.src);
    const data = weighbridge.get("table", figure.dataset.name);
    const method = figure.dataset.method ?? null;
    const found = taskchart(data, { method, controls: method !== null });
    if (method !== null) for (const point of found.points) point.strong = point.method === method && !point.control && found.points.filter((one) => one.method === method).length <= 3;
    const width = Math.max(260, figure.clientWidth);
    chart(figure, { ...found, levels: [], width, height: Math.round(Math.min(340, width * 0.62)), label: `Chart of ${data.title}`, names: method === null });
  };
  for (const place of document.querySelectorAll(".minis")) place.hidden = false;
  const figures = [...document.querySelectorAll(".chart.mini")];
  const watcher = new IntersectionObserver((found) => {
    for (const { target, isIntersecting } of found) if (isIntersecting) { watcher.unobserve(target); draw(target); }
  }, { rootMargin: "200px" });
  for (const figure of figures) watcher.observe(figure);
})();
