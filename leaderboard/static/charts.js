// The charts page: pickers, drawing, export, and the front as a table.
"use strict";
(() => {
  const { state, picks, chart, taskchart, legend, element } = weighbridge;
  const byId = (id) => document.getElementById(id);
  const [task, y, x, xScale, yScale, controls] = ["task", "y", "x", "xscale", "yscale", "controls-too"].map(byId);
  const place = byId("chart");
  const kinds = [["multi", "Multi-vector"], ["binary", "Binary"], ["codes", "Codes"], ["sparse", "Sparse, lexical"], ["scalar", "Quantised"], ["cut", "Fewer dimensions"], ["dense", "Dense"], ["other", "Other"]];
  let data = null;

  const list = (found) => {
    const table = element("table", null, { class: "nums" });
    const head = table.createTHead().insertRow();
    for (const [text, kind] of [["configuration", ""], [found.y.title, "n"], [found.x.title, "n"]]) head.append(element("th", text, { scope: "col", class: kind }));
    const body = table.createTBody();
    for (const point of found.front) {
      const row = body.insertRow();
      const first = element("th", null, { scope: "row" });
      first.append(element("a", point.name, { href: point.href, title: point.label }));
      row.append(first, element("td", found.y.text(point.y)), element("td", found.x.text(point.x)));
    }
    byId("front").replaceChildren(table);
    byId("front").hidden = byId("front-title").hidden = found.front.length === 0;
  };
  const draw = () => {
    const found = taskchart(data, { x: x.value, y: y.value, xLog: xScale.value === "log", yLog: yScale.value === "log", controls: controls.checked });
    list(found);
    byId("said").textContent = `${found.points.length} configurations drawn, ${found.front.length} of them on the front`
      + (found.left ? `; ${found.left} have no value that this chart can show` : "");
    const width = Math.max(300, place.clientWidth);
    chart(place, { ...found, width, height: Math.max(300, Math.min(640, Math.round(width * 0.5))), label: `Chart of ${data.title}` });
    legend(place, kinds, new Set(found.points.map((point) => point.kind)));
  };
  const open = async () => {
    const option = task.selectedOptions[0];
    if (!option) { byId("said").textContent = "No results are stored yet."; return; }
    data = await picks.task(option);
    const having = data.columns.filter((one) => one.title && one.values?.some((value) => value !== null));
    picks.fill(y, having.filter((one) => !one.cost).map((one) => [one.key, one.title]));
    picks.fill(x, having.filter((one) => one.cost).map((one) => [one.key, one.key === "size" ? "bytes, fitted ones shared out" : one.title]));
    picks.restore(y, data.columns.find((one) => one.main).key);
    picks.restore(x, "size");
    if (!y.value || !x.value) { byId("said").textContent = "No configuration of this task has a score and a cost."; place.replaceChildren(); return; }
    draw();
  };
  const restore = async () => {
    for (const [select, usual] of [[task, ""], [xScale, "log"], [yScale, "linear"]]) picks.restore(select, usual);
    controls.checked = state.get("controls") === "yes";
    await open();
  };
  const keep = () => state.set({ task: task.value, y: y.value, x: x.value, xscale: xScale.value, yscale: yScale.value, controls: controls.checked ? "yes" : "" });

  // what is exported carries the colours of the page, for it is read without its style sheet
  const exported = () => {
    const svg = place.querySelector("svg").cloneNode(true);
    const own = [...place.querySelectorAll("svg *")];
    [...svg.querySelectorAll("*")].forEach((made, at) => {
      const style = getComputedStyle(own[at]);
      for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "fill-opacity", "font-size", "font-family"]) made.setAttribute(name, style.getPropertyValue(name));
      made.removeAttribute("href");
    });
    svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    svg.setAttribute("style", `background:${getComputedStyle(document.body).backgroundColor}`);
    return new XMLSerializer().serializeToString(svg);
  };
  const save = (address, ending) => {
    const link = element("a", null, { href: address, download: `chart.${ending}` });
    document.body.append(link);
    link.click();
    link.remove();
  };
  byId("svg").addEventListener("click", () => {
    const address = URL.createObjectURL(new Blob([exported()], { type: "image/svg+xml" }));
    save(address, "svg");
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  });
  byId("png").addEventListener("click", () => {
    const image = new Image();
    image.addEventListener("load", () => {
      const canvas = element("canvas", null, { width: 2 * image.width, height: 2 * image.height });
      const pen = canvas.getContext("2d");
      pen.fillStyle = getComputedStyle(document.body).backgroundColor;
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.scale(2, 2);
      pen.drawImage(image, 0, 0);
      save(canvas.toDataURL("image/png"), "png");
    });
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(exported())}`;
  });
  task.addEventListener("change", async () => { state.set({ task: task.value, y: "", x: "" }); await open(); });
  for (const select of [y, x, xScale, yScale, controls]) select.addEventListener("change", () => { keep(); draw(); });
  byId("picks").addEventListener("submit", (event) => event.preventDefault());
  byId("picks").hidden = false;
  state.changed(restore);
  let waiting = 0;
  let wide = innerWidth;
  addEventListener("resize", () => { if (innerWidth === wide) return; wide = innerWidth; clearTimeout(waiting); waiting = setTimeout(() => data && draw(), 150); });
  restore();
})();
