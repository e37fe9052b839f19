// The records of a run, and the life of one entry among them.

// Records are the columns of a history. Those that are seldom asked for are decoded then.
class Records {
  constructor(bundle) {
    this.bundle = bundle;
    this.texts = bundle.get("texts");
    for (const name of ["at", "actor"]) this[name] = bundle.get(name);
    this.count = this.at.length;
    for (const name of ["verb", "kind", "key", "entry"]) Object.defineProperty(this, name, { get: () => bundle.get(name) });
  }

  number(name, i) { return this.bundle.get(name)[i]; }
  text(name, i) { return this.texts[(this[name] || this.bundle.get(name))[i]]; }

  // fields are those of a record that are not empty, as the history's file has them.
  fields(i) {
    const all = [];
    for (const name of ["value", "op", "owner", "peer", "store", "end"]) if (this.text(name, i)) all.push([name, this.text(name, i)]);
    for (const name of ["rv", "rev", "inc"]) if (this.number(name, i)) all.push([name, this.number(name, i)]);
    const from = this.number("from", i);
    if (from) all.push(["from", seconds(this.at[i] - from + 1, 9)]);
    for (const name of ["err", "ask"]) if (this.text(name, i)) all.push([name, this.text(name, i)]);
    for (const name of ["id", "bytes"]) if (this.number(name, i)) all.push([name, this.number(name, i)]);
    if (this.text("source", i)) all.push(["source", this.text("source", i)]);
    if (this.number("session", i)) all.push(["session", this.number("session", i)]);
    return all;
  }

