// What the parts of the page do together, and its start.

const number = document.getElementById("number");
const PAUSE = 1000; // milliseconds between two questions to the server, at least
const SHARE = 30; // the pause is as long as this many answers: reading spares the sweep
const waiting = new Set(); // what the next frame does

// Does something once in the next frame. Of several wishes of one kind the last counts.
function soon(act) {
  const kind = act === refresh ? act : "hover";
  for (const wish of waiting) if (wish.kind === kind) waiting.delete(wish);
  if (!waiting.size) requestAnimationFrame(() => {
    const wishes = [...waiting];
    waiting.clear();
    wishes.forEach((wish) => wish.act());
  });
  waiting.add({ kind, act });
}

// Shows the members that pass the filter and the brushes, everywhere.
function refresh() {
  find();
  showRows();
  if (sweep.places.length) {
    drawLines();
    drawCrowds();
  }
}

function named(i) {
  const axis = sweep.axes[sweep.axes.length - 1].name;
  const score = sweep.columns.indexOf(axis.replaceAll(" ", "_"));
  const value = score < 0 ? "" : `: ${axis} ${shown(sweep.rows[i][score])}`;
  return `member ${sweep.rows[i][sweep.member]}${value}`;
}

function hover(i) {
  if (i === view.hovered) return;
  view.hovered = i;
  document.getElementById("under").textContent = i === null ? "" : named(i);
  drawMarks();
  drawSeries();
}

function choose(i) {
  view.own = true;
  showMember(i);
}

function showMember(i) {
  view.chosen = i;
  const member = sweep.rows[i][sweep.member];
  number.value = member;
  markRow();
  const values = make("dl", undefined, { className: "values" });
  sweep.rows[i].forEach((value, column) => {
    const pair = make("div");
    pair.append(make("dt", sweep.columns[column]), make("dd", shown(value)));
    values.append(pair);
  });
  document.getElementById("chosen").replaceChildren(
    values, make("h3", "To train it again, to the same bits"),
    ...(sweep.command ? [make("pre", sweep.command + member)] : []),
    make("pre", sweep.replay[0] + member + sweep.replay[1]));
  document.getElementById("which").textContent = named(i);
  if (!sweep.places.length) return;
  drawMarks();
  drawSeries();
}

function clear() {
  view.brushes.clear();
  filter.value = "";
  document.getElementById("clear").focus();
  showSliders();
  refresh();
}

// Shows new contents, the table at once and the curves when they are unpacked.
function show(told, codes) {
  accept(told, codes);
  showHead();
  sort();
  if (codes) {
    document.getElementById("explore").hidden = false;
    makeSliders();
    makeCharts();
  }
  const before = { drawn, top: box.scrollTop };
  refresh();
  while (drawn < Math.min(before.drawn, view.found.length)) more();
  box.scrollTop = before.top;
  const chosen = view.own ? view.chosen : null;
  if (sweep.rows.length) showMember(chosen ?? sweep.best);
}

// Asks the server for contents that are newer than those seen, and shows them.
async function follow() {
  const say = (id, text) => { document.getElementById(id).textContent = text; };
  let seen = "", took = 0; // milliseconds of the last answer
  for (;; await new Promise((done) => setTimeout(done, Math.max(PAUSE, SHARE * took)))) {
    const asked = performance.now(), first = !sweep.rows;
    try {
      const answer = await fetch(`contents?seen=${seen}`);
      if (answer.status === 204) continue;
      const { version, problem, summary, ...told } = await answer.json();
      if (told.rows) show(told, await unpack(told.numbers));
      seen = version;
      if (summary) say("summary", summary);
      say("problem", problem ?? "");
    } catch {
      say("problem", "The server does not answer; the page shows what it knew last. "
        + "If the sweep has ended, `jaxdl watch RUN FILE` shows its end.");
    } finally {
      took = first ? 0 : performance.now() - asked; // the first one traces the recipe
    }
  }
}

function redraw() {
  if (!sweep.rows) return;
  fitCharts();
  drawLines();
}

filter.addEventListener("input", () => { if (sweep.rows) refresh(); });
document.getElementById("clear").addEventListener("click", clear);
number.addEventListener("change", () => {
  if (number.value === "") return;
  const i = sweep.place?.get(Number(number.value));
  if (i !== undefined) choose(i);
  else document.getElementById("chosen").replaceChildren(
    make("p", `There is no member ${Number(number.value)}.`));
});
const box = document.querySelector(".scroll");
box.addEventListener("scroll", () => {
  if (box.scrollTop + 2 * box.clientHeight > box.scrollHeight) more();
}, { passive: true });
addEventListener("beforeprint", () => { while (drawn < view.found.length) more(); });

async function start() {
  const told = JSON.parse(document.getElementById("data").textContent);
  if (told) {
    show(told);
    show(told, await unpack(told.numbers));
  }
  addEventListener("resize", redraw);
  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(query).addEventListener("change", redraw);
  }
  document.documentElement.dataset.ready = "";
  if ("live" in document.documentElement.dataset) follow();
}
start();
