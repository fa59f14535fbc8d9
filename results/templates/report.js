// Tables sort by the column whose heading is pressed; figures open at their full size. Nothing is lost without it.
"use strict";
const SIZES = { ms: 1e-3, s: 1, min: 60, h: 3600, kB: 1e3, MB: 1e6, GB: 1e9 };

function valueOf(text) {
  const parts = [...text.matchAll(/(-?[\d,]*\.?\d+(?:e[-+]?\d+)?) *(ms|s|min|h|kB|MB|GB)?\b/g)];
  if (!/^[-~\d.]/.test(text) || !parts.length) return NaN;
  const sizes = parts.map(([, number, unit]) => Number(number.replaceAll(",", "")) * (SIZES[unit] ?? 1));
  return parts[0][2] ? sizes.reduce((sum, size) => sum + size) : sizes[0]; // 3 min 05 s, but 58 (2 failed)
}

function compare(a, b, direction) {
  const [isEmptyA, isEmptyB] = [a, b].map((text) => text === "" || text === "–");
  if (isEmptyA || isEmptyB) return isEmptyA - isEmptyB; // last in both directions
  const [x, y] = [valueOf(a), valueOf(b)];
  return direction * (isNaN(x) || isNaN(y) ? a.localeCompare(b, "en", { numeric: true }) : x - y);
}

function makeSortable(table) {
  const methods = [...table.querySelectorAll("tbody.method")]; // a method's lines stay together
  const [parent, items] = methods.length ? [table, methods] : [table.tBodies[0], [...table.tBodies[0].rows]];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    if (!heading.textContent.trim()) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    const cell = (item) => (item.rows ? item.rows[0] : item).cells[column].textContent.trim();
    button.addEventListener("click", () => {
      const next = { none: "ascending", ascending: "descending", descending: "none" }[heading.ariaSort ?? "none"];
      headings.forEach((each) => (each.ariaSort = null));
      const direction = { ascending: 1, descending: -1 }[next];
      if (direction) heading.ariaSort = next;
      parent.append(...(direction ? [...items].sort((a, b) => compare(cell(a), cell(b), direction)) : items));
    });
  });
}

document.querySelectorAll("table").forEach(makeSortable);

const dialog = document.body.appendChild(document.createElement("dialog"));
dialog.addEventListener("click", () => dialog.close());
document.querySelectorAll(".zoom").forEach((button) =>
  button.addEventListener("click", () => {
    const picture = button.firstElementChild.cloneNode();
    picture.removeAttribute("width");
    dialog.replaceChildren(picture);
    dialog.showModal();
  }),
);
