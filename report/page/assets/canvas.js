// What the canvases of the timeline share: sizes, the scale of time, colours, searching.

const gutter = 86; // pixels at the left, for names

// fit gives a canvas as many pixels as the screen has for it.
function fit(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = height + "px";
    canvas.style.width = width + "px";
  }
  const c = canvas.getContext("2d");
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, width, height);
  return c;
}

// lowerBound is the first of the indices list[from..] whose number is not less than a value.
function lowerBound(list, numbers, value, from = 0) {
  let low = from,
    high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[list[middle]] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

// firstAt is the first place in numbers, which do not fall, that is not less than a value.
function firstAt(numbers, value) {
  let low = 0,
    high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

// steps are the instants of a ruler: about so many, at round numbers.
function steps(from, to, most) {
  let step = 10 ** Math.floor(Math.log10(Math.max(1, (to - from) / most)));
  for (const factor of [2, 2.5, 2]) if ((to - from) / step > most) step *= factor;
  const all = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) all.push(at);
  return { all, digits: Math.max(0, Math.min(9, -Math.floor(Math.log10(step / 1e9) + 1e-9))) };
}

// The colours of records, by verb; those that are not named are quiet.
const verbColor = {
  truth: "truth",
  write: "truth",
  put: "store",
  del: "gone",
  see: "view",
  program: "view",
  drop: "gone",
  unprogram: "gone",
  up: "process",
  down: "process",
  ready: "process",
  unready: "process",
  connect: "process",
  disconnect: "process",
  synced: "process",
  fault: "fault",
  heal: "fault",
  effect: "fault",
  unfired: "fault",
  phase: "process",
};

let palette = {};
function readPalette() {
  palette = {};
  for (const name of [
    "bg",
    "surface",
    "line",
    "grid",
    "text",
    "faint",
    "accent",
    "accent-soft",
    "bad",
    "bad-soft",
    "good",
    "warn",
    "fault",
    "fault-fill",
    "stale",
    "stale-fill",
    "loading",
    "density",
    "view",
    "gone",
    "store",
    "truth",
    "quiet",
    "process",
    "match",
    "r0",
    "r1",
    "r2",
    "r3",
    "r4",
    "r5",
    "r6",
    "r7",
  ])
    palette[name] = colorOf(name);
}

// serverColor is that of a replica or a kube-apiserver, by its number.
const serverColor = (name) => palette["r" + ((parseInt(name.slice(1), 10) || 0) % 8)];

function diamond(c, x, y, r) {
  c.beginPath();
  c.moveTo(x, y - r);
  c.lineTo(x + r, y);
  c.lineTo(x, y + r);
  c.lineTo(x - r, y);
  c.closePath();
  c.fill();
}

// label writes a text where it has room, else nothing.
function label(c, text, x, y, room) {
  if (room < 14) return;
  if (c.measureText(text).width > room) {
    while (text.length > 1 && c.measureText(text + "…").width > room) text = text.slice(0, -1);
    if (text.length < 2) return;
    text += "…";
  }
  c.fillText(text, x, y);
}
