// The page of the abstract mesh: modes and properties, and each counterexample step by step
// beside what the real code did.

class ModelPage {
  constructor(bundle) {
    this.data = bundle.get("model");
    this.row = this.column = -1;
    const { data } = this;
    head(
      "The design without the code",
      `Every interleaving of an abstract mesh with ${data.headline}.${data.code ? " What the real code did with the counterexamples: " + data.code + "." : ""}`,
      "model",
      "",
    );
    this.matrix();
    byId("legend").replaceChildren(
      ...[
        ["var(--good)", "holds in every reachable state"],
        ["var(--bad)", "broken, and the mode promises it; the number is how many steps the shortest counterexample has"],
        ["var(--warn)", "broken, and not promised"],
        ["var(--density)", "not decided"],
      ].map(([c, text]) => el("span", {}, el("i", { style: `background:${c}` }), text)),
      ...(data.real.length
        ? [
            el("span", {}, "● the real code does the same"),
            el("span", {}, "○ the world cannot be made to do it"),
            el("span", {}, "✚ the real code, with this repair, does it no more"),
          ]
        : []),
    );
    const move = (row, column) => () => this.step(row, column);
    onKeys({ ArrowLeft: move(0, -1), ArrowRight: move(0, 1), ArrowUp: move(-1, 0), ArrowDown: move(1, 0), t: () => byId("theme").click(), "?": () => byId("help").click() });
    byId("help").addEventListener("click", () =>
      showKeys(
        [
          ["← → ↑ ↓", "the cell beside, above or below"],
          ["t", "light or dark"],
          ["?", "these keys"],
        ],
        [["#mode=clustermesh&property=owner", "a cell"]],
      ),
    );
    addEventListener("hashchange", () => this.restore());
    this.restore();
  }

  // real returns what the real code did with a cell's counterexample.
  real(mode, property) {
    return this.data.real.filter((r) => r.mode === mode && r.property === property);
  }

