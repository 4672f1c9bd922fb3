// Parallel coordinates: a line for each member, and a range to brush on each axis.
// Source: Inselberg, The Plane with Parallel Coordinates, 1985.

const ABSENT = -0.12; // where a line passes an axis that does not apply to its member
const HEIGHT = 320, ROOM = 76; // pixels, of the plot and of an axis at least
const TOP = 40, BOTTOM = 56, NEAR = 14;
const lines = document.getElementById("lines");
const marks = document.getElementById("marks"); // over the lines: brushes, one member
let wide = 0; // pixels, of the plot
let drag = null; // the axis that is brushed, and where the brush began

function x(axis) {
  return wide / sweep.axes.length * (axis + 0.5);
}

function y(part) {
  return TOP + (1 - part) * (HEIGHT - TOP - BOTTOM);
}

function height(axis, i) {
  const code = sweep.places[axis][i];
  return y(code ? (code - 1) / STEPS : ABSENT);
}

function trace(context, i) {
  context.moveTo(x(0), height(0, i));
  if (sweep.axes.length === 1) context.lineTo(x(0) + 20, height(0, i));
  for (let axis = 1; axis < sweep.axes.length; axis++) {
    context.lineTo(x(axis), height(axis, i));
  }
}

function drawLines() {
  wide = Math.max(lines.closest(".wide-scroll").clientWidth, ROOM * sweep.axes.length);
  const context = sized(lines, wide, HEIGHT);
  const rows = crowd(view.found, sweep.axes.length);
  drawCrowd(context, rows, (i) => trace(context, i));
  drawMarks();
}

function drawAxis(context, { name, ticks }, axis) {
  const at = x(axis), space = wide / sweep.axes.length - 10;
  context.fillStyle = color("--faint");
  context.fillRect(at - 0.5, y(1), 1, y(0) - y(1));
  context.textAlign = "center";
  context.font = "600 12px system-ui, sans-serif";
  context.fillStyle = color("--ink");
  context.fillText(fitted(context, name, space), at, 16);
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "left";
  ticks.forEach(([part, text]) => {
    const label = fitted(context, text, space - 10), base = y(part) + 4;
    context.fillStyle = color("--paper");
    context.globalAlpha = 0.75;
    context.fillRect(at + 3, base - 10, context.measureText(label).width + 4, 13);
    context.globalAlpha = 1;
    context.fillStyle = color("--ink");
    context.fillText(label, at + 5, base);
  });
  const range = view.brushes.get(name);
  if (!range) return;
  context.fillStyle = color("--dev");
  context.globalAlpha = 0.45;
  context.fillRect(at - 8, y(range[1]), 16, Math.max(2, y(range[0]) - y(range[1])));
  context.globalAlpha = 1;
}

function fitted(context, text, space) {
  if (context.measureText(text).width <= space) return text;
  let short = text;
  while (short && context.measureText(`${short}…`).width > space) short = short.slice(0, -1);
  return `${short}…`;
}

function drawMarks() {
  const context = sized(marks, wide, HEIGHT);
  const one = (i, ink, thick) => {
    if (i === null || i >= sweep.rows.length) return;
    context.strokeStyle = color(ink);
    context.lineWidth = thick;
    context.beginPath();
    trace(context, i);
    context.stroke();
  };
  one(view.chosen, "--dev", 2.5);
  one(view.hovered, "--ink", 2);
  sweep.axes.forEach((axis, k) => drawAxis(context, axis, k));
}

// Returns the found member whose line passes nearest to a point, or null.
function nearest(px, py) {
  const n = sweep.axes.length, from = Math.max(0, Math.min(n - 2,
    Math.floor((px - x(0)) / (x(1) - x(0)))));
  const to = Math.min(from + 1, n - 1);
  const part = Math.max(0, Math.min(1, (px - x(from)) / ((x(to) - x(from)) || 1)));
  let best = null, least = NEAR;
  for (const i of view.found) {
    const left = height(from, i), at = left + part * (height(to, i) - left);
    if (Math.abs(at - py) < least) [best, least] = [i, Math.abs(at - py)];
  }
  return best;
}

function brush(name, range) {
  if (range) view.brushes.set(name, range);
  else view.brushes.delete(name);
  showSliders();
  soon(refresh);
}

const inside = (part) => Math.max(0, Math.min(1, part));

marks.addEventListener("pointerdown", ({ offsetX, offsetY, pointerId }) => {
  const axis = sweep.axes.findIndex((_, k) => Math.abs(x(k) - offsetX) < NEAR);
  if (axis < 0 || offsetY < y(1) - NEAR) return;
  drag = { name: sweep.axes[axis].name, from: offsetY, moved: false };
  marks.setPointerCapture(pointerId);
});
marks.addEventListener("pointermove", ({ offsetX, offsetY }) => {
  if (!drag) return soon(() => hover(nearest(offsetX, offsetY)));
  drag.moved ||= Math.abs(offsetY - drag.from) > 3;
  if (!drag.moved) return;
  const part = (py) => inside(1 - (py - TOP) / (HEIGHT - TOP - BOTTOM));
  brush(drag.name, [part(drag.from), part(offsetY)].sort((a, b) => a - b));
});
marks.addEventListener("pointerup", ({ offsetX, offsetY }) => {
  const { name, moved } = drag ?? {};
  drag = null;
  if (moved) return;
  if (name && view.brushes.has(name)) return brush(name, null);
  const i = nearest(offsetX, offsetY);
  if (i !== null) choose(i);
});
marks.addEventListener("pointercancel", () => { drag = null; });
marks.addEventListener("pointerleave", () => hover(null));

// The same ranges for the keyboard: two sliders an axis.
function makeSliders() {
  const sliders = document.getElementById("sliders");
  const names = [...sliders.querySelectorAll("legend")].map((node) => node.textContent);
  if (names.join() === sweep.axes.map(({ name }) => name).join()) return showSliders();
  sliders.replaceChildren(...sweep.axes.map(({ name }) => {
    const group = make("fieldset"), [low, high] = ["lowest", "highest"].map((end) => {
      const slider = make("input", undefined,
        { type: "range", min: 0, max: 1, step: 0.01, name: `${end} ${name}` });
      slider.setAttribute("aria-label", `${end} ${name}`);
      return slider;
    });
    const moved = () => {
      const range = [low.valueAsNumber, high.valueAsNumber].sort((a, b) => a - b);
      brush(name, range[0] > 0 || range[1] < 1 ? range : null);
    };
    low.addEventListener("input", moved);
    high.addEventListener("input", moved);
    group.append(make("legend", name), low, high);
    return group;
  }));
  showSliders();
}

function showSliders() {
  document.querySelectorAll("#sliders fieldset").forEach((group, axis) => {
    const range = view.brushes.get(sweep.axes[axis].name) ?? [0, 1];
    group.querySelectorAll("input").forEach((slider, end) => {
      if (slider !== document.activeElement) slider.value = range[end];
    });
  });
}
