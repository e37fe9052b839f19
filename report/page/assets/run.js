// The page of a run: the verdict beside the timeline, and what is selected.

const mostShown = 300;

class RunPage {
  constructor(bundle) {
    this.run = bundle.get("run");
    this.records = new Records(bundle);
    this.entry = -1;
    this.agent = "";
    head(this.run.name, this.run.headline, this.run.outcome, this.run.outcome.split(" ")[0]);
    readPalette();
    this.timeline = new Timeline(this.run, this.records);
    this.timeline.onchange = () => this.link();
    this.timeline.onselect = (record) => this.select(record, true);
    this.timeline.onviolation = (n) => this.violation(n);
    this.tabs = new Tabs(byId("tabs"), byId("panel"), {
      verdict: { title: "Verdict", make: () => this.verdict() },
      life: { title: "Life", make: () => this.life() },
      record: { title: "Record", make: () => this.record() },
      measures: { title: "Measures", make: () => measures(this.run.measures) },
      plan: { title: "Plan", make: () => this.plan() },
      found: { title: "Search", make: () => this.found() },
      keys: { title: "Keys", make: () => this.keys() },
    });
    this.tabs.show("verdict");
    this.listen();
    this.legend();
    this.restore();
  }

  legend() {
    const color = (name, text, cls) => el("span", {}, el("i", { style: `background:${name}`, class: cls }), text);
    const servers = [...new Set(this.run.spans.filter((s) => s.what === "session").map((s) => s.name))].sort();
    byId("legend").replaceChildren(...servers.slice(0, 8).map((s) => color(`var(--r${(parseInt(s.slice(1), 10) || 0) % 8})`, "session with " + s)),
      color("var(--stale)", "entries of a view that are not as true (log)"), color("var(--loading)", "not yet complete"), color("var(--fault)", "fault"),
      color("var(--view)", "view or datapath changes"), color("var(--gone)", "drops"), color("var(--store)", "puts"), color("var(--truth)", "writes and truth"),
      ...(this.run.violations.length ? [color("var(--bad)", "violation that looks like no finding", "mark"), color("var(--warn)", "that looks like a finding", "mark")] : []));
  }

  // select makes a record the selected one; shown tells that its place is in sight.
  select(record, shown) {
    if (record < 0 || record >= this.records.count) return;
    const t = this.timeline;
    t.selected = record;
    t.lane = t.laneOf(this.records.text("actor", record));
    if (!shown) t.reveal(t.lane);
    t.center(this.records.at[record]);
    t.redraw();
    byId("status").textContent = `line ${line(record)}, ${seconds(this.records.at[record])}: ${this.records.sentence(record)}`;
    if (this.tabs.open !== "life" && this.tabs.open !== "found") this.tabs.show("record");
    else this.mark();
    this.link();
  }

  mark() {
    for (const row of document.querySelectorAll("[data-record]")) row.setAttribute("aria-current", +row.dataset.record === this.timeline.selected);
  }

  // violation jumps to one, by its number, and opens the life of its entry.
  violation(n) {
    const v = this.run.violations[n - 1], t = this.timeline;
    if (!v) return;
    t.violation = n;
    const record = v.records.length ? v.records.reduce((best, r) => (this.records.at[r] <= v.at && r > best ? r : best), v.records[0]) : this.lastBy(v.at);
    t.selected = record;
    t.lane = t.laneOf(v.agent || this.records.text("actor", record));
    t.reveal(t.lane);
    const span = Math.min(t.to - t.from, this.run.end / 4);
    t.show(v.at - span / 2, v.at + span / 2);
    byId("status").textContent = `violation ${n} of ${this.run.violations.length}, of ${v.property}, at ${seconds(v.at)}: ${v.sentence}`;
    this.entry = v.entry;
    this.agent = v.agent || "";
    this.tabs.show("life");
    this.link();
  }

  lastBy(at) { return Math.max(0, firstAt(this.records.at, at + 1) - 1); }

  openLife(entry, agent) {
    this.entry = entry;
    this.agent = agent || "";
    this.timeline.violation = 0;
    this.tabs.show("life");
    this.link();
  }

