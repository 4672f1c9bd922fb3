// The table of members: filtered, sorted, and drawn as far as the reader scrolls.

const CHUNK = 60; // rows that are added when the reader reaches the end
const head = document.querySelector("#table thead");
const body = document.querySelector("#table tbody");
const filter = document.getElementById("filter");
let drawn = 0; // rows of `view.found` in the table

// Absent values come last in both orders, and numbers before words.
function compare(a, b, falling) {
  if (a === null || b === null) return (a === null) - (b === null);
  const words = typeof a !== "number", others = typeof b !== "number";
  if (words !== others) return words - others;
  const order = words ? String(a).localeCompare(String(b)) : a - b;
  return falling ? -order : order;
}

const TESTS = {
  "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b,
  ">=": (a, b) => a >= b, "=": (a, b) => a === b, "!=": (a, b) => a !== b,
};

function words(i) {
  return sweep.texts[i] ??= sweep.rows[i].map(shown).join("\n").toLowerCase();
}

// Returns one word of the filter as a predicate of a row's index.
function condition(word) {
  const parts = word.match(/^(.+?)(<=|>=|!=|<|>|=)(.+)$/);
  const named = (name) => name.toLowerCase() === parts[1].toLowerCase();
  const column = parts ? sweep.columns.findIndex(named) : -1;
  if (column < 0) return (i) => words(i).includes(word.toLowerCase());
  const test = TESTS[parts[2]], limit = Number(parts[3]);
  return (i) => {
    const value = sweep.rows[i][column];
    if (typeof value !== "number") {
      return test(shown(value).toLowerCase(), parts[3].toLowerCase());
    }
    // Compares the value as shown, so that a reader can filter by a number in the table.
    return test(Number(shown(value)), limit);
  };
}

function brushed() {
  return sweep.places.flatMap((places, axis) => {
    const range = view.brushes.get(sweep.axes[axis].name);
    if (!range) return [];
    const [low, high] = range.map((part) => 1 + STEPS * part);
    return [(i) => places[i] > 0 && low <= places[i] && places[i] <= high];
  });
}

function sort() {
  const { column, falling } = view.sorting, { rows } = sweep;
  view.order = rows.map((_, i) => i);
  if (column < 0) return;
  view.order.sort((i, j) => compare(rows[i][column], rows[j][column], falling) || i - j);
}

function find() {
  const parts = filter.value.replace(/\s*(<=|>=|!=|<|>|=)\s*/g, "$1").split(/\s+/);
  const tests = [...parts.filter(Boolean).map(condition), ...brushed()];
  view.found = view.order.filter((i) => tests.every((test) => test(i)));
}

function showRows() {
  body.replaceChildren();
  drawn = 0;
  more();
  const { column, falling } = view.sorting;
  head.querySelectorAll("th").forEach((th, i) => {
    const order = falling ? "descending" : "ascending";
    th.setAttribute("aria-sort", i === column ? order : "none");
  });
  const count = `${view.found.length} of ${sweep.rows.length}`;
  document.getElementById("shown").textContent = count;
  document.getElementById("passing").textContent = `${count} members are shown.`;
}

function more() {
  const part = view.found.slice(drawn, drawn + CHUNK);
  body.append(...part.map((i) => {
    const tr = make("tr");
    tr.append(...sweep.rows[i].map((value, column) => {
      const own = column === sweep.member;
      const td = make("td", own ? undefined : shown(value));
      if (typeof value === "number") td.className = "number";
      if (own) td.append(button(shown(value), () => choose(i)));
      return td;
    }));
    tr.dataset.row = i;
    tr.classList.toggle("chosen", i === view.chosen);
    return tr;
  }));
  drawn += part.length;
}

function markRow() {
  body.querySelectorAll("tr").forEach((tr) =>
    tr.classList.toggle("chosen", tr.dataset.row === String(view.chosen)));
}

function showHead() {
  const header = make("tr");
  header.append(...sweep.columns.map((name, column) => {
    const th = make("th", undefined, { scope: "col" });
    if (sweep.rows.some((row) => typeof row[column] === "number")) th.className = "number";
    th.append(button(name, () => {
      const again = view.sorting.column === column;
      view.sorting = { column, falling: again && !view.sorting.falling };
      sort();
      refresh();
    }));
    return th;
  }));
  if (head.textContent !== header.textContent) head.replaceChildren(header);
}