  sentence(i) {
    return [this.text("actor", i), this.text("verb", i), this.text("kind", i), this.text("key", i),
      ...this.fields(i).map(([name, value]) => name + "=" + value)].filter(Boolean).join(" ");
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

const letterOf = (i) => String.fromCharCode(65 + i % 26) + (i >= 26 ? Math.floor(i / 26) : "");
const letterColors = ["#2f6db5", "#c2611f", "#3c8a3f", "#8f4f9f", "#207d80", "#a03c3c", "#6c5b18", "#555f6d"];

// lifeOf gathers the steps of an entry: of its own records, and of what happened to the
// processes and connections that stand between it and the agents.
function lifeOf(run, records, entry, agent) {
  const contents = [], steps = [];
  const letter = (value) => {
    let i = contents.indexOf(value);
    if (i < 0) i = contents.push(value) - 1;
    return i;
  };
  const text = (name, i) => records.text(name, i);
  const add = (i, kind, where, what, content) => steps.push({ record: i, at: records.at[i], kind, where, what, content });
  const agents = new Set();
  const entries = records.entry, verbs = records.verb, apart = new Set(["fault", "heal", "phase", "up", "down", "connect", "disconnect"]);
  const beside = Uint8Array.from(records.texts, (t) => (apart.has(t) ? 1 : 0));
  for (let i = 0; i < records.count; i++) {
    if (entries[i] !== entry + 1 && !beside[verbs[i]]) continue;
    const actor = text("actor", i), verb = text("verb", i);
    if (entries[i] === entry + 1) {
      const from = text("peer", i) ? ` from ${text("peer", i)}` : "", session = records.number("session", i) ? ` (session ${records.number("session", i)})` : "";
      const by = ({ watch: ", by its watch", list: ", by its list", drop: ", given up by the reader" })[text("op", i)] || "";
      const isAgent = ["see", "drop", "program", "unprogram"].includes(verb);
      if (isAgent) agents.add(actor);
      if (isAgent && agent && actor !== agent) continue;
      switch (verb) {
        case "truth":
          if (text("op", i) === "put") add(i, "truth", "truth", `says ${text("owner", i)} (rv ${records.number("rv", i)})`, letter(text("value", i)));
          else add(i, "truth", "truth", `no longer claimed by ${text("owner", i)} (rv ${records.number("rv", i)})`);
          break;
        case "put": add(i, "store", actor + " store", `put at rev ${records.number("rev", i)} (store ${text("store", i)})`, letter(text("value", i))); break;
        case "del": add(i, "store", actor + " store", `deleted at rev ${records.number("rev", i)} (store ${text("store", i)})`); break;
        case "see": add(i, "view", actor + " view", `shown${by}${from}${session}`, letter(text("value", i))); break;
        case "drop": add(i, "view", actor + " view", `dropped${by}${from}${session}`); break;
        case "program": add(i, "view", actor + " datapath", `programmed${by}${from}${session}`, letter(text("value", i))); break;
        case "unprogram": add(i, "view", actor + " datapath", `removed${by}${from}${session}`); break;
      }
      continue;
    }
    switch (verb) {
      case "fault": add(i, "fault", "fault " + records.number("rev", i), text("value", i)); break;
      case "heal": add(i, "fault", "fault " + records.number("rev", i), "is over"); break;
      case "phase": add(i, "quiet", "world", "phase " + text("key", i)); break;
      case "up": case "down":
        if (text("kind", i) !== "agent" || !agent || actor === agent) add(i, text("kind", i) === "agent" ? "quiet of-agent" : "quiet", actor, `${text("kind", i)} ${verb === "up" ? "starts" : "stops"}${text("store", i) ? " (store " + text("store", i) + ")" : ""}`);
        break;
      case "connect": case "disconnect":
        if (!agent || actor === agent) add(i, "quiet of-agent", actor, `${verb === "connect" ? "connects with" : "loses its connection with"} ${text("peer", i)}`);
    }
  }
  return { contents, steps: steps.filter((s) => !s.kind.endsWith("of-agent") || agents.has(s.where)), agents: [...agents] };
}

function letterMark(i) {
  return el("span", { class: "letter", style: `background:${letterColors[i % letterColors.length]}` }, letterOf(i));
}

function contentsList(contents) {
  return el("div", { class: "contents" }, contents.flatMap((value, i) => [letterMark(i), el("code", {}, value)]));
}

// chainOf shows who said what when a violation came to be, and the first wrong step, with
// the letters that the life of the entry has for contents.
function chainOf(chain, life, select) {
  const letter = (l) => {
    const value = chain.contents[l.charCodeAt(0) - 65 + 26 * (+l.slice(1) || 0)];
    if (!life.contents.includes(value)) life.contents.push(value);
    return letterMark(life.contents.indexOf(value));
  };
  const says = (link) => link.says === "nothing" ? el("span", { class: "faint" }, "nothing") : link.says.split(" and ").map(letter);
  const marks = chain.links.map(says);
  return el("div", {},
    el("h2", {}, `Who said what at ${seconds(chain.at)}`),
    contentsList(life.contents),
    el("table", {}, el("thead", {}, el("tr", {}, ["where", "says", "", "since"].map((t) => el("th", {}, t)))), el("tbody", {},
      chain.links.map((link, i) => el("tr", { class: "step", tabindex: link.record >= 0 ? 0 : null, click: () => link.record >= 0 && select(link.record), keydown: (e) => e.key === "Enter" && link.record >= 0 && select(link.record) },
        el("td", { class: "where" }, link.where, link.read ? el("div", { class: "faint" }, "the agent reads it") : null),
        el("td", {}, marks[i]),
        el("td", {}, link.where === "truth" ? "" : link.right ? el("span", { class: "right" }, "right") : el("span", { class: "wrong" }, "wrong")),
        el("td", { class: "time" }, link.record >= 0 ? seconds(link.since) : ""))))),
    el("div", { class: "reason" }, chain.wrong ? [el("b", {}, `The first wrong step: ${chain.wrong}. `), chain.reason] : "Nothing is wrong at this instant: what is broken is the order in which it came, or how long it took."),
    chain.faults ? chain.faults.map((f) => el("p", { class: "faint" }, "On was fault " + f)) : null);
}
