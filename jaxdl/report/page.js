"use strict";
(() => {
  const { columns, rows, epochs, curves, measures, replay, best } = JSON.parse(
    document.getElementById("data").textContent);
  const CHUNK = 200; // rows that are added when the reader reaches the end
  const SVG = "http://www.w3.org/2000/svg";
  const head = document.querySelector("#table thead");
  const body = document.querySelector("#table tbody");
  const filter = document.getElementById("filter");
  const number = document.getElementById("number");
  const memberColumn = columns.indexOf("member");
  const place = new Map(rows.map((row, i) => [row[memberColumn], i]));
  const texts = rows.map((row) => row.map(shown).join("\n").toLowerCase());
  let sorting = { column: -1, falling: false }; // -1: as ranked
  let found = rows.map((_, i) => i); // rows that pass the filter, in order
  let drawn = 0, chosen = null;

  function make(name, content, settings = {}) {
    const node = document.createElement(name);
    if (content !== undefined) node.textContent = content;
    return Object.assign(node, settings);
  }

  function shown(value) {
    if (value === null) return "–";
    if (typeof value !== "number" || Number.isInteger(value)) return String(value);
    return String(Number(value.toPrecision(6)));
  }

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

  // Returns one word of the filter as a predicate of a row's index.
  function condition(word) {
    const parts = word.match(/^(.+?)(<=|>=|!=|<|>|=)(.+)$/);
    const named = (name) => name.toLowerCase() === parts[1].toLowerCase();
    const column = parts ? columns.findIndex(named) : -1;
    if (column < 0) return (i) => texts[i].includes(word.toLowerCase());
    const test = TESTS[parts[2]], limit = Number(parts[3]);
    return (i) => {
      const value = rows[i][column];
      if (typeof value !== "number") {
        return test(shown(value).toLowerCase(), parts[3].toLowerCase());
      }
      // Compares the value as shown, so that a reader can filter by a number in the table.
      return test(Number(shown(value)), limit);
    };
  }

  function update() {
    const words = filter.value.replace(/\s*(<=|>=|!=|<|>|=)\s*/g, "$1").split(/\s+/);
    const conditions = words.filter(Boolean).map(condition);
    found = rows.map((_, i) => i).filter((i) => conditions.every((test) => test(i)));
    const { column, falling } = sorting;
    if (column >= 0) {
      found.sort((i, j) => compare(rows[i][column], rows[j][column], falling) || i - j);
    }
    body.replaceChildren();
    drawn = 0;
    more();
    head.querySelectorAll("th").forEach((th, i) => {
      const order = falling ? "descending" : "ascending";
      th.setAttribute("aria-sort", i === column ? order : "none");
      th.querySelector("span").textContent = i !== column ? "" : falling ? " ▼" : " ▲";
    });
    document.getElementById("shown").textContent = `${found.length} of ${rows.length}`;
  }

  function more() {
    const part = found.slice(drawn, drawn + CHUNK);
    body.append(...part.map((i) => {
      const tr = make("tr");
      tr.append(...rows[i].map((value, column) => {
        const td = make("td", column === memberColumn ? undefined : shown(value));
        if (typeof value === "number") td.className = "number";
        if (column === memberColumn) td.append(button(shown(value), () => choose(value)));
        return td;
      }));
      tr.dataset.member = rows[i][memberColumn];
      tr.classList.toggle("chosen", rows[i][memberColumn] === chosen);
      return tr;
    }));
    drawn += part.length;
  }

  function button(text, act) {
    const made = make("button", text, { type: "button" });
    made.addEventListener("click", act);
    return made;
  }

  function choose(member) {
    const i = place.get(member), target = document.getElementById("chosen");
    if (i === undefined) {
      target.replaceChildren(make("p", `There is no member ${member}.`));
      return;
    }
    chosen = member;
    number.value = member;
    body.querySelectorAll("tr").forEach((tr) =>
      tr.classList.toggle("chosen", tr.dataset.member === String(member)));
    const values = make("dl", undefined, { className: "values" });
    rows[i].forEach((value, column) => {
      const pair = make("div");
      pair.append(make("dt", columns[column]), make("dd", shown(value)));
      values.append(pair);
    });
    const charts = make("div", undefined, { className: "charts" });
    charts.append(...measures.map((what) => chart(what, i)));
    target.replaceChildren(
      values, charts, make("h3", "To train it again, to the same bits"),
      make("pre", replay[0] + member + replay[1]));
  }

  function draw(name, attributes, content) {
    const node = document.createElementNS(SVG, name);
    for (const key of Object.keys(attributes)) node.setAttribute(key, attributes[key]);
    if (content !== undefined) node.textContent = content;
    return node;
  }

  function chart(what, i) {
    const lines = [
      { name: "best", label: "dev, best member", values: curves["dev_" + what][best] },
      { name: "train", label: "train", values: (curves["train_" + what] || [])[i] },
      { name: "dev", label: "dev", values: curves["dev_" + what][i] },
    ].filter((line) => line.values !== undefined); // own metrics have no train curve
    const known = lines.flatMap((line) => line.values).filter((v) => v !== null);
    const low = Math.min(...known, Infinity), high = Math.max(...known, -Infinity);
    const first = epochs[0], last = epochs[epochs.length - 1];
    const x = (e) => 60 + 350 * (last > first ? (e - first) / (last - first) : 0.5);
    const read = low > 0 ? Math.log : Number; // an error of 0 has no logarithm
    const range = read(high) - read(low);
    const y = (v) => 180 - 150 * (range > 0 ? (read(v) - read(low)) / range : 0.5);
    const svg = draw("svg", { viewBox: "0 0 420 235", role: "img" });
    svg.append(draw("title", {}, known.length
      ? `${what} by epoch, from ${shown(low)} to ${shown(high)}`
      : `${what}: no finite value`));
    svg.append(draw("path", { class: "frame", d: "M60 30 V180 H410" }));
    const label = (px, py, anchor, text) =>
      svg.append(draw("text", { x: px, y: py, "text-anchor": anchor }, text));
    if (known.length) {
      label(55, 34, "end", String(Number(high.toPrecision(3))));
      label(55, 184, "end", String(Number(low.toPrecision(3))));
    }
    label(60, 196, "middle", String(first));
    if (last > first) label(410, 196, "middle", String(last));
    label(235, 196, "middle", "epoch");
    label(60, 18, "start", low > 0 ? `${what} (log scale)` : what);
    lines.forEach(({ name, label: text, values }, k) => {
      trace(svg, name, values, x, y);
      const left = 60 + 110 * (2 - k);
      svg.append(draw("path", { class: name, d: `M${left} 218 h24` }));
      label(left + 28, 222, "start", text);
    });
    return svg;
  }

  // A gap stays a gap, and a value between two gaps is a dot.
  function trace(svg, name, values, x, y) {
    let d = "";
    values.forEach((value, k) => {
      if (value === null) return;
      const joined = k > 0 && values[k - 1] !== null;
      const alone = !joined && (k + 1 >= values.length || values[k + 1] === null);
      const at = [x(epochs[k]).toFixed(1), y(value).toFixed(1)];
      if (alone) svg.append(draw("circle", { class: name, cx: at[0], cy: at[1], r: 3 }));
      d += `${joined ? "L" : "M"}${at.join(" ")}`;
    });
    svg.append(draw("path", { class: name, d }));
  }

  const header = make("tr");
  header.append(...columns.map((name, column) => {
    const th = make("th", undefined, { scope: "col" });
    if (rows.some((row) => typeof row[column] === "number")) th.className = "number";
    th.append(button(name, () => {
      const again = sorting.column === column;
      sorting = { column, falling: again && !sorting.falling };
      update();
    }), make("span"));
    return th;
  }));
  head.append(header);
  filter.addEventListener("input", update);
  number.addEventListener("change", () => {
    if (number.value !== "") choose(Number(number.value));
  });
  const box = document.querySelector(".scroll");
  box.addEventListener("scroll", () => {
    if (box.scrollTop + 2 * box.clientHeight > box.scrollHeight) more();
  }, { passive: true });
  addEventListener("beforeprint", () => { while (drawn < found.length) more(); });
  update();
  if (rows.length) choose(rows[best][memberColumn]);
})();
