// The page of modes side by side: what each keeps and at what cost, with the command of each
// cell, and how what was measured is spread.

// breakable lets the name of a mode go on below itself behind a slash.
const breakable = (name) => name.split(/(?<=\/)/).flatMap((part, i) => (i ? [el("wbr"), part] : [part]));

class MatrixPage {
  constructor(bundle) {
    this.data = bundle.get("matrix");
    const { data } = this;
    head("Modes side by side", data.name + (data.note ? "; " + data.note : ""), "matrix", "");
    this.colors = new Map(data.modes.map((m, i) => [m, `var(--plot${data.colors[i]})`]));
    this.cells = []; // by table, row and column
    byId("tables").append(
      el(
        "section",
        { class: "wide" },
        el(
          "dl",
          { class: "facts" },
          data.facts.flatMap(([name, value]) => [el("dt", {}, this.swatch(name), name), el("dd", {}, value)]),
        ),
      ),
      ...data.tables.map((t, i) => this.table(t, i)),
    );
    byId("cell").addEventListener("keydown", (e) => {
      if (e.key === "Escape") this.close();
    });
    const move = (down, right) => () => this.step(down, right);
    onKeys(
      {
        ArrowLeft: move(0, -1),
        ArrowRight: move(0, 1),
        ArrowUp: move(-1, 0),
        ArrowDown: move(1, 0),
        Escape: () => this.close(),
        t: () => byId("theme").click(),
        "?": () => byId("help").click(),
      },
      (e) => !e.key.startsWith("Arrow") || !!e.target.closest("[data-row]"),
    );
    byId("help").addEventListener("click", () =>
      showKeys(
        [
          ["Tab", "the next cell, or figure"],
          ["← → ↑ ↓", "from a cell to the one beside, above or below"],
          ["Enter", "what there is to say of the cell, and its command"],
          ["Esc", "close it"],
          ["t", "light or dark"],
          ["?", "these keys"],
        ],
        [["#row=owner&mode=crd", "a cell"]],
      ),
    );
    addEventListener("hashchange", () => this.restore());
    this.restore();
  }

  swatch(mode) {
    return this.colors.has(mode) ? el("i", { class: "swatch", style: `background:${this.colors.get(mode)}` }) : null;
  }

  table(t, number) {
    const columns = t.columns || this.data.modes;
    this.cells[number] = t.rows.map((r, row) => r.cells.map((c, column) => this.cell(c, number, row, column, `${r.name}, ${columns[column]}: ${c.text}`)));
    const figures =
      t.figures &&
      el(
        "div",
        { class: "figures" },
        t.figures.map((f) => el("div", { class: "measure" }, el("div", { class: "measure-name" }, f.title), figure(f.svg, f.title))),
      );
    const body = t.wide
      ? el(
          "div",
          { class: "figures" },
          t.rows.map((r, row) => this.card(r, this.cells[number][row])),
        )
      : el("div", { class: "scrolls" }, this.rows(t, columns, number));
    return el(
      "section",
      { class: "wide" },
      el("h2", {}, t.title),
      el("p", { class: "faint" }, t.note),
      figures,
      body,
      t.rows.some((r) => r.cells.some((c) => c.ways)) ? this.legend() : null,
    );
  }

  legend() {
    return el(
      "div",
      { class: "legend" },
      [
        ["good", "kept in all runs"],
        ["bad", "broken, and the mode promises it"],
        ["warn", "broken, and not promised"],
        ["density", "not broken, and undecided in some"],
      ].map(([c, what]) => el("span", {}, el("i", { style: `background:var(--${c})` }), what)),
      el("span", {}, "new?: what broke it looks like no finding"),
    );
  }