  verdict() {
    const { run } = this, nodes = [];
    run.groups.forEach((g, i) => {
      const members = run.violations.map((v, n) => [v, n + 1]).filter(([v]) => v.group === i).sort((a, b) => a[0].at - b[0].at);
      const list = el("div", {});
      const fill = (most) => list.replaceChildren(...members.slice(0, most).map(([v, n]) => this.violationButton(v, n)),
        members.length > most ? el("button", { type: "button", click: () => fill(members.length) }, `all ${thousands(members.length)}`) : "");
      fill(5);
      nodes.push(el("section", { class: "card" + (g.news ? " news" : "") },
        el("h2", {}, g.title),
        el("span", { class: "tag " + (g.news ? "news" : "known") }, g.news ? "looks like no finding" : "suspected"),
        g.properties.map((p) => el("span", { class: "tag" }, p)),
        el("p", { class: "faint" }, count(g.count, "violation") + (g.agents ? ", of " + g.agents.slice(0, 8).join(", ") + (g.agents.length > 8 ? " and " + (g.agents.length - 8) + " more" : "") : ""), g.page ? el("span", {}, "; ", el("code", {}, g.page)) : ""),
        members[0] && members[0][0].shown ? el("p", {}, el("span", { class: "faint" }, "Shown by: "), members[0][0].shown) : null,
        list));
    });
    if (!run.groups.length) nodes.push(el("section", { class: "card" + (run.outcome === "pass" ? " good" : "") }, el("h2", {}, run.outcome === "pass" ? "Nothing is broken" : "Nothing is known to be broken"), el("p", {}, run.headline)));
    const icons = { pass: "✓", fail: "✗", unknown: "?", "not applicable": "–", mistake: "!" };
    for (const ground of [false, true]) {
      const rows = run.properties.filter((p) => p.ground === ground);
      nodes.push(el("h2", {}, ground ? "Guarantees of the servers that it stands on" : "The control plane"), ...rows.map((p) => el("div", { class: "property " + p.outcome.split(" ")[0] },
        el("span", { class: "icon", role: "img", "aria-label": p.outcome }, icons[p.outcome]),
        el("details", {}, el("summary", {}, el("b", {}, p.name), " ", el("span", { class: "faint" }, p.outcome === "fail" ? count(p.count, "violation") + (p.promised ? "" : " (not promised by the mode)") + (p.echo ? ", an echo of " + p.echo : "") : p.outcome === "pass" ? "" : p.outcome)),
          el("p", {}, p.promise), el("p", { class: "faint" }, p.evidence)))));
    }
    return nodes;
  }

  violationButton(v, n) {
    return el("button", { type: "button", class: "violation", "data-v": n, "aria-current": this.timeline && this.timeline.violation === n, click: () => this.violation(n) },
      el("time", {}, seconds(v.at)), el("span", {}, el("b", {}, `${n} ${v.property}: `), v.sentence));
  }

