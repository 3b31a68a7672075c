// A CSV file of rows, made in the page. A text that a spreadsheet would take for a formula gets an apostrophe.
"use strict";
weighbridge.csv = {
  line(cells) {
    return cells.map((cell) => {
      if (cell === null || cell === undefined) return "";
      if (typeof cell === "number") return String(cell);
      const inert = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
      return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
    }).join(",");
  },
  save(name, text, type = "text/csv") {
    const address = URL.createObjectURL(new Blob([text], { type }));
    const link = weighbridge.element("a", null, { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  },
};
