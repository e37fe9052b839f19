// The panels beside the timeline: the verdict, the life of an entry, a record, the plan, what was
// searched for, and the keys. RunPage shows one of them.

const mostShown = 300;

class Panels {
  verdict() {
    const { run } = this,
      nodes = [];
    run.groups.forEach((g, i) => {
      const members = run.violations
        .map((v, n) => [v, n + 1])
        .filter(([v]) => v.group === i)
        .sort((a, b) => a[0].at - b[0].at);
      const list = el("div", {});
      const fill = (most) =>
        list.replaceChildren(
          ...members.slice(0, most).map(([v, n]) => this.violationButton(v, n)),
          members.length > most ? el("button", { type: "button", click: () => fill(members.length) }, `all ${thousands(members.length)}`) : "",
        );
      fill(5);
      nodes.push(
        el(
          "section",
          { class: "card" + (g.news ? " news" : "") },
          el("h2", {}, g.title),
          el("span", { class: "tag " + (g.news ? "news" : "known") }, g.news ? "looks like no finding" : "suspected"),
          g.properties.map((p) => el("span", { class: "tag" }, p)),
          el(
            "p",
            { class: "faint" },
            count(g.count, "violation") + (g.agents ? ", of " + g.agents.slice(0, 8).join(", ") + (g.agents.length > 8 ? " and " + (g.agents.length - 8) + " more" : "") : ""),
            g.page ? el("span", {}, "; ", el("code", {}, g.page)) : "",
          ),
          members[0] && members[0][0].shown ? el("p", {}, el("span", { class: "faint" }, "Shown by: "), members[0][0].shown) : null,
          list,
        ),
      );
    });
    if (!run.groups.length)
      nodes.push(
        el(
          "section",
          { class: "card" + (run.outcome === "pass" ? " good" : "") },
          el("h2", {}, run.outcome === "pass" ? "Nothing is broken" : "Nothing is known to be broken"),
          el("p", {}, run.headline),
        ),
      );
    const icons = { pass: "✓", fail: "✗", unknown: "?", "not applicable": "–", mistake: "!" };
    for (const ground of [false, true]) {
      const rows = run.properties.filter((p) => p.ground === ground);
      nodes.push(
        el("h2", {}, ground ? "Guarantees of the servers that it stands on" : "The control plane"),
        ...rows.map((p) =>
          el(
            "div",
            { class: "property " + p.outcome.split(" ")[0] },
            el("span", { class: "icon", role: "img", "aria-label": p.outcome }, icons[p.outcome]),
            el(
              "details",
              {},
              el(
                "summary",
                {},
                el("b", {}, p.name),
                " ",
                el(
                  "span",
                  { class: "faint" },
                  p.outcome === "fail"
                    ? count(p.count, "violation") + (p.promised ? "" : " (not promised by the mode)") + (p.echo ? ", an echo of " + p.echo : "")
                    : p.outcome === "pass"
                      ? ""
                      : p.outcome,
                ),
              ),
              el("p", {}, p.promise),
              el("p", { class: "faint" }, p.evidence),
            ),
          ),
        ),
      );
    }
    return nodes;
  }

  violationButton(v, n) {
    return el(
      "button",
      { type: "button", class: "violation", "data-v": n, "aria-current": this.timeline && this.timeline.violation === n, click: () => this.violation(n) },
      el("time", {}, seconds(v.at)),
      el("span", {}, el("b", {}, `${n} ${v.property}: `), v.sentence),
    );
  }

