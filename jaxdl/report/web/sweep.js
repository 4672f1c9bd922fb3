"use strict";
// What the page knows of the sweep, what the reader looks at, and how numbers are shown.

const sweep = {}; // as Python wrote it, and what `accept` adds
const view = {
  sorting: { column: -1, falling: false }, // -1: as ranked
  order: [], // all rows, sorted
  found: [], // the rows of `order` that pass the filter and the brushes
  brushes: new Map(), // from the name of an axis to its range, [low, high] in [0, 1]
  chosen: null, hovered: null, // members, by row
  own: false, // whether the reader chose the member; otherwise it is the best
};
const STEPS = 65534; // between the ends of an axis; codes are 1 more, and 0 is absent

// Takes new contents. Without codes there are no curves yet, only the table.
function accept(told, codes) {
  const chosen = view.chosen === null ? null : sweep.rows[view.chosen][sweep.member];
  Object.assign(sweep, told, { places: [], curves: {}, texts: [] });
  sweep.member = sweep.columns.indexOf("member");
  sweep.place = new Map(sweep.rows.map((row, i) => [row[sweep.member], i]));
  view.chosen = sweep.place.get(chosen) ?? null;
  view.hovered = null;
  const members = sweep.rows.length, names = sweep.measures.flatMap(
    ({ name, curves }) => curves.map((part) => `${part}_${name}`));
  if (!codes) return;
  let at = 0;
  const next = (length) => codes.subarray(at, at += length);
  sweep.places = sweep.axes.map(() => next(members));
  for (const name of names) sweep.curves[name] = next(members * sweep.epochs.length);
}

// Returns the codes in a text: deflated, all low bytes before all high bytes.
async function unpack(text) {
  const letters = atob(text), packed = new Uint8Array(letters.length);
  for (let i = 0; i < packed.length; i++) packed[i] = letters.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(
    new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const codes = new Uint16Array(bytes.length / 2);
  for (let i = 0; i < codes.length; i++) {
    codes[i] = bytes[i] | (bytes[codes.length + i] << 8);
  }
  return codes;
}

// Returns a curve of a row in the measure's units, with null where it is absent.
function curve(measure, part, i) {
  const codes = sweep.curves[`${part}_${measure.name}`], n = sweep.epochs.length;
  if (!codes || i === null) return new Array(n).fill(null);
  const { log, low, high } = measure;
  return Array.from(codes.subarray(i * n, (i + 1) * n), (code) => {
    const part = (code - 1) / STEPS;
    if (code === 0) return null;
    return log ? low * (high / low) ** part : low + (high - low) * part;
  });
}

// Returns rows to draw, from the worst score to the best, so few that drawing is fast and
// lines can be told apart. They are spread evenly over the rows that are found.
const LINES = 800, POINTS = 16_000;
function crowd(found, points) {
  const most = Math.max(100, Math.min(LINES, Math.floor(POINTS / points)));
  const every = Math.max(1, found.length / most), rows = [];
  for (let k = 0; k < found.length; k += every) rows.push(found[Math.floor(k)]);
  return rows.sort((i, j) => score(i) - score(j));
}

// Returns how good a row's score is, from 0 to 1. At its axis, low codes are good.
function score(i) {
  const code = sweep.places[sweep.places.length - 1][i];
  return code ? 1 - (code - 1) / STEPS : 0;
}

function make(name, content, settings = {}) {
  const node = document.createElement(name);
  if (content !== undefined) node.textContent = content;
  return Object.assign(node, settings);
}

function button(text, act) {
  const made = make("button", text, { type: "button" });
  made.addEventListener("click", act);
  return made;
}

function shown(value) {
  if (value === null) return "–";
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(6)));
}

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Fits a canvas to a size in CSS pixels and returns its cleared context.
function sized(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return context;
}

// Draws rows as lines, the best over the others and stronger.
function drawCrowd(context, rows, trace) {
  context.strokeStyle = color("--link");
  const faint = Math.max(0.08, Math.min(0.9, 6 / Math.sqrt(rows.length)));
  for (const i of rows) {
    context.globalAlpha = faint * (0.15 + 0.85 * score(i) ** 2);
    context.beginPath();
    trace(i);
    context.stroke();
  }
  context.globalAlpha = 1;
}
