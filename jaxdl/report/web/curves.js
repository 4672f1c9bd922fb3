// The curves by epoch: found members in the background, and a few of them by uPlot.

const LOW = 1e-300; // below any shown value; a logarithm needs it positive
let charts = [];

function percent(rates, value) {
  return rates ? `${Number((100 * value).toPrecision(3))}%` : shown(value);
}

// Returns values to write at an axis: 1, 2 and 5 in each decade, or even steps.
function ticks({ log, low, high }) {
  const decades = log ? Math.log10(high / Math.max(low, LOW)) : 0;
  if (decades >= 1) {
    const found = [], first = Math.floor(Math.log10(low));
    for (let power = first; power <= Math.log10(high); power++) {
      for (const digit of decades > 3 ? [1] : [1, 2, 5]) {
        const value = Number(`${digit}e${power}`);
        if (value >= low && value <= high) found.push(value);
      }
    }
    return found;
  }
  const step = 10 ** Math.floor(Math.log10((high - low) / 2));
  const wide = step * [1, 2, 5].find((by) => (high - low) / (by * step) <= 6.5);
  const first = Math.ceil(low / wide), count = Math.floor(high / wide) - first + 1;
  return Array.from({ length: count }, (_, k) => Number(((first + k) * wide).toPrecision(12)));
}

function makeChart(measure) {
  const { name, log, low, high, rates } = measure, { epochs } = sweep;
  const ends = [epochs[0] - 0.5, epochs[epochs.length - 1] + 0.5];
  const grid = { stroke: () => color("--line"), width: 0.5 };
  const look = { stroke: () => color("--ink"), grid, ticks: grid, font: "11px system-ui" };
  const line = (ink, width, dash) =>
    ({ stroke: () => color(ink), width, dash, scale: "y", points: { size: 5 } });
  const box = make("figure", undefined, { className: "curves" });
  const chart = new uPlot({
    width: 480, height: 280, legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { show: false } },
    scales: { x: { time: false, range: ends },
      y: { distr: log ? 3 : 1, range: [low, high] } },
    axes: [
      { ...look, label: "epoch", labelSize: 20, size: 32, space: 40,
        values: (_, at) => at.map((v) => (Number.isInteger(v) ? v : "")) },
      { ...look, size: 62, splits: () => ticks(measure), filter: (_, at) => at,
        values: (_, at) => at.map((v) => percent(rates, v)) },
    ],
    series: [{}, line("--best", 2, [2, 3]), line("--train", 2, [6, 3]), line("--dev", 2.5),
      line("--ink", 2)],
    hooks: { setCursor: [hovered], setSize: [drawBack] },
  }, series(measure), box);
  const back = make("canvas");
  chart.under.append(back);
  chart.over.addEventListener("click", () => {
    if (view.hovered !== null) choose(view.hovered);
  });
  chart.over.addEventListener("pointerleave", () => hover(null));
  box.prepend(make("figcaption", `${name}${log ? " (log scale)" : ""}`));
  Object.assign(chart, { measure, back, box });
  return chart;
}

// Returns epochs, best on dev, chosen on train and dev, hovered on dev.
function series(measure) {
  return [sweep.epochs, curve(measure, "dev", sweep.best),
    curve(measure, "train", view.chosen), curve(measure, "dev", view.chosen),
    curve(measure, "dev", view.hovered)];
}

function makeCharts() {
  charts.forEach((chart) => chart.destroy());
  charts = sweep.measures.map(makeChart);
  document.getElementById("charts").replaceChildren(...charts.map(({ box }) => box));
  fitCharts();
}

function fitCharts() {
  charts.forEach((chart) => chart.setSize({ width: chart.box.clientWidth, height: 280 }));
}

function drawCrowds() {
  charts.forEach(drawBack);
}

// Draws the members that are found behind a chart, once it has its size.
function drawBack({ measure, back, under }) {
  if (!back) return;
  const { clientWidth: wide, clientHeight: tall } = under, n = sweep.epochs.length;
  const context = sized(back, wide, tall), codes = sweep.curves[`dev_${measure.name}`];
  const span = sweep.epochs[n - 1] - sweep.epochs[0] + 1;
  const at = sweep.epochs.map((e) => wide * (e - sweep.epochs[0] + 0.5) / span);
  drawCrowd(context, crowd(view.found, n), (i) => {
    for (let k = 0; k < n; k++) {
      const code = codes[i * n + k], joined = k > 0 && codes[i * n + k - 1] > 0;
      if (!code) continue;
      const y = tall * (1 - (code - 1) / STEPS);
      if (joined) context.lineTo(at[k], y);
      else context.moveTo(at[k], y);
    }
  });
}

function drawSeries() {
  charts.forEach((chart) => chart.setData(series(chart.measure), false));
  charts.forEach((chart) => chart.redraw(false));
}

// Finds the member whose curve passes nearest to the cursor.
function hovered({ cursor: { idx, left, top }, measure, over }) {
  if (!measure || left < 0 || idx === null || !over.matches(":hover")) return;
  const codes = sweep.curves[`dev_${measure.name}`], n = sweep.epochs.length;
  const target = 1 + STEPS * (1 - top / over.clientHeight);
  let best = null, least = STEPS * NEAR / over.clientHeight;
  for (const i of view.found) {
    const code = codes[i * n + idx], away = Math.abs(code - target);
    if (code && away < least) [best, least] = [i, away];
  }
  soon(() => hover(best));
}
