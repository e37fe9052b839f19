// The page of many seeds: what became of each property in each seed, what was found, and
// what was measured in all of them.

const rowHeight = 19,
  names = 168,
  outcomeWords = { p: "pass", k: "fail, looks like a finding", n: "fail, looks like no finding", u: "unknown", m: "mistake", "-": "not applicable" };

class CampaignPage {
  constructor(bundle) {
    this.data = bundle.get("campaign");
    this.selected = -1;
    this.byFinding = false;
    this.order = this.data.seeds.map((_, i) => i);
    const { data } = this;
    head(data.name, data.headline, data.outcome === "known" ? "suspected" : data.outcome, { pass: "pass", news: "fail", failure: "fail" }[data.outcome] || "");
    byId("totals").textContent = data.totals.join("\n");
    this.findings();
    byId("measures").append(el("h2", {}, "Measured in all runs"), ...measures(data.measures));
    this.legend();
    readPalette();
    this.listen();
    this.restore();
    this.draw();
  }

  legend() {
    const color = (c, text) => el("span", {}, el("i", { style: `background:${c}` }), text);
    byId("legend").replaceChildren(
      color("var(--good)", "pass"),
      color("var(--warn)", "fail, looks like a finding"),
      color("var(--bad)", "fail, looks like no finding"),
      color("var(--density)", "unknown"),
      color("var(--line)", "not applicable"),
      color("var(--text)", "no history: the run failed"),
    );
  }

  colors() {
    return { p: palette.good, k: palette.warn, n: palette.bad, m: palette.bad, u: palette.density, "-": palette.line };
  }

  findings() {
    const { data } = this,
      box = byId("findings");
    box.append(el("h2", {}, data.findings.length ? `What ${data.seeds.length} seeds show` : data.outcome === "pass" ? "Nothing is broken" : "Nothing is known to be broken"));
    for (const f of data.findings) {
      const shown = f.seeds.slice(0, 24);
      box.append(
        el(
          "section",
          { class: "card" + (f.news ? " news" : "") },
          el("h2", {}, f.title),
          el("span", { class: "tag " + (f.news ? "news" : "known") }, f.news ? "looks like no finding" : "suspected"),
          f.properties.map((p) => el("span", { class: "tag" }, p)),
          el("p", {}, f.sentence),
          f.page ? el("p", { class: "faint" }, el("code", {}, f.page)) : null,
          el(
            "p",
            {},
            el("span", { class: "faint" }, count(f.seeds.length, "seed") + ": "),
            shown.map((s) =>
              el(
                "button",
                {
                  type: "button",
                  class: "copy",
                  "data-seed": s,
                  click: () =>
                    this.select(
                      data.seeds.findIndex((d) => d.seed === s),
                      true,
                    ),
                },
                s,
              ),
            ),
            f.seeds.length > shown.length ? ` and ${thousands(f.seeds.length - shown.length)} more` : "",
          ),
          f.replay ? copyable(f.replay) : null,
        ),
      );
    }
  }

