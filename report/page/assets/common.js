// What all pages have: elements, times, light and dark, tabs, distributions.

// el makes an element: attributes that are functions are listeners.
function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") e.addEventListener(name, value);
    else e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children.flat().filter((c) => c !== undefined && c !== null));
  return e;
}

const byId = (id) => document.getElementById(id);

// seconds shows nanoseconds as a verdict's text does.
const seconds = (ns, digits = 3) => (ns / 1e9).toFixed(digits) + "s";

// brief shows a measured number of seconds or of something else.
function brief(value, unit) {
  if (unit !== "s") return value.toLocaleString("en") + (unit ? " " + unit : "");
  if (value === 0) return "0 s";
  const [factor, name] = value < 0.001 ? [1e6, " µs"] : value < 1 ? [1e3, " ms"] : [1, " s"];
  return parseFloat((value * factor).toPrecision(value < 1000 ? 3 : 4)) + name;
}

const thousands = (n) => n.toLocaleString("en");
const count = (n, noun) => thousands(n) + " " + noun + (n === 1 ? "" : "s");

// line is the line of the history's file that has a record.
const line = (record) => record + 3;

// setTheme shows the page light or dark; "" is as the system has it.
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("meshcheck-theme", theme); } catch { /* files may have no storage */ }
  document.dispatchEvent(new Event("theme"));
}

function isDark() {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function initTheme() {
  let theme = "";
  try { theme = localStorage.getItem("meshcheck-theme") || ""; } catch { /* likewise */ }
  document.documentElement.dataset.theme = theme;
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new Event("theme")));
  byId("theme").addEventListener("click", () => setTheme(isDark() ? "light" : "dark"));
}

// colorOf reads a colour of the style sheet, for canvases.
const colorOf = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

function copyable(text) {
  const button = el("button", {
    class: "copy", type: "button", title: "Copy",
    click: async () => {
      try { await navigator.clipboard.writeText(text); button.textContent = "copied"; } catch { getSelection().selectAllChildren(code); }
    },
  }, "copy");
  const code = el("code", {}, text);
  return el("div", { class: "command" }, code, button);
}

// distribution draws a measure: how large a part of all is not greater than a value, from
// the smallest to the greatest on a logarithmic scale.
function distribution(m) {
  const width = 320, height = 44, least = 1e-4;
  const box = el("div", { class: "measure" },
    el("div", { class: "measure-name" }, m.name, el("span", { class: "faint" }, " of " + thousands(m.n))),
    el("div", { class: "quantiles" }, ["p50", "p99", "max"].map((q) => el("span", {}, el("b", {}, q + " "), brief(m[q], m.unit)))));
  if (!m.curve || m.curve.length < 2 || m.max <= 0) return box;
  const low = Math.log10(Math.max(least, m.curve[0][0])), high = Math.max(low + 0.5, Math.log10(Math.max(least, m.max)));
  const x = (value) => (Math.log10(Math.max(least, value)) - low) / (high - low) * width;
  let path = `M0 ${height}`;
  for (const [value, part] of m.curve) {
    path += `H${x(value).toFixed(1)}V${(height - part * height).toFixed(1)}`;
  }
  path += `H${width}V${height}Z`;
  let marks = "";
  for (const [q, name] of [[m.p50, "p50"], [m.p99, "p99"]]) {
    marks += `<line class="mark" x1="${x(q).toFixed(1)}" x2="${x(q).toFixed(1)}" y1="0" y2="${height}"><title>${name} ${brief(q, m.unit)}</title></line>`;
  }
  let decades = "";
  for (let d = Math.ceil(low); d <= high; d++) {
    const at = ((d - low) / (high - low) * width).toFixed(1);
    decades += `<line class="decade" x1="${at}" x2="${at}" y1="0" y2="${height}"/><text x="${Math.max(12, at)}" y="${height + 11}">${brief(10 ** d, m.unit)}</text>`;
  }
  const figure = el("figure", {});
  figure.innerHTML = `<svg viewBox="-2 -2 ${width + 4} ${height + 16}" role="img" aria-label="distribution of ${m.name.replace(/[<"&]/g, "")}">${decades}<path d="${path}"/>${marks}</svg>`;
  box.append(figure);
  return box;
}

// tabs shows one of several panels; make gives a panel's content.
class Tabs {
  constructor(bar, panel, tabs) {
    Object.assign(this, { bar, panel, tabs, open: "" });
    for (const [name, tab] of Object.entries(tabs)) {
      tab.button = el("button", { type: "button", role: "tab", id: "tab-" + name, "aria-controls": panel.id, click: () => this.show(name) }, tab.title);
      bar.append(tab.button);
    }
    bar.addEventListener("keydown", (e) => {
      const names = Object.keys(tabs), step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (!step) return;
      const next = names[(names.indexOf(this.open) + step + names.length) % names.length];
      this.show(next);
      tabs[next].button.focus();
      e.stopPropagation();
      e.preventDefault();
    });
  }

  show(name) {
    this.open = name;
    for (const [other, tab] of Object.entries(this.tabs)) {
      tab.button.setAttribute("aria-selected", other === name);
      tab.button.tabIndex = other === name ? 0 : -1;
    }
    this.panel.setAttribute("aria-labelledby", "tab-" + name);
    this.panel.replaceChildren(...[this.tabs[name].make()].flat());
    this.panel.scrollTop = 0;
  }

  refresh(name) {
    if (this.open === name) this.show(name);
  }
}

const hashOf = () => new URLSearchParams(location.hash.slice(1));