  life() {
    const { run, records } = this,
      v = run.violations[this.timeline.violation - 1],
      nodes = [];
    if (v) {
      nodes.push(
        el(
          "section",
          { class: "card" + (run.groups[v.group].news ? " news" : "") },
          el("h2", {}, `Violation ${this.timeline.violation} of ${run.violations.length}: ${v.property}`),
          el("p", {}, v.sentence),
          v.shown ? el("p", {}, el("span", { class: "faint" }, `Looks like ${run.groups[v.group].title}: `), v.shown) : null,
          el(
            "p",
            { class: "faint" },
            "history ",
            ...[...new Set([...v.records, ...(v.proof || [])])]
              .sort((a, b) => a - b)
              .map((r) => el("button", { type: "button", class: "copy", click: () => this.select(r) }, "line " + line(r))),
          ),
        ),
      );
    }
    const life = this.entry >= 0 ? lifeOf(records, this.entry, this.agent) : null;
    if (v && v.chain) nodes.push(chainOf(v.chain, life ? life.contents : [], (r) => this.select(r)));
    if (v && v.log)
      nodes.push(
        el("p", { class: "faint" }, v.chain ? `What the code under test logged then${v.chain.host ? ", of " + v.chain.host : ""}:` : "What to see of it:"),
        copyable(v.log),
      );
    if (this.entry < 0) {
      nodes.push(v ? this.proofs(v) : el("p", { class: "faint" }, "Search an entry, such as ", el("code", {}, "10.0.0.1"), ", or choose a violation or a record."));
      return nodes;
    }
    const of = run.entries[this.entry];
    nodes.push(
      el("h2", {}, `${of.Kind} ${of.Key}`),
      el(
        "p",
        {},
        this.agent ? el("button", { type: "button", class: "copy", click: () => this.openLife(this.entry) }, "what all agents saw") : null,
        this.agent ? " as " + this.agent + " saw it" : `${count(life.agents.length, "agent")} saw it`,
      ),
      v && v.chain ? null : contentsList(life.contents),
    );
    const body = el("tbody", {});
    const broken = v ? new Set(v.records) : new Set();
    const row = (s) =>
      el(
        "tr",
        {
          class: `step ${s.part}${broken.has(s.record) && s.at === v.at ? " broken" : ""}`,
          tabindex: 0,
          "data-record": s.record,
          "aria-current": s.record === this.timeline.selected,
          click: () => this.select(s.record),
          keydown: (e) => e.key === "Enter" && this.select(s.record),
        },
        el("td", { class: "time" }, seconds(s.at)),
        el("td", { class: "where" }, s.where),
        el("td", {}, stepText(s)),
        el("td", { class: "line" }, line(s.record)),
      );
    const fill = (most) => {
      body.replaceChildren(...life.steps.slice(0, most).map(row));
      if (life.steps.length > most)
        body.append(el("tr", {}, el("td", { colspan: 4 }, el("button", { type: "button", click: () => fill(life.steps.length) }, `all ${thousands(life.steps.length)} steps`))));
    };
    fill(mostShown);
    nodes.push(
      el(
        "table",
        {},
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            ["time", "where", "what", "line"].map((t) => el("th", {}, t)),
          ),
        ),
        body,
      ),
    );
    return nodes.filter(Boolean);
  }

  // proofs are the records that prove a violation which is about no entry of a view.
  proofs(v) {
    return el(
      "table",
      {},
      el("thead", {}, el("tr", {}, ...["time", "what proves it", "line"].map((t) => el("th", {}, t)))),
      el(
        "tbody",
        {},
        v.records.filter((r) => r < this.records.count).map((r) => this.recordRow(r)),
      ),
    );
  }

  recordRow(i) {
    const { records } = this;
    return el(
      "tr",
      {
        class: "step",
        tabindex: 0,
        "data-record": i,
        "aria-current": i === this.timeline.selected,
        click: () => this.select(i),
        keydown: (e) => e.key === "Enter" && this.select(i),
      },
      el("td", { class: "time" }, seconds(records.at[i])),
      el("td", {}, ((s) => (s.length > 180 ? s.slice(0, 180) + "…" : s))(records.sentence(i))),
      el("td", { class: "line" }, line(i)),
    );
  }

  record() {
    const i = this.timeline.selected,
      { records, run } = this;
    if (i < 0) return [el("p", { class: "faint" }, "Choose a place in a lane, or step with ", el("kbd", {}, "←"), " and ", el("kbd", {}, "→"), ".")];
    const rows = [
      ["line", line(i)],
      ["time", seconds(records.at[i], 9)],
      ["actor", records.text("actor", i)],
      ["verb", records.text("verb", i)],
      ["kind", records.text("kind", i)],
      ["key", records.text("key", i)],
      ...records.fields(i),
    ].filter(([, value]) => value !== "");
    const entry = records.entry[i] - 1;
    const broken = run.violations
      .map((v, n) => [v, n + 1])
      .filter(([v]) => v.records.includes(i))
      .slice(0, 20);
    return [
      el("p", {}, el("button", { type: "button", click: () => this.step(-1) }, "← before"), " ", el("button", { type: "button", click: () => this.step(1) }, "next →")),
      el(
        "dl",
        {},
        rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))]),
      ),
      entry >= 0 ? el("p", {}, el("button", { type: "button", click: () => this.openLife(entry) }, `The life of ${run.entries[entry].Kind} ${run.entries[entry].Key}`)) : null,
      broken.length ? el("h2", {}, "It proves") : null,
      ...broken.map(([v, n]) => this.violationButton(v, n)),
    ].filter(Boolean);
  }

  plan() {
    const { run } = this;
    return [
      el("h2", {}, "The run"),
      el(
        "dl",
        {},
        run.facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
      ),
      el("h2", {}, "Plan"),
      el("pre", {}, run.plan.join("\n")),
      run.commands.length ? el("h2", {}, "How to go on") : null,
      ...run.commands.map((c) => [el("div", { class: "faint" }, c.Purpose), copyable(c.Line)]).flat(),
    ].filter(Boolean);
  }

  keys() {
    const rows = [
      ["← →", "the record before, or next: of what was searched for, of the life that is open, or of the lane"],
      ["↑ ↓", "the lane above, or below"],
      ["n p", "the next violation, or the one before"],
      ["Enter", "the life of the entry of the selected record"],
      ["+ − 0", "zoom in, out, the whole run"],
      ["w s a d", "zoom in, out, move left, right"],
      ["/", "search"],
      ["Esc", "end the search"],
      ["t", "light or dark"],
      ["?", "these keys"],
    ];
    return [
      el("h2", {}, "Keys"),
      keyList(rows),
      el("h2", {}, "Mouse"),
      el(
        "p",
        {},
        "Drag to move in time, turn the wheel with Ctrl to zoom and with Shift to move, click a place for its record. In the overview, drag to choose a part of the run.",
      ),
      el("h2", {}, "Links"),
      el(
        "p",
        {},
        "The address always leads back to what is shown: ",
        el("code", {}, "#t=37.63s&v=2"),
        " is an instant and a violation, ",
        el("code", {}, "e=endpoint/10.0.0.1"),
        " an entry, ",
        el("code", {}, "q="),
        " a search.",
      ),
    ];
  }

  found() {
    if (!this.hits)
      return [
        el("p", { class: "faint" }, "Search with ", el("kbd", {}, "/"), ": words that a record has, all of them; ", el("code", {}, "line:257"), " is a line of the history."),
      ];
    const { run, records } = this;
    return [
      el(
        "h2",
        {},
        count(this.entries.length, "entr").replace(/entrs?$/, (s) => (s === "entr" ? "entry" : "entries")),
      ),
      ...this.entries
        .slice(0, 20)
        .map(([e, i]) => el("button", { type: "button", class: "violation entry", click: () => this.openLife(i) }, el("time", {}, e.Kind), el("span", {}, e.Key))),
      el("h2", {}, count(this.hits.length, "record")),
      el(
        "table",
        {},
        el(
          "tbody",
          {},
          this.hits.slice(0, mostShown).map((i) => this.recordRow(i)),
        ),
      ),
      this.hits.length > mostShown ? el("p", { class: "faint" }, `and ${thousands(this.hits.length - mostShown)} more; → steps through all of them`) : null,
    ].filter(Boolean);
  }
}