  // sort orders the columns by number, or seeds that show the same beside each other.
  sort() {
    const { data } = this;
    const key = (i) => {
      const s = data.seeds[i];
      return (s.failure ? "0" : s.outcomes.includes("n") ? "1" : s.findings ? "2" : s.outcomes.includes("u") ? "3" : "4") + (s.findings || []).join(" ") + s.outcomes;
    };
    this.order = data.seeds.map((_, i) => i);
    if (this.byFinding) this.order.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : a - b));
    byId("order").textContent = this.byFinding ? "By number" : "By finding";
    this.draw();
  }

  draw() {
    const { data } = this,
      width = byId("grid").clientWidth,
      rows = Math.max(1, data.properties.length),
      height = rows * rowHeight + 30;
    if (width < names + 20) return;
    const c = fit(byId("cells"), width, height),
      room = width - names - 8,
      n = Math.max(1, data.seeds.length),
      cell = Math.min(26, room / n),
      colors = this.colors();
    Object.assign(this, { width, cell });
    c.font = '11.5px system-ui, "Segoe UI", "Liberation Sans", Arial, sans-serif';
    c.textBaseline = "middle";
    data.properties.forEach((p, r) => {
      c.fillStyle = p.ground ? palette.faint : palette.text;
      label(c, p.name, 14, r * rowHeight + rowHeight / 2, names - 20);
    });
    const gap = cell > 4 ? 1 : 0,
      rank = "-pukmn";
    const worst = []; // of cells that are narrower than a pixel, the worst is seen
    this.order.forEach((index, column) => {
      const s = data.seeds[index],
        x = names + column * cell,
        pixel = Math.floor(x);
      if (s.failure) {
        c.fillStyle = palette.text;
        c.fillRect(x, 0, Math.max(1, cell - gap), rows * rowHeight - 1);
        return;
      }
      for (let r = 0; r < rows; r++) {
        const letter = s.outcomes[r] || "-";
        if (cell < 1) {
          const at = pixel * rows + r;
          if (worst[at] !== undefined && rank.indexOf(worst[at]) >= rank.indexOf(letter)) continue;
          worst[at] = letter;
        }
        c.fillStyle = colors[letter];
        c.globalAlpha = this.hits && !this.hits.has(index) ? 0.15 : letter === "p" ? 0.55 : 1;
        c.fillRect(cell < 1 ? pixel : x, r * rowHeight + 1, Math.max(1, cell - gap), rowHeight - 2);
      }
    });
    c.globalAlpha = 1;
    c.fillStyle = palette.faint;
    c.textAlign = "center";
    const step = Math.max(1, Math.ceil(62 / cell));
    for (let column = 0; column < n && data.seeds.length; column += step) c.fillText(data.seeds[this.order[column]].seed, names + (column + 0.5) * cell, rows * rowHeight + 14);
    c.textAlign = "left";
    c.fillText("seeds", 14, rows * rowHeight + 14);
    if (this.selected >= 0) {
      const x = names + this.order.indexOf(this.selected) * cell;
      c.strokeStyle = palette.accent;
      c.lineWidth = 2;
      c.strokeRect(x - 1, 0.5, Math.max(3, cell) + 1, rows * rowHeight - 1);
    }
    this.drawn = true;
  }

  select(index, scroll) {
    const s = this.data.seeds[index];
    if (!s) return;
    this.selected = index;
    const broken = this.data.properties.map((p, r) => [p.name, s.outcomes[r]]).filter(([, o]) => o && o !== "p" && o !== "-");
    byId("seed").replaceChildren(
      el(
        "div",
        { class: "card" + (s.failure || s.outcomes.includes("n") ? " news" : broken.length ? "" : " good") },
        el("h2", {}, "Seed " + s.seed),
        s.failure
          ? el("p", {}, `gave no history (${s.failure})`)
          : el("p", { class: "faint" }, `${s.virtual.toFixed(1)} s of virtual time, ${thousands(s.records)} records${s.wall ? `, ${s.wall.toFixed(2)} s of wall time` : ""}`),
        broken.map(([name, o]) => el("span", { class: "tag " + ({ n: "news", k: "known", u: "" }[o] || "") }, `${name}: ${outcomeWords[o]}`)),
        s.findings ? el("p", {}, el("b", {}, s.findings.join(", "))) : null,
        s.sentence ? el("p", {}, s.sentence) : el("p", {}, broken.length ? "" : "Every property that applies holds."),
        s.replay ? copyable(s.replay) : null,
      ),
    );
    this.draw();
    if (scroll) byId("seed").scrollIntoView({ block: "center" });
    this.link();
  }

  search(wanted) {
    const lower = wanted.trim().toLowerCase(),
      { data } = this;
    this.hits = null;
    if (lower) {
      this.hits = new Set();
      data.seeds.forEach((s, i) => {
        const words = [
          s.seed,
          ...(s.findings || []),
          s.sentence || "",
          s.failure || "",
          ...data.properties.filter((_, r) => "knum".includes(s.outcomes[r] || "-")).map((p) => p.name),
        ];
        if (/^\d+$/.test(lower) ? s.seed === lower : words.some((w) => w.toLowerCase().includes(lower))) this.hits.add(i);
      });
    }
    this.wanted = lower;
    byId("found").textContent = this.hits ? count(this.hits.size, "seed") : "";
    this.draw();
    this.link();
  }

  link() {
    const parts = [];
    if (this.selected >= 0) parts.push("seed=" + this.data.seeds[this.selected].seed);
    if (this.wanted) parts.push("q=" + encodeURIComponent(this.wanted));
    setHash(parts);
  }

  restore() {
    const hash = hashOf();
    if (hash.get("q")) {
      byId("search").value = hash.get("q");
      this.search(hash.get("q"));
    }
    const index = this.data.seeds.findIndex((s) => s.seed === hash.get("seed"));
    if (index >= 0) this.select(index);
  }

  listen() {
    const cells = byId("cells"),
      search = byId("search");
    new ResizeObserver(() => this.draw()).observe(byId("grid"));
    document.addEventListener("theme", () => {
      readPalette();
      this.draw();
    });
    const at = (e) => {
      const box = cells.getBoundingClientRect(),
        column = Math.floor((e.clientX - box.left - names) / this.cell);
      return [this.order[column], Math.floor((e.clientY - box.top) / rowHeight)];
    };
    cells.addEventListener("click", (e) => {
      const [index] = at(e);
      if (index !== undefined) this.select(index);
    });
    cells.addEventListener("pointermove", (e) => {
      const [index, row] = at(e),
        tip = byId("tip"),
        s = this.data.seeds[index],
        p = this.data.properties[row];
      tip.style.display = s && p ? "block" : "none";
      if (!s || !p) return;
      tip.replaceChildren(el("b", {}, `seed ${s.seed}, ${p.name}: ${s.failure ? "no history" : outcomeWords[s.outcomes[row]]}`), el("div", {}, s.sentence || ""));
      tip.style.left = Math.min(e.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
      tip.style.top = e.clientY + 18 + "px";
    });
    cells.addEventListener("pointerleave", () => {
      byId("tip").style.display = "none";
    });
    byId("order").addEventListener("click", () => {
      this.byFinding = !this.byFinding;
      this.sort();
    });
    search.addEventListener("input", () => this.search(search.value));
    search.addEventListener("keydown", (e) => {
      e.stopPropagation();
      if (e.key === "Escape") {
        search.value = "";
        this.search("");
      }
      if (e.key === "Enter" && this.hits && this.hits.size) {
        this.select(this.order.find((i) => this.hits.has(i)));
        byId("grid").focus();
      }
    });
    const step = (by, want) => {
      for (let column = this.order.indexOf(this.selected) + by; column >= 0 && column < this.order.length; column += by) {
        if (want(this.data.seeds[this.order[column]], this.order[column])) return this.select(this.order[column]);
      }
    };
    const any = (_, i) => !this.hits || this.hits.has(i),
      bad = (s) => s.failure || /[knum]/.test(s.outcomes);
    const keys = {
      ArrowLeft: () => step(-1, any),
      ArrowRight: () => step(1, any),
      n: () => step(1, bad),
      p: () => step(-1, bad),
      "/": () => search.focus(),
      t: () => byId("theme").click(),
      o: () => byId("order").click(),
      "?": () => byId("help").click(),
    };
    onKeys(keys);
    byId("help").addEventListener("click", () =>
      showKeys(
        [
          ["← →", "the seed before, or next: of what was searched for, or of all"],
          ["n p", "the next seed that did not pass, or the one before"],
          ["o", "order by number, or by what was found"],
          ["/", "search"],
          ["Esc", "end the search"],
          ["t", "light or dark"],
          ["?", "these keys"],
        ],
        [
          ["#seed=77", "a seed"],
          ["q=monotonic", "a search"],
        ],
      ),
    );
  }
}

start((bundle) => new CampaignPage(bundle));
