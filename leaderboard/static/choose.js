// Which columns of a table are shown; the style sheet that hides the others is made here.
"use strict";
weighbridge.choose = (table) => {
  const { element } = weighbridge;
  const heads = [...table.tHead.rows[0].cells];
  const style = document.head.appendChild(element("style"));
  const boxes = heads.map((head, place) => {
    const { key } = head.dataset;
    if (key === "variant") return null;
    const box = element("input", null, { type: "checkbox", id: `column-${place}` });
    const line = element("div");
    line.append(box, element("label", head.innerText.trim(), { for: box.id }));
    document.getElementById("choose").append(line);
    return { box, key, place, usual: head.dataset.extra === undefined };
  }).filter(Boolean);
  const apply = () => {
    const hidden = boxes.filter(({ box }) => !box.checked).map(({ place }) => `#table tr > :nth-child(${place + 1})`);
    style.textContent = hidden.length ? `${hidden.join(",")} { display: none; }` : "";
  };
  return {
    hides: (key) => boxes.some((one) => one.key === key && !one.box.checked),
    // only what differs from the usual choice is written: "+key" is shown, "-key" is hidden
    read: () => boxes.filter(({ box, usual }) => box.checked !== usual).map(({ box, key }) => `${box.checked ? "+" : "-"}${key}`),
    write(changes) {
      for (const { box, key, usual } of boxes) box.checked = usual ? !changes.includes(`-${key}`) : changes.includes(`+${key}`);
      apply();
    },
    changed(act) { for (const { box } of boxes) box.addEventListener("change", () => { apply(); act(); }); },
  };
};
