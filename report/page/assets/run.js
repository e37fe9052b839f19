// The page of a run: the verdict beside the timeline, and what is selected.

class RunPage extends Panels {
  constructor(bundle) {
    super();
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
    byId("legend").replaceChildren(
      ...servers.slice(0, 8).map((s) => color(`var(--r${(parseInt(s.slice(1), 10) || 0) % 8})`, "session with " + s)),
      color("var(--stale)", "entries of a view that are not as true (log)"),
      color("var(--loading)", "not yet complete"),
      color("var(--fault)", "fault"),
      color("var(--view)", "view or datapath changes"),
      color("var(--gone)", "drops"),
      color("var(--store)", "puts"),
      color("var(--truth)", "writes and truth"),
      ...(this.run.violations.length ? [color("var(--bad)", "violation that looks like no finding", "mark"), color("var(--warn)", "that looks like a finding", "mark")] : []),
    );
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
    const v = this.run.violations[n - 1],
      t = this.timeline;
    if (!v) return;
    t.violation = n;
    const there = v.records.filter((r) => r < this.records.count); // what was left over is counted after the end
    const record = there.length ? there.reduce((best, r) => (this.records.at[r] <= v.at && r > best ? r : best), there[0]) : this.lastBy(v.at);
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

  lastBy(at) {
    return Math.max(0, firstAt(this.records.at, at + 1) - 1);
  }

  openLife(entry, agent) {
    this.entry = entry;
    this.agent = agent || "";
    this.timeline.violation = 0;
    this.tabs.show("life");
    this.link();
  }

  // search shows what has a text: entries first, then records.
  search(wanted) {
    this.wanted = wanted.trim();
    const t = this.timeline,
      { run, records } = this;
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

  // step goes to the record before or after the selected one.
  step(by) {
    const t = this.timeline,
      { records } = this;
    let list = t.lanes[t.lane].records;
    if (this.hits && this.hits.length) list = this.hits;
    else if (this.tabs.open === "life" && this.entry >= 0) list = lifeOf(records, this.entry, this.agent).steps.map((s) => s.record);
    if (!list.length) return;
    let low = 0,
      high = list.length;
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
    search.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.search(search.value), this.records.count > 1e5 ? 250 : 80);
    });
    search.addEventListener("keydown", (e) => {
      if (e.key === "Enter") {
        clearTimeout(timer);
        this.search(search.value);
        if (this.hits && this.hits.length) this.select(this.hits[0]);
        byId("scroll").focus();
      } else if (e.key === "Escape") {
        search.value = "";
        this.search("");
        byId("scroll").focus();
      }
      e.stopPropagation();
    });
    const t = this.timeline,
      whole = () => {
        t.show(0, this.run.end * 1.008);
        t.changed();
      };
    byId("zoom-in").addEventListener("click", () => t.zoom(0.5));
    byId("zoom-out").addEventListener("click", () => t.zoom(2));
    byId("whole").addEventListener("click", whole);
    byId("help").addEventListener("click", () => this.tabs.show("keys"));
    const middle = () => (t.selected >= 0 && this.records.at[t.selected] > t.from && this.records.at[t.selected] < t.to ? this.records.at[t.selected] : undefined);
    const next = (by) => {
      const n = this.run.violations.length;
      if (!n) return;
      const order = this.run.violations.map((_, i) => i).sort((a, b) => this.run.violations[a].at - this.run.violations[b].at || a - b);
      const at = order.indexOf(t.violation - 1);
      this.violation(order[at < 0 ? (by > 0 ? 0 : n - 1) : (at + by + n) % n] + 1);
    };
    const lane = (by) => {
      t.lane = Math.max(0, Math.min(t.lanes.length - 1, t.lane + by));
      t.reveal(t.lane);
      t.redraw();
      byId("status").textContent = "lane " + t.lanes[t.lane].name;
    };
    const keys = {
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      ArrowUp: () => lane(-1),
      ArrowDown: () => lane(1),
      n: () => next(1),
      p: () => next(-1),
      "+": () => t.zoom(0.5, middle()),
      "=": () => t.zoom(0.5, middle()),
      w: () => t.zoom(0.5, middle()),
      "-": () => t.zoom(2, middle()),
      s: () => t.zoom(2, middle()),
      a: () => t.pan(-0.25),
      d: () => t.pan(0.25),
      0: whole,
      "/": () => search.focus(),
      t: () => byId("theme").click(),
      "?": () => this.tabs.show("keys"),
      Escape: () => {
        search.value = "";
        this.search("");
      },
      Enter: () => {
        const e = t.selected >= 0 ? this.records.entry[t.selected] - 1 : -1;
        if (e >= 0) this.openLife(e);
      },
    };
    onKeys(keys, (e) => e.target === document.body || e.target.id === "scroll" || !(e.key === "Enter" || (e.target.id === "panel" && e.key.startsWith("Arrow"))));
    addEventListener("hashchange", () => {
      if (location.hash !== this.written) this.restore();
    });
  }

  // link writes into the address what is shown.
  link() {
    const t = this.timeline,
      parts = [];
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
    const hash = hashOf(),
      t = this.timeline,
      ns = (name) => parseFloat(hash.get(name)) * 1e9;
    const width = ns("w"),
      at = ns("t"),
      v = parseInt(hash.get("v"), 10),
      record = parseInt(hash.get("r"), 10) - 3;
    if (hash.get("q")) {
      byId("search").value = hash.get("q");
      this.search(hash.get("q"));
    }
    if (v >= 1 && v <= this.run.violations.length) this.violation(v);
    const entry = this.run.entries.findIndex((e) => `${e.Kind}/${e.Key}` === hash.get("e"));
    if (entry >= 0) this.openLife(entry);
    if (record >= 0 && record < this.records.count) this.select(record);
    else if (!Number.isNaN(at) && !v) this.select(this.lastBy(at));
    if (!Number.isNaN(at)) t.show(at - (width || t.to - t.from) / 2, at + (width || t.to - t.from) / 2);
    t.redraw();
  }
}

start((bundle) => {
  const made = new RunPage(bundle);
  made.timeline.draw();
  return made;
});