  matrix() {
    const { data } = this;
    const marks = { reproduced: "●", refuted: "✗", "not expressible": "○", repaired: "✚", "not repaired": "✗" };
    byId("matrix").replaceChildren(
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          el("th", { scope: "col" }, "mode"),
          data.properties.map((p) =>
            el(
              "th",
              { scope: "col", title: p.Promise },
              p.Name.split("-").flatMap((part, i, all) => (i < all.length - 1 ? [part + "-", el("wbr")] : [part])),
            ),
          ),
          el("th", { scope: "col", class: "number" }, "states"),
        ),
      ),
      el(
        "tbody",
        {},
        data.rows.map((r, row) =>
          el(
            "tr",
            {},
            el(
              "th",
              { scope: "row" },
              r.mode.split("+").flatMap((part, i) => (i ? [el("wbr"), el("span", { class: "faint" }, "+" + part)] : [part])),
            ),
            data.properties.map((p) => {
              const column = r.cells.findIndex((c) => c.property === p.Name),
                c = r.cells[column];
              if (!c) return el("td", {});
              const real = this.real(r.mode, p.Name),
                kind = c.verdict === "broken" ? (c.promised ? "promised" : "broken") : c.verdict;
              return el(
                "td",
                {},
                el(
                  "button",
                  {
                    type: "button",
                    class: "verdict " + kind,
                    "data-row": row,
                    "data-column": column,
                    "aria-label": `${r.mode}, ${p.Name}: ${c.verdict}${c.length ? " in " + c.length + " steps" : ""}`,
                    click: () => this.select(row, column),
                  },
                  c.verdict === "broken" ? String(c.length) : c.verdict === "holds" ? "✓" : "?",
                  el("span", { class: "mark" }, real.map((x) => marks[x.outcome] || "").join("")),
                ),
              );
            }),
            el("td", { class: "number" }, thousands(r.states), r.finished ? "" : " …"),
          ),
        ),
      ),
    );
  }

  select(row, column) {
    const r = this.data.rows[row],
      c = r && r.cells[column];
    if (!c) return;
    Object.assign(this, { row, column });
    for (const b of document.querySelectorAll(".verdict")) b.setAttribute("aria-current", +b.dataset.row === row && +b.dataset.column === column);
    const promise = this.data.properties.find((p) => p.Name === c.property).Promise;
    const head = [
      el("h1", {}, `${c.property} in ${r.mode}`),
      el("p", {}, promise),
      el(
        "p",
        { class: "faint" },
        `${c.promised ? "The mode promises it." : "The mode does not promise it."} ${thousands(r.states)} states, ${thousands(r.steps)} steps computed in ${r.seconds.toFixed(2)} s.`,
      ),
      copyable(c.command),
    ];
    const said = { holds: "It holds in every reachable state.", unknown: "It is not decided: " + (r.stopped || "the search was cut short") + "." }[c.verdict];
    const real = this.real(r.mode, c.property);
    byId("cell").replaceChildren(
      ...head,
      el(
        "div",
        { class: "beside" },
        el(
          "div",
          {},
          said
            ? el("p", {}, said)
            : this.trace(
                c.trace,
                real.find((x) => x.did && x.did.length === c.trace.steps.length),
              ),
        ),
        this.data.real.length
          ? el(
              "div",
              {},
              el("h2", {}, "What the real code did"),
              real.length
                ? real.map((x) => this.outcome(x))
                : el("p", { class: "faint" }, c.verdict === "broken" ? "Nothing is known of it." : "There is no counterexample to run."),
            )
          : null,
      ),
    );
    setHash(["mode=" + encodeURIComponent(r.mode), "property=" + c.property]);
  }

  outcome(x) {
    const words = {
      reproduced: "The real code breaks the property in the same order of events.",
      refuted: "The real code does not break the property: the model is refuted.",
      "not expressible": "The simulated world cannot be made to do this.",
      repaired: "With the repair, the real code breaks the property no more.",
      "not repaired": "With the repair, the real code still breaks the property.",
    };
    return el(
      "section",
      { class: "card" + (x.bad ? " news" : x.outcome === "repaired" ? " good" : "") },
      el("h2", {}, x.outcome + (x.of ? `: the counterexample of ${x.of}` : "")),
      el("p", {}, words[x.outcome] || ""),
      x.because ? el("p", { class: "faint" }, "Because " + x.because) : null,
      x.sentence ? el("p", {}, x.sentence) : null,
      x.runs ? el("p", { class: "faint" }, `${count(x.runs, "run")} went as the counterexample${x.broke ? "; broken with the seeds " + x.broke.join(", ") : ""}`) : null,
      x.replay ? copyable(x.replay) : null,
    );
  }

  // trace shows the states, a row each: what happens, and what each part of the state is
  // then. What a step has changed is marked. Beside each step stands what the real code did,
  // if it did all of them.
  trace(t, real) {
    const now = new Map(t.start.map((v) => [v.name, v.list ? (v.items || []).join("\n") : v.value || ""]));
    const counted = ["rv", "faults"]; // what the sentences say anyway
    const changing = [...new Set(t.steps.flatMap((s) => (s.changes || []).map((c) => c.name)))].filter((name) => !counted.includes(name));
    const order = [...new Set([...t.start.map((v) => v.name), ...changing])].filter((name) => changing.includes(name));
    const cells = (changed) => order.map((name) => el("td", { class: changed.has(name) ? "changed" : "" }, now.get(name) || "–"));
    const rows = [
      el(
        "tr",
        {},
        el("td", { class: "number" }, "0"),
        el("td", {}, t.start.length ? "all is quiet, and everybody knows the truth" : ""),
        real ? el("td", { class: "real" }) : null,
        cells(new Set()),
      ),
    ];
    t.steps.forEach((s, i) => {
      const changed = new Set();
      for (const c of s.changes || []) {
        changed.add(c.name);
        if (c.removed || c.added) {
          const items = (now.get(c.name) || "").split("\n").filter((x) => x && !(c.removed || []).includes(x));
          now.set(c.name, [...items, ...(c.added || [])].join("\n"));
        } else now.set(c.name, c.to || "");
      }
      const last = i === t.steps.length - 1;
      rows.push(
        el(
          "tr",
          { class: last ? "broken" : "" },
          el("td", { class: "number" }, String(i + 1)),
          el("td", {}, s.action.replace(/^[^[]*\[(.*)\]$/s, "$1"), last ? el("div", { class: "wrong" }, "broken") : null),
          real
            ? el("td", { class: "real" }, el("span", { class: "faint" }, real.did[i].at + " "), real.did[i].text, el("span", { class: "faint" }, ` line ${real.did[i].line}`))
            : null,
          cells(changed),
        ),
      );
    });
    return el(
      "div",
      {},
      el("h2", {}, `The shortest counterexample: ${count(t.steps.length, "step")}`),
      el(
        "div",
        { class: "scrolls" },
        el(
          "table",
          { class: "states" },
          el(
            "thead",
            {},
            el(
              "tr",
              {},
              el("th", {}),
              el("th", {}, "what happens"),
              real ? el("th", {}, `what the real code did, seed ${real.seed}`) : null,
              order.map((name) => el("th", {}, name)),
            ),
          ),
          el("tbody", {}, rows),
        ),
      ),
      real ? el("p", { class: "faint" }, "A step of the real code may come before one that it does not depend on.") : null,
      t.loop >= 0 ? el("p", { class: "faint" }, t.loop === t.steps.length ? "Nothing more happens after that, ever." : `What follows step ${t.loop} repeats for ever.`) : null,
    );
  }

  // step goes to the cell that is so many rows and columns away.
  step(down, right) {
    if (this.row < 0) return;
    const row = Math.max(0, Math.min(this.data.rows.length - 1, this.row + down));
    const column = Math.max(0, Math.min(this.data.rows[row].cells.length - 1, this.column + right));
    this.select(row, column);
    document.querySelector(`.verdict[data-row="${row}"][data-column="${column}"]`).focus();
  }

  // restore shows the cell of the address or, without one, the first broken promise.
  restore() {
    const hash = hashOf(),
      { rows } = this.data;
    let row = rows.findIndex((r) => r.mode === hash.get("mode")),
      column = row < 0 ? -1 : rows[row].cells.findIndex((c) => c.property === hash.get("property"));
    if (column < 0) {
      row = rows.findIndex((r) => r.cells.some((c) => c.verdict === "broken"));
      if (row < 0) row = 0;
      column = rows.length
        ? Math.max(
            0,
            rows[row].cells.findIndex((c) => c.verdict === "broken"),
          )
        : -1;
    }
    this.select(row, column);
  }
}

start((bundle) => new ModelPage(bundle));
