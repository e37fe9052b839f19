// The records of a run, and the lives of entries, which report/life has told.

// Records are the columns of a history. Those that are seldom asked for are decoded then.
class Records {
  constructor(bundle) {
    this.bundle = bundle;
    this.texts = bundle.get("texts");
    for (const name of ["at", "actor"]) this[name] = bundle.get(name);
    this.count = this.at.length;
    for (const name of ["verb", "kind", "key", "entry"]) Object.defineProperty(this, name, { get: () => bundle.get(name) });
  }

  number(name, i) {
    return this.bundle.get(name)[i];
  }
  text(name, i) {
    return this.texts[(this[name] || this.bundle.get(name))[i]];
  }

  // fields are those of a record that are not empty, as the history's file has them.
  fields(i) {
    const all = [];
    for (const name of ["value", "op", "owner", "peer", "store", "end"]) if (this.text(name, i)) all.push([name, this.text(name, i)]);
    for (const name of ["rv", "rev", "inc"]) if (this.number(name, i)) all.push([name, this.number(name, i)]);
    const from = this.number("from", i);
    if (from) all.push(["from", seconds(this.at[i] - from + 1, 9)]);
    if (this.number("more", i)) all.push(["more", "true"]);
    for (const name of ["err", "ask"]) if (this.text(name, i)) all.push([name, this.text(name, i)]);
    for (const name of ["id", "bytes"]) if (this.number(name, i)) all.push([name, this.number(name, i)]);
    if (this.text("source", i)) all.push(["source", this.text("source", i)]);
    if (this.number("session", i)) all.push(["session", this.number("session", i)]);
    return all;
  }

  sentence(i) {
    return [this.text("actor", i), this.text("verb", i), this.text("kind", i), this.text("key", i), ...this.fields(i).map(([name, value]) => name + "=" + value)]
      .filter(Boolean)
      .join(" ");
  }

  // search returns, for each record, whether one of its texts has what is searched for.
  search(wanted) {
    const parts = wanted.toLowerCase().split(/\s+/).filter(Boolean);
    const found = new Uint8Array(this.count).fill(1);
    for (const part of parts) {
      const has = new Uint8Array(this.texts.length);
      for (let t = 0; t < this.texts.length; t++) has[t] = this.texts[t].toLowerCase().includes(part) ? 1 : 0;
      const columns = ["actor", "verb", "kind", "key", "value", "owner", "peer", "store", "err"].map((name) => this[name] || this.bundle.get(name));
      const named = /^line:?(\d+)$/.exec(part);
      for (let i = 0; i < found.length; i++) {
        if (!found[i]) continue;
        let hit = named ? line(i) === +named[1] : 0;
        for (let c = 0; !hit && c < columns.length; c++) hit = has[columns[c][i]];
        if (!hit) found[i] = 0;
      }
    }
    return found;
  }
}

const letterOf = (i) => String.fromCharCode(65 + (i % 26)) + (i >= 26 ? Math.floor(i / 26) : "");
const letterColors = ["#2f6db5", "#c2611f", "#3c8a3f", "#8f4f9f", "#207d80", "#a03c3c", "#6c5b18", "#555f6d"];

const partNames = ["truth", "sent", "store", "view", "datapath", "process", "connection", "fault"];

// lifeOf is the life of an entry: its steps, among those of the hosts. Of agents it has the
// one that is named or, if none is, those that ever showed the entry.
function lifeOf(records, entry, agent) {
  const { bundle, texts } = records,
    column = (name) => bundle.get("life." + name);
  const ends = column("ends"),
    at = [column("record"), column("part"), column("where"), column("text"), column("agent"), column("content")];
  if (!records.stepRecords) {
    // the record of each step, from how much more it is than that of the one before
    let last = 0;
    records.stepRecords = at[0].map((more) => (last += more));
  }
  const step = (i) => ({
    record: records.stepRecords[i],
    at: records.at[records.stepRecords[i]],
    part: partNames[at[1][i]],
    where: texts[at[2][i]],
    text: texts[at[3][i]],
    agent: texts[at[4][i]],
    content: at[5][i] - 1,
  });
  const group = (g) => {
    const all = [];
    for (let i = g ? ends[g - 1] : 0; i < ends[g]; i++) all.push(step(i));
    return all;
  };
  const own = group(entry),
    agents = [...new Set(own.filter((s) => s.part === "view" || s.part === "datapath").map((s) => s.agent))];
  const shown = agent ? new Set([agent]) : new Set(agents);
  const steps = [...own, ...group(ends.length - 1)].filter((s) => !s.agent || shown.has(s.agent)).sort((a, b) => a.record - b.record);
  const contentEnds = bundle.get("contents.ends"),
    contents = [];
  for (let i = entry ? contentEnds[entry - 1] : 0; i < contentEnds[entry]; i++) contents.push(texts[bundle.get("contents")[i]]);
  return { contents, steps, agents };
}

// stepText is what a step says, with the mark of the content that it names.
function stepText(s) {
  if (s.content < 0) return [s.text];
  const [, before, after] = new RegExp(`^(.*?)\\b${letterOf(s.content)}\\b(.*)$`, "s").exec(s.text);
  return [before, letterMark(s.content), after];
}

function letterMark(i) {
  return el("span", { class: "letter", style: `background:${letterColors[i % letterColors.length]}` }, letterOf(i));
}

function contentsList(contents) {
  return el(
    "div",
    { class: "contents" },
    contents.flatMap((value, i) => [letterMark(i), el("code", {}, value)]),
  );
}

// chainOf shows who said what when a violation came to be, and the first wrong step.
function chainOf(chain, contents, select) {
  const mark = (letter) => letterMark(letter.charCodeAt(0) - 65 + 26 * (+letter.slice(1) || 0));
  const says = (link) => (link.says === "nothing" ? el("span", { class: "faint" }, "nothing") : link.says.split(" and ").map(mark));
  return el(
    "div",
    {},
    el("h2", {}, `${chain.links ? "Who said what" : "What was wrong"} at ${seconds(chain.at)}`),
    contentsList(contents),
    !chain.links
      ? null
      : el(
          "table",
          {},
          el(
            "thead",
            {},
            el(
              "tr",
              {},
              ["where", "says", "", "since"].map((t) => el("th", {}, t)),
            ),
          ),
          el(
            "tbody",
            {},
            chain.links.map((link) =>
              el(
                "tr",
                {
                  class: "step",
                  tabindex: link.record >= 0 ? 0 : null,
                  click: () => link.record >= 0 && select(link.record),
                  keydown: (e) => e.key === "Enter" && link.record >= 0 && select(link.record),
                },
                el("td", { class: "where" }, link.where, link.read ? el("div", { class: "faint" }, "the agent reads it") : null),
                el("td", {}, says(link)),
                el("td", {}, link.where === "truth" ? "" : link.right ? el("span", { class: "right" }, "right") : el("span", { class: "wrong" }, "wrong")),
                el("td", { class: "time" }, link.record >= 0 ? seconds(link.since) : ""),
              ),
            ),
          ),
        ),
    el("div", { class: "reason" }, el("b", {}, `The first wrong step: ${chain.wrong}. `), chain.reason),
    chain.faults ? chain.faults.map((f) => el("p", { class: "faint" }, "On was fault " + f)) : null,
  );
}
