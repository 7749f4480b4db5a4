"use strict";
// Sort a table by a click on a column's heading; enlarge a figure by a click on it. The page reads the same without.
const decimalComma = new Intl.NumberFormat(document.documentElement.lang).format(0.5).includes(",");

function valueOf(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.sort ?? cell.textContent.trim();
  const plain = text.replace(/[\s\u00a0]/g, "").replace("−", "-");
  const number = parseFloat(cell.dataset.sort ? text : decimalComma ? plain.replace(",", ".") : plain.replaceAll(",", ""));
  return Number.isNaN(number) ? text : number;
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return typeof a === typeof b ? a.localeCompare(b, document.documentElement.lang) : typeof a === "number" ? -1 : 1;
}

for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const direction = heading.getAttribute("aria-sort") === "descending" ? "ascending" : "descending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", direction);
      const sign = direction === "ascending" ? 1 : -1;
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => sign * compare(valueOf(a, column), valueOf(b, column)));
      table.tBodies[0].append(...rows);
    });
  });
}

const dialog = document.createElement("dialog");
document.body.append(dialog);
dialog.addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => dialog.replaceChildren()); // ids stand once in a page
for (const image of document.querySelectorAll("figure > svg")) {
  const button = document.createElement("button");
  button.className = "enlarge";
  button.title = document.body.dataset.enlarge;
  image.replaceWith(button);
  button.append(image);
  button.addEventListener("click", () => {
    dialog.setAttribute("aria-label", image.querySelector("title").textContent);
    dialog.replaceChildren(image.cloneNode(true));
    dialog.showModal();
  });
}

// A table that is wider than the screen can be scrolled from the keyboard too.
function allowScrolling() {
  for (const table of document.querySelectorAll("table")) {
    if (table.scrollWidth > table.clientWidth) table.tabIndex = 0;
    else table.removeAttribute("tabindex");
  }
}
allowScrolling();
addEventListener("resize", allowScrolling);
{% include "network.js" %}
{% include "explorer.js" %}
