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

// The page is light or dark as the reader chose, or else as the system has it.
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
let chosenTheme = "";

function isDark() {
  return chosenTheme ? chosenTheme === "dark" : systemIsDark.matches;
}

function showTheme() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  document.dispatchEvent(new Event("theme"));
}

function setTheme(theme) {
  chosenTheme = theme;
  try {
    localStorage.setItem("meshcheck-theme", theme);
  } catch {
    /* files may have no storage */
  }
  showTheme();
}

function initTheme() {
  try {
    chosenTheme = localStorage.getItem("meshcheck-theme") || "";
  } catch {
    /* likewise */
  }
  showTheme();
  systemIsDark.addEventListener("change", showTheme);
  byId("theme").addEventListener("click", () => setTheme(isDark() ? "light" : "dark"));
}

// colorOf reads a colour of the style sheet, for canvases.
const colorOf = (name) =>
  getComputedStyle(document.documentElement)
    .getPropertyValue("--" + name)
    .trim();

// copyable shows a command, which breaks between its words and not at the hyphens of its flags.
function copyable(text) {
  const button = el(
    "button",
    {
      class: "copy",
      type: "button",
      title: "Copy",
      click: async () => {
        try {
          await navigator.clipboard.writeText(text);
          button.textContent = "copied";
        } catch {
          getSelection().selectAllChildren(code);
        }
      },
    },
    "copy",
  );
  const code = el("code", {}, ...text.split(/( +)/).map((word) => (/^[^ ].{0,28}$/.test(word) ? el("span", { class: "word" }, word) : word)));
  return el("div", { class: "command" }, code, button);
}

// figure shows an SVG, which report/plot has drawn.
function figure(svg, title) {
  const f = el("figure", {});
  f.innerHTML = svg;
  f.firstElementChild.setAttribute("role", "img");
  f.firstElementChild.setAttribute("aria-label", title);
  return f;
}

// distribution shows a measure: its quantiles, and how they are spread.
function distribution(m) {
  return el(
    "div",
    { class: "measure" },
    el("div", { class: "measure-name" }, m.name, el("span", { class: "faint" }, " of " + thousands(m.n))),
    el(
      "div",
      { class: "quantiles" },
      ["p50", "p99", "max"].map((q) => el("span", {}, el("b", {}, q + " "), brief(m[q], m.unit))),
    ),
    m.svg ? figure(m.svg, "distribution of " + m.name) : null,
  );
}

// measures shows all that was measured, below the properties that measured it.
function measures(all) {
  const nodes = [];
  let last = "";
  for (const m of all) {
    if (!m.n) continue;
    if (m.property !== last) nodes.push(el("h2", {}, m.property));
    last = m.property;
    nodes.push(distribution(m));
  }
  return nodes.length
    ? [el("p", { class: "faint" }, "How much is not exceeded in which part of all: percentiles, with as much room from 90 to 99 as from 99 to 99.9."), ...nodes]
    : [el("p", { class: "faint" }, "Nothing was measured.")];
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
      const names = Object.keys(tabs),
        step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
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

// head says of what the page is.
function head(name, headline, badge, kind) {
  byId("name").textContent = name;
  byId("headline").textContent = headline;
  byId("badge").textContent = badge;
  byId("badge").className = "badge " + kind;
}

// keyList shows keys, a line each: [keys, what they do].
const keyList = (rows) =>
  el(
    "div",
    { class: "keys" },
    rows.flatMap(([keys, what]) => [
      el(
        "span",
        {},
        keys.split(" ").flatMap((k) => [el("kbd", {}, k), " "]),
      ),
      el("span", {}, what),
    ]),
  );

// showKeys shows the keys of a page, and the links into it, in a dialog.
function showKeys(rows, links) {
  const dialog = el(
    "dialog",
    { class: "card", close: () => dialog.remove() },
    el("h2", {}, "Keys"),
    keyList(rows),
    el("h2", {}, "Links"),
    el("p", {}, "The address always leads back to what is shown: ", ...links.flatMap(([form, what], i) => [i ? ", " : "", el("code", {}, form), " is ", what]), "."),
    el("form", { method: "dialog" }, el("button", {}, "Close")),
  );
  document.body.append(dialog);
  dialog.showModal();
}

// onKeys does what is said of keys, unless they are part of others.
function onKeys(keys, applies = () => true) {
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || !keys[e.key] || !applies(e)) return;
    e.preventDefault();
    keys[e.key](e);
  });
}

// setHash writes into the address what is shown.
function setHash(parts) {
  const hash = parts.length ? "#" + parts.join("&") : "";
  try {
    history.replaceState(null, "", hash || location.pathname + location.search);
  } catch {
    /* a page from a file may not */
  }
  return hash;
}

// start makes the page of its data.
function start(make) {
  readBundle()
    .then((bundle) => {
      performance.mark("unpacked");
      initTheme();
      window.page = make(bundle);
      performance.mark("shown");
      document.documentElement.dataset.ready = "true";
    })
    .catch((failure) => {
      byId("headline").textContent = "This page cannot be shown: " + failure.message;
      throw failure;
    });
}