  rows(t, columns, number) {
    const spread = t.rows.some((r) => r.svg),
      promises = t.rows.some((r) => r.promise);
    let below = null; // the row whose figure stands beside those of its parts
    return el(
      "table",
      { class: "verdicts modes" },
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          el("th", {}),
          columns.map((m) => el("th", { scope: "col" }, this.swatch(m), ...breakable(m))),
          spread ? el("th", { scope: "col" }, "spread over runs") : null,
          promises ? el("th", { scope: "col", class: "promise" }, "what is promised") : null,
        ),
      ),
      el(
        "tbody",
        {},
        t.rows.map((r, row) => {
          const line = el(
            "tr",
            { class: r.part ? "part" : "" },
            el("th", { scope: "row" }, r.name),
            this.cells[number][row].map((c) => el("td", {}, c)),
            promises ? el("td", { class: "promise" }, el("div", {}, r.promise)) : null,
          );
          if (spread && r.svg) {
            below = el("td", { class: "spread", rowspan: 1 }, figure(r.svg, "spread of " + r.name));
            line.append(below);
          } else if (spread && below) below.rowSpan++;
          return line;
        }),
      ),
    );
  }

  // card shows a row whose distribution is what there is to see.
  card(r, cells) {
    return el(
      "div",
      { class: "measure", title: r.promise },
      el("div", { class: "measure-name" }, r.name),
      r.svg ? figure(r.svg, "distribution of " + r.name) : null,
      el(
        "div",
        { class: "quantiles" },
        this.data.modes.map((m, i) => el("span", { class: "of" }, this.swatch(m), m, " ", cells[i])),
      ),
      el("div", { class: "faint hint" }, "p50, p99 and max in seconds"),
    );
  }

  cell(c, table, row, column, name) {
    if (!c.lines && !c.commands) return el("span", { class: "verdict plain " + (c.kind || "") }, c.text);
    return el(
      "button",
      {
        type: "button",
        class: "verdict " + (c.kind || "figure"),
        "data-table": table,
        "data-row": row,
        "data-column": column,
        "aria-label": name,
        click: () => this.select(table, row, column),
      },
      c.text,
      (c.ways || []).some((w) => w.news) ? el("span", { class: "mark" }, "new?") : null,
    );
  }

  // select tells of a cell.
  select(table, row, column) {
    const t = this.data.tables[table],
      r = t && t.rows[row],
      c = r && r.cells[column];
    if (!c) return;
    this.selected = [table, row, column];
    this.mark();
    const mode = (t.columns || this.data.modes)[column];
    byId("cell").replaceChildren(
      ...[
        el("button", { type: "button", class: "close", title: "Close ( Esc )", "aria-label": "Close", click: () => this.close() }, "×"),
        el("h2", {}, `${r.name} in ${mode}`),
        el("p", { class: "figure-text" }, c.text),
        r.promise ? el("p", { class: "faint" }, r.promise) : null,
        (c.lines || []).map((l) => el("p", {}, l)),
        (c.ways || []).map((w) =>
          el(
            "section",
            { class: "card" + (w.news ? " news" : "") },
            el("h2", {}, w.title),
            w.page ? el("p", { class: "faint" }, el("code", {}, w.page)) : null,
            w.sentence ? el("p", {}, w.sentence) : null,
            !w.seeds
              ? null
              : el(
                  "p",
                  { class: "faint" },
                  count(w.seeds.length, "run") +
                    ": " +
                    (w.seeds.length > 1 ? "seeds " : "seed ") +
                    w.seeds.slice(0, 40).join(", ") +
                    (w.seeds.length > 40 ? ` and ${w.seeds.length - 40} more` : ""),
                ),
            copyable(w.replay),
          ),
        ),
        (c.commands || []).map(([purpose, command]) => el("div", {}, el("div", { class: "faint" }, purpose), copyable(command))),
      ]
        .flat()
        .filter(Boolean),
    );
    byId("cell").classList.add("open");
    byId("cell").scrollTop = 0;
    byId("status").textContent = `${r.name} in ${mode}: ${c.text}`;
    setHash(["row=" + encodeURIComponent(r.name), "mode=" + encodeURIComponent(mode), ...(this.first(r.name) === r ? [] : ["n=" + row])]);
  }

  // first is the first row of a name: those of clients stand below each cost.
  first(name) {
    return this.data.tables.flatMap((t) => t.rows).find((r) => r.name === name);
  }

  mark() {
    const [table, row, column] = this.selected || [];
    for (const b of document.querySelectorAll("[data-row]")) b.setAttribute("aria-current", +b.dataset.table === table && +b.dataset.row === row && +b.dataset.column === column);
  }

  close() {
    const [table, row, column] = this.selected || [];
    this.selected = null;
    this.mark();
    byId("cell").classList.remove("open");
    byId("cell").replaceChildren();
    setHash([]);
    if (table !== undefined) this.cells[table][row][column].focus({ preventScroll: true });
  }

  // step goes from the cell that has the focus to the one that is so many away, over those
  // of which there is nothing to say.
  step(down, right) {
    const at = document.activeElement.dataset;
    let row = +at.row + down,
      column = +at.column + right;
    for (const rows = this.cells[+at.table]; rows[row] && rows[row][column]; row += down, column += right) {
      if (rows[row][column].dataset.row === undefined) continue;
      rows[row][column].focus();
      return this.select(+at.table, row, column);
    }
  }

  // restore shows the cell of the address.
  restore() {
    const hash = hashOf();
    this.data.tables.forEach((t, table) => {
      const row = t.rows.findIndex((r, i) => r.name === hash.get("row") && (!hash.get("n") || +hash.get("n") === i)),
        column = (t.columns || this.data.modes).indexOf(hash.get("mode"));
      if (row < 0 || column < 0) return;
      this.select(table, row, column);
      this.cells[table][row][column].scrollIntoView({ block: "center" });
    });
  }
}

start((bundle) => new MatrixPage(bundle));