  life() {
    const { run, records } = this, v = run.violations[this.timeline.violation - 1], nodes = [];
    if (v) {
      nodes.push(el("section", { class: "card" + (run.groups[v.group].news ? " news" : "") }, el("h2", {}, `Violation ${this.timeline.violation} of ${run.violations.length}: ${v.property}`), el("p", {}, v.sentence),
        v.shown ? el("p", {}, el("span", { class: "faint" }, `Known as ${run.groups[v.group].title}: `), v.shown) : null,
        el("p", { class: "faint" }, "history ", ...[...new Set([...v.records, ...(v.proof || [])])].sort((a, b) => a - b).map((r) => el("button", { type: "button", class: "copy", click: () => this.select(r) }, "line " + line(r))))));
    }
    const life = this.entry >= 0 ? lifeOf(records, this.entry, this.agent) : null;
    if (v && v.chain && life) nodes.push(chainOf(v.chain, life.contents, (r) => this.select(r)));
    if (this.entry < 0) {
      nodes.push(v ? el("p", { class: "faint" }, "It is about no entry of a view.") : el("p", { class: "faint" }, "Search an entry, such as ", el("code", {}, "10.0.0.1"), ", or choose a violation or a record."));
      return nodes;
    }
    const of = run.entries[this.entry];
    nodes.push(el("h2", {}, `${of.Kind} ${of.Key}`),
      el("p", {}, this.agent ? el("button", { type: "button", class: "copy", click: () => this.openLife(this.entry) }, "what all agents saw") : null, this.agent ? " as " + this.agent + " saw it" : `${count(life.agents.length, "agent")} saw it`),
      v && v.chain ? null : contentsList(life.contents));
    const body = el("tbody", {});
    const broken = v ? new Set(v.records) : new Set();
    const row = (s) => el("tr", { class: `step ${s.part}${broken.has(s.record) && s.at === v.at ? " broken" : ""}`, tabindex: 0, "data-record": s.record, "aria-current": s.record === this.timeline.selected, click: () => this.select(s.record), keydown: (e) => e.key === "Enter" && this.select(s.record) },
      el("td", { class: "time" }, seconds(s.at)), el("td", { class: "where" }, s.where), el("td", {}, stepText(s)), el("td", { class: "line" }, line(s.record)));
    const fill = (most) => {
      body.replaceChildren(...life.steps.slice(0, most).map(row));
      if (life.steps.length > most) body.append(el("tr", {}, el("td", { colspan: 4 }, el("button", { type: "button", click: () => fill(life.steps.length) }, `all ${thousands(life.steps.length)} steps`))));
    };
    fill(mostShown);
    nodes.push(el("table", {}, el("thead", {}, el("tr", {}, ["time", "where", "what", "line"].map((t) => el("th", {}, t)))), body));
    return nodes.filter(Boolean);
  }

  record() {
    const i = this.timeline.selected, { records, run } = this;
    if (i < 0) return [el("p", { class: "faint" }, "Choose a place in a lane, or step with ", el("kbd", {}, "←"), " and ", el("kbd", {}, "→"), ".")];
    const rows = [["line", line(i)], ["time", seconds(records.at[i], 9)], ["actor", records.text("actor", i)], ["verb", records.text("verb", i)], ["kind", records.text("kind", i)], ["key", records.text("key", i)], ...records.fields(i)].filter(([, value]) => value !== "");
    const entry = records.entry[i] - 1;
    const broken = run.violations.map((v, n) => [v, n + 1]).filter(([v]) => v.records.includes(i)).slice(0, 20);
    return [
      el("p", {}, el("button", { type: "button", click: () => this.step(-1) }, "← before"), " ", el("button", { type: "button", click: () => this.step(1) }, "next →")),
      el("dl", {}, rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))])),
      entry >= 0 ? el("p", {}, el("button", { type: "button", click: () => this.openLife(entry) }, `The life of ${run.entries[entry].Kind} ${run.entries[entry].Key}`)) : null,
      broken.length ? el("h2", {}, "It proves") : null, ...broken.map(([v, n]) => this.violationButton(v, n)),
    ].filter(Boolean);
  }

  plan() {
    const { run } = this;
    return [el("h2", {}, "The run"), el("dl", {}, run.facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
      el("h2", {}, "Plan"), el("pre", {}, run.plan.join("\n")),
      run.commands.length ? el("h2", {}, "How to go on") : null, ...run.commands.map((c) => [el("div", { class: "faint" }, c.Purpose), copyable(c.Line)]).flat()].filter(Boolean);
  }

  keys() {
    const rows = [["← →", "the record before, or next: of what was searched for, of the life that is open, or of the lane"], ["↑ ↓", "the lane above, or below"], ["n p", "the next violation, or the one before"], ["Enter", "the life of the entry of the selected record"],
      ["+ − 0", "zoom in, out, the whole run"], ["w s a d", "zoom in, out, move left, right"], ["/", "search"], ["Esc", "end the search"], ["t", "light or dark"], ["?", "these keys"]];
    return [el("h2", {}, "Keys"), keyList(rows),
      el("h2", {}, "Mouse"), el("p", {}, "Drag to move in time, turn the wheel with Ctrl to zoom and with Shift to move, click a place for its record. In the overview, drag to choose a part of the run."),
      el("h2", {}, "Links"), el("p", {}, "The address always leads back to what is shown: ", el("code", {}, "#t=37.63s&v=2"), " is an instant and a violation, ", el("code", {}, "e=endpoint/10.0.0.1"), " an entry, ", el("code", {}, "q="), " a search.")];
  }

  // search shows what has a text: entries first, then records.
  search(wanted) {
    this.wanted = wanted.trim();
    const t = this.timeline, { run, records } = this;
    if (!this.wanted) {
      t.matches = null;
      this.hits = null;
      byId("found").textContent = "";
      if (this.tabs.open === "found") this.tabs.show("verdict");
      t.redraw();
      return this.link();
    }
    const lower = this.wanted.toLowerCase();
    this.entries = run.entries.map((e, i) => [e, i]).filter(([e]) => `${e.Kind}/${e.Key}`.toLowerCase().includes(lower) || lower === e.Kind + " " + e.Key);
    this.entries.sort((a, b) => (b[0].Key.toLowerCase() === lower) - (a[0].Key.toLowerCase() === lower));
    t.matches = records.search(this.wanted);
    this.hits = [];
    for (let i = 0; i < t.matches.length; i++) if (t.matches[i]) this.hits.push(i);
    byId("found").textContent = count(this.hits.length, "record");
    this.tabs.show("found");
    t.redraw();
    this.link();
  }

  found() {
    if (!this.hits) return [el("p", { class: "faint" }, "Search with ", el("kbd", {}, "/"), ": words that a record has, all of them; ", el("code", {}, "line:257"), " is a line of the history.")];
    const { run, records } = this;
    return [el("h2", {}, count(this.entries.length, "entr").replace(/entrs?$/, (s) => (s === "entr" ? "entry" : "entries"))),
      ...this.entries.slice(0, 20).map(([e, i]) => el("button", { type: "button", class: "violation entry", click: () => this.openLife(i) }, el("time", {}, e.Kind), el("span", {}, e.Key))),
      el("h2", {}, count(this.hits.length, "record")),
      el("table", {}, el("tbody", {}, this.hits.slice(0, mostShown).map((i) => el("tr", { class: "step", tabindex: 0, "data-record": i, "aria-current": i === this.timeline.selected, click: () => this.select(i), keydown: (e) => e.key === "Enter" && this.select(i) },
        el("td", { class: "time" }, seconds(records.at[i])), el("td", {}, ((s) => (s.length > 180 ? s.slice(0, 180) + "…" : s))(records.sentence(i))), el("td", { class: "line" }, line(i)))))),
      this.hits.length > mostShown ? el("p", { class: "faint" }, `and ${thousands(this.hits.length - mostShown)} more; → steps through all of them`) : null].filter(Boolean);
  }

  // step goes to the record before or after the selected one.
  step(by) {
    const t = this.timeline, { records } = this;
    let list = t.lanes[t.lane].records;
    if (this.hits && this.hits.length) list = this.hits;
    else if (this.tabs.open === "life" && this.entry >= 0) list = lifeOf(records, this.entry, this.agent).steps.map((s) => s.record);
    if (!list.length) return;
    let low = 0, high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle] < t.selected) low = middle + 1;
      else high = middle;
    }
    const next = t.selected < 0 ? lowerBound(list, records.at, t.from) : by < 0 ? low - 1 : list[low] === t.selected ? low + 1 : low;
    this.select(list[Math.max(0, Math.min(list.length - 1, next))]);
  }

  listen() {
    const search = byId("search");
    let timer = 0;
    search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => this.search(search.value), this.records.count > 1e5 ? 250 : 80); });
    search.addEventListener("keydown", (e) => {
      if (e.key === "Enter") {
        clearTimeout(timer);
        this.search(search.value);
        if (this.hits && this.hits.length) this.select(this.hits[0]);
        byId("scroll").focus();
      } else if (e.key === "Escape") { search.value = ""; this.search(""); byId("scroll").focus(); }
      e.stopPropagation();
    });
    const t = this.timeline, whole = () => { t.show(0, this.run.end * 1.008); t.changed(); };
    byId("zoom-in").addEventListener("click", () => t.zoom(0.5));
    byId("zoom-out").addEventListener("click", () => t.zoom(2));
    byId("whole").addEventListener("click", whole);
    byId("help").addEventListener("click", () => this.tabs.show("keys"));
    const middle = () => (t.selected >= 0 && this.records.at[t.selected] > t.from && this.records.at[t.selected] < t.to ? this.records.at[t.selected] : undefined);
    const next = (by) => {
      const n = this.run.violations.length;
      if (!n) return;
      const order = this.run.violations.map((v, i) => i).sort((a, b) => this.run.violations[a].at - this.run.violations[b].at || a - b);
      const at = order.indexOf(t.violation - 1);
      this.violation(order[at < 0 ? (by > 0 ? 0 : n - 1) : (at + by + n) % n] + 1);
    };
    const lane = (by) => { t.lane = Math.max(0, Math.min(t.lanes.length - 1, t.lane + by)); t.reveal(t.lane); t.redraw(); byId("status").textContent = "lane " + t.lanes[t.lane].name; };
    const keys = {
      ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1), ArrowUp: () => lane(-1), ArrowDown: () => lane(1), n: () => next(1), p: () => next(-1),
      "+": () => t.zoom(0.5, middle()), "=": () => t.zoom(0.5, middle()), w: () => t.zoom(0.5, middle()), "-": () => t.zoom(2, middle()), s: () => t.zoom(2, middle()), a: () => t.pan(-0.25), d: () => t.pan(0.25), 0: whole,
      "/": () => search.focus(), t: () => byId("theme").click(), "?": () => this.tabs.show("keys"),
      Escape: () => { search.value = ""; this.search(""); },
      Enter: () => { const e = t.selected >= 0 ? this.records.entry[t.selected] - 1 : -1; if (e >= 0) this.openLife(e); },
    };
    onKeys(keys, (e) => e.target === document.body || e.target.id === "scroll" || !(e.key === "Enter" || (e.target.id === "panel" && e.key.startsWith("Arrow"))));
    addEventListener("hashchange", () => { if (location.hash !== this.written) this.restore(); });
  }

  // link writes into the address what is shown.
  link() {
    const t = this.timeline, parts = [];
    if (t.selected >= 0) parts.push("t=" + this.records.at[t.selected] / 1e9 + "s", "r=" + line(t.selected));
    else if (t.to - t.from < this.run.end) parts.push("t=" + (t.from + t.to) / 2e9 + "s");
    if (t.to - t.from < this.run.end) parts.push("w=" + (t.to - t.from) / 1e9 + "s");
    if (t.violation) parts.push("v=" + t.violation);
    else if (this.tabs.open === "life" && this.entry >= 0) parts.push("e=" + encodeURIComponent(`${this.run.entries[this.entry].Kind}/${this.run.entries[this.entry].Key}`));
    if (this.wanted) parts.push("q=" + encodeURIComponent(this.wanted));
    this.written = setHash(parts);
  }

  // restore shows what the address says.
  restore() {
    const hash = hashOf(), t = this.timeline, ns = (name) => parseFloat(hash.get(name)) * 1e9;
    const width = ns("w"), at = ns("t"), v = parseInt(hash.get("v"), 10), record = parseInt(hash.get("r"), 10) - 3;
    if (hash.get("q")) { byId("search").value = hash.get("q"); this.search(hash.get("q")); }
    if (v >= 1 && v <= this.run.violations.length) this.violation(v);
    const entry = this.run.entries.findIndex((e) => `${e.Kind}/${e.Key}` === hash.get("e"));
    if (entry >= 0) this.openLife(entry);
    if (record >= 0 && record < this.records.count) this.select(record);
    else if (!isNaN(at) && !v) this.select(this.lastBy(at));
    if (!isNaN(at)) t.show(at - (width || t.to - t.from) / 2, at + (width || t.to - t.from) / 2);
    t.redraw();
  }
}

start((bundle) => {
  const made = new RunPage(bundle);
  made.timeline.draw();
  return made;
});
