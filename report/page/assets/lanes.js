// The timeline: an overview, an axis with faults and violations, and a lane for each host.

const overviewHeight = 42,
  faultRow = 17,
  font = '11px system-ui, "Segoe UI", "Liberation Sans", Arial, sans-serif';

class Timeline {
  constructor(run, records) {
    Object.assign(this, { run, records, from: 0, to: Math.max(1, run.end * 1.008), selected: -1, violation: 0, lane: 0, matches: null });
    this.canvases = { overview: byId("overview"), axis: byId("axis"), lanes: byId("lanes") };
    this.scroll = byId("scroll");
    this.makeLanes();
    this.faults = run.spans.filter((s) => s.what === "fault");
    this.listen();
  }

  // makeLanes sorts the records by host, and lays the lanes out from top to bottom.
  makeLanes() {
    const { run, records } = this;
    const names = records.texts,
      actors = records.actor;
    const laneOf = new Int32Array(names.length).fill(-1);
    const lanes = run.hosts.map((h) => ({ name: h.name, role: h.role, records: null, spans: [], height: { a: 54, r: 44, e: 38 }[h.name[0]] || 28 }));
    lanes.push({ name: "world", role: "", records: null, spans: [], height: 22 });
    const index = new Map(lanes.map((l, i) => [l.name, i]));
    for (let i = 0; i < names.length; i++) if (index.has(names[i])) laneOf[i] = index.get(names[i]);
    const counts = new Uint32Array(lanes.length);
    for (let i = 0; i < actors.length; i++) if (laneOf[actors[i]] >= 0) counts[laneOf[actors[i]]]++;
    lanes.forEach((l, i) => {
      l.records = new Uint32Array(counts[i]);
    });
    counts.fill(0);
    for (let i = 0; i < actors.length; i++) {
      const at = laneOf[actors[i]];
      if (at >= 0) lanes[at].records[counts[at]++] = i;
    }
    for (const span of run.spans) if (span.host >= 0) lanes[span.host].spans.push(span);
    lanes.forEach((l, i) => {
      const series = run.series[i];
      if (series) l.series = { at: records.bundle.get(series + ".at"), wrong: records.bundle.get(series + ".wrong") };
    });
    const world = lanes.pop();
    lanes.unshift(world);
    let most = 1;
    for (const l of lanes) if (l.series) for (const n of l.series.wrong) most = Math.max(most, n);
    Object.assign(this, { lanes, mostWrong: most });
    this.stack(0);
  }

  // stack puts the lanes below each other; those of agents are higher where there is room.
  stack(room) {
    const agents = this.lanes.filter((l) => l.series).length;
    const least = this.lanes.reduce((sum, l) => sum + l.height, 0);
    const more = agents ? Math.max(0, Math.min(56, Math.floor((room - least) / agents))) : 0;
    let top = 0;
    for (const l of this.lanes) {
      l.top = top;
      l.high = l.height + (l.series ? more : 0);
      top += l.high;
    }
    this.total = top;
  }

  laneOf(name) {
    return Math.max(
      0,
      this.lanes.findIndex((l) => l.name === name),
    );
  }

  // makeFaultRows puts faults into different rows if they, or their names, would overlap when
  // the whole run is shown.
  makeFaultRows() {
    const ends = [],
      room = (this.run.end / Math.max(300, this.width - gutter)) * 150;
    for (const f of this.faults) {
      let row = ends.findIndex((end) => end <= f.from);
      if (row < 0) row = ends.push(0) - 1;
      ends[row] = Math.max(f.to, f.from + room);
      f.row = row;
    }
    this.faultRows = Math.min(ends.length, 5);
    this.axisHeight = 24 + this.faultRows * faultRow + 18;
  }

  x(ns) {
    return gutter + ((ns - this.from) / (this.to - this.from)) * (this.width - gutter);
  }
  time(x) {
    return this.from + ((x - gutter) / (this.width - gutter)) * (this.to - this.from);
  }

  // show changes what part of the run is shown, within the run.
  show(from, to) {
    const end = Math.max(1, this.run.end),
      least = 1000;
    let span = Math.min(end * 1.02, Math.max(least, to - from));
    from = Math.max(-end * 0.01, Math.min(from, end * 1.01 - span));
    this.from = from;
    this.to = from + span;
    this.redraw();
  }

  zoom(factor, around = (this.from + this.to) / 2) {
    this.show(around - (around - this.from) * factor, around + (this.to - around) * factor);
    this.changed();
  }

  // center brings an instant into the middle, unless it is well in sight.
  center(ns, span = this.to - this.from) {
    const margin = (this.to - this.from) * 0.1;
    if (span === this.to - this.from && ns > this.from + margin && ns < this.to - margin) return this.redraw();
    this.show(ns - span / 2, ns + span / 2);
  }

  reveal(lane) {
    const l = this.lanes[lane],
      s = this.scroll;
    if (l.top < s.scrollTop) s.scrollTop = l.top;
    else if (l.top + l.high > s.scrollTop + s.clientHeight) s.scrollTop = l.top + l.high - s.clientHeight;
  }

  redraw() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.draw();
    });
  }

  draw() {
    const width = this.scroll.clientWidth;
    if (width < gutter + 40) return;
    if (this.width !== width) {
      this.width = width;
      this.makeFaultRows();
      fit(this.canvases.axis, width, this.axisHeight); // which leaves more or less room for the lanes
    }
    const height = this.scroll.clientHeight;
    this.stack(height);
    byId("spacer").style.height = Math.max(0, this.total - height) + "px";
    this.drawOverview(fit(this.canvases.overview, width, overviewHeight));
    this.drawAxis(fit(this.canvases.axis, width, this.axisHeight));
    const c = fit(this.canvases.lanes, width, height);
    c.font = font;
    this.drawLanes(c, height);
    this.drawn = (this.drawn || 0) + 1;
  }

  // drawOverview shows the whole run: how many records there are when, faults, violations,
  // and which part is shown below.
  drawOverview(c) {
    const w = this.width,
      end = Math.max(1, this.run.end),
      x = (ns) => gutter + (ns / end) * (w - gutter);
    c.font = font;
    c.fillStyle = palette.faint;
    c.textBaseline = "middle";
    c.fillText("whole run", 12, 21);
    const columns = Math.floor((w - gutter) / 2);
    if (!this.histogram || this.histogram.length !== columns) {
      this.histogram = new Uint32Array(columns);
      const at = this.records.at;
      for (let i = 0; i < at.length; i++) this.histogram[Math.min(columns - 1, Math.floor((at[i] / end) * columns))]++;
      this.histogramMost = this.histogram.reduce((a, b) => Math.max(a, b), 1);
    }
    c.fillStyle = palette["fault-fill"];
    for (const f of this.faults) c.fillRect(x(f.from), 4, Math.max(1.5, x(f.to) - x(f.from)), 34);
    c.fillStyle = palette.density;
    for (let i = 0; i < columns; i++) {
      const n = this.histogram[i];
      if (!n) continue;
      const h = 2 + (26 * Math.log1p(n)) / Math.log1p(this.histogramMost);
      c.fillRect(gutter + i * 2, 38 - h, 1.5, h);
    }
    for (const v of this.run.violations) {
      c.fillStyle = this.violationColor(v);
      c.fillRect(x(v.at) - 1, 3, 2, 9);
    }
    c.fillStyle = palette.surface;
    c.globalAlpha = 0.62;
    c.fillRect(gutter, 0, x(this.from) - gutter, overviewHeight);
    c.fillRect(x(this.to), 0, w - x(this.to), overviewHeight);
    c.globalAlpha = 1;
    c.strokeStyle = palette.accent;
    c.lineWidth = 1.5;
    c.strokeRect(Math.max(gutter, x(this.from)) + 0.5, 1.5, Math.max(3, Math.min(w - 1, x(this.to)) - Math.max(gutter, x(this.from)) - 1), overviewHeight - 3);
  }

  violationColor(v) {
    return this.run.groups[v.group].news ? palette.bad : palette.warn;
  }

  drawAxis(c) {
    const w = this.width,
      { all, digits } = steps(this.from, this.to, Math.max(3, (w - gutter) / 110));
    this.ruler = all;
    c.font = font;
    c.textBaseline = "middle";
    c.fillStyle = palette.grid;
    for (const at of all) c.fillRect(this.x(at), 16, 1, this.axisHeight);
    c.fillStyle = palette.faint;
    c.textAlign = "center";
    for (const at of all) if (this.x(at) > gutter + 10) c.fillText(seconds(at, digits), this.x(at), 10);
    c.textAlign = "left";
    c.save();
    c.beginPath();
    c.rect(gutter, 0, w - gutter, this.axisHeight);
    c.clip();
    for (const f of this.faults) {
      const from = Math.max(gutter - 4, this.x(f.from)),
        to = Math.min(w + 4, Math.max(this.x(f.to), from + 4)),
        y = 22 + (f.row % this.faultRows) * faultRow;
      if (to < gutter || from > w) continue;
      c.fillStyle = palette.fault;
      c.beginPath();
      c.roundRect(from, y, Math.max(4, to - from), faultRow - 4, 3);
      c.fill();
      const inside = to - from > 90;
      c.fillStyle = inside ? "#221a05" : palette.text;
      label(
        c,
        `${f.number} ${f.name}${f.hosts ? " " + f.hosts.map((h) => this.run.hosts[h].name).join(" ") : ""}`,
        inside ? from + 5 : to + 4,
        y + 7.5,
        inside ? to - from - 8 : 140,
      );
    }
    const y = this.axisHeight - 10;
    let lastX = -9,
      hidden = null;
    this.run.violations.forEach((v, i) => {
      const x = this.x(v.at);
      if (x < gutter || x > w || (x - lastX < 1.5 && this.violation !== i + 1)) return;
      lastX = x;
      if (this.violation === i + 1) {
        hidden = x;
        return;
      }
      c.fillStyle = this.violationColor(v);
      diamond(c, x, y, 4.5);
    });
    if (hidden !== null) {
      c.fillStyle = palette.bad;
      diamond(c, hidden, y, 7);
      c.fillStyle = palette.surface;
      diamond(c, hidden, y, 3);
    }
    c.restore();
    c.fillStyle = palette.faint;
    if (this.faultRows) c.fillText("faults", 12, 29);
    if (this.run.violations.length) c.fillText("violations", 12, y);
  }

  drawLanes(c, height) {
    const w = this.width,
      top = this.scroll.scrollTop;
    c.fillStyle = palette.grid;
    for (const at of this.ruler) if (this.x(at) > gutter) c.fillRect(this.x(at), 0, 1, height);
    this.lanes.forEach((l, i) => {
      const y = l.top - top;
      if (y + l.high < 0 || y > height) return;
      if (i === this.lane) {
        c.fillStyle = palette["accent-soft"];
        c.globalAlpha = 0.45;
        c.fillRect(0, y, w, l.high);
        c.globalAlpha = 1;
      }
      c.save();
      c.beginPath();
      c.rect(gutter, y, w - gutter, l.high);
      c.clip();
      this.drawFaultsOf(c, l, y);
      this.drawLane(c, l, y);
      c.restore();
      c.fillStyle = palette.line;
      c.fillRect(0, y + l.high - 1, w, 1);
      c.textBaseline = "middle";
      c.fillStyle = palette.text;
      c.font = "600 " + font;
      c.fillText(l.name, 12, y + Math.min(14, l.high / 2));
      c.font = font;
      c.fillStyle = palette.faint;
      if (l.high > 40) c.fillText({ a: "agent", r: "replica" }[l.name[0]] || "", 12, y + 29);
      else c.fillText({ k: "apiserver", o: "operator", w: "workload" }[l.name[0]] && l.name !== "world" ? { k: "api", o: "operator", w: "workload" }[l.name[0]] : "", 34, y + 14);
    });
    this.drawSelection(c, top, height);
  }

  drawFaultsOf(c, l, y) {
    const host = this.run.hosts.findIndex((h) => h.name === l.name);
    for (const f of this.faults) {
      if (!f.hosts || !f.hosts.includes(host)) continue;
      const from = this.x(f.from),
        to = Math.max(this.x(f.to), from + 2);
      if (to < gutter || from > this.width) continue;
      c.fillStyle = palette["fault-fill"];
      c.fillRect(from, y, to - from, l.high - 1);
    }
  }

  drawLane(c, l, y) {
    const kind = l.name[0];
    for (const s of l.spans) this.drawSpan(c, l, s, y);
    if (l.series) this.drawSeries(c, l.series, y + 18, l.high - 31);
    if (l.name === "world") for (const s of this.run.spans) if (s.what === "phase") this.drawPhase(c, s, y, l.high);
    const ticks = { a: [l.high - 11, 8], r: [33, 8] }[kind] || [8, l.high - 14];
    if (l.name === "world") return;
    this.drawTicks(c, l, y + ticks[0], ticks[1]);
    for (let i = 0; i < this.run.violations.length; i++) {
      const v = this.run.violations[i],
        x = this.x(v.at);
      if (v.agent !== l.name || x < gutter || x > this.width) continue;
      c.fillStyle = this.violationColor(v);
      diamond(c, x, y + l.high - 24, this.violation === i + 1 ? 6 : 3.5);
    }
  }

  drawPhase(c, s, y, height) {
    const from = Math.max(gutter, this.x(s.from)),
      to = Math.min(this.width, this.x(s.to));
    if (to < from) return;
    c.fillStyle = palette.faint;
    c.fillRect(from, y + 3, 1.5, height - 6);
    label(c, s.name + (s.name === "heal" && s.note ? " (within " + s.note + ")" : ""), from + 6, y + height / 2, to - from - 8);
  }

  drawSpan(c, l, s, y) {
    const from = Math.max(gutter - 4, this.x(s.from)),
      to = Math.min(this.width + 4, this.x(s.to));
    if (to < gutter || from > this.width) return;
    const width = Math.max(1.5, to - from);
    const bar = (top, height, color, text, dark) => {
      c.fillStyle = color;
      c.beginPath();
      c.roundRect(from, y + top, width, height, Math.min(3, width / 2));
      c.fill();
      if (text && width > 26) {
        c.fillStyle = dark ? palette.text : "#fff";
        label(c, text, from + 5, y + top + height / 2 + 0.5, width - 8);
      }
    };
    switch (s.what) {
      case "session":
        return bar(4, 12, serverColor(s.name), `${s.name}${s.number ? " · session " + s.number : ""}`);
      case "loading":
        c.globalAlpha = 0.55;
        bar(18, l.high - 31, palette.loading, width > 70 ? "loading" : "", true);
        c.globalAlpha = 1;
        return;
      case "ready":
        c.fillStyle = palette.good;
        c.fillRect(from, y + l.high - 4, width, 2.5);
        return;
      case "process":
        if (s.name === "etcd") return bar(5, 12, serverColor(l.name), "etcd " + (s.note || "").replace(/^([^/]{8})[^/]*/, "$1"));
        if (s.name === "writer") {
          c.globalAlpha = 0.6;
          bar(19, 11, serverColor(l.name));
          c.globalAlpha = 1;
          c.fillStyle = palette.text;
          label(c, "writer", Math.max(gutter, from) + 5, y + 25, width - 8);
          return;
        }
        c.globalAlpha = 0.25;
        bar(l.high > 40 ? 1.5 : 3, 2, palette.process);
        c.globalAlpha = 1;
    }
  }

  // drawSeries draws as an area how many entries were not as they are true, on a
  // logarithmic scale that all agents share.
  drawSeries(c, s, y, height) {
    const scale = height / Math.log1p(this.mostWrong);
    let i = Math.max(0, firstAt(s.at, this.from) - 1);
    const end = s.at.length;
    const parts = []; // left, right and height of each
    const area = (from, to, wrong) => {
      const left = Math.max(gutter, from),
        right = Math.min(this.width, Math.max(to, left + 1)),
        last = parts.length - 3;
      if (wrong <= 0 || right <= left) return;
      const h = Math.max(2, Math.log1p(wrong) * scale);
      if (last >= 0 && parts[last + 1] >= left - 0.3 && Math.abs(parts[last + 2] - h) < 0.5) parts[last + 1] = right;
      else parts.push(left, right, h);
    };
    while (i < end && s.at[i] <= this.to) {
      // what is within one pixel is as high as the highest of it
      const from = this.x(s.at[i]);
      let most = s.wrong[i],
        next = i + 1;
      while (next < end && this.x(s.at[next]) < from + 0.8) most = Math.max(most, s.wrong[next++]);
      const to = next < end ? this.x(s.at[next]) : this.x(this.run.end),
        last = s.wrong[next - 1];
      if (last === most) area(from, to, last);
      else {
        area(from, from + 1, most);
        area(from + 1, to, last);
      }
      i = next;
    }
    for (const [color, thick] of [
      ["stale-fill", 1e9],
      ["stale", 1.4],
    ]) {
      c.fillStyle = palette[color];
      for (let p = 0; p < parts.length; p += 3) c.fillRect(parts[p], y + height - parts[p + 2], parts[p + 1] - parts[p], Math.min(thick, parts[p + 2]));
    }
  }

  // drawTicks draws records one by one where there are few, else how many there are.
  drawTicks(c, l, y, height) {
    const at = this.records.at,
      verbs = this.records.verb,
      names = this.records.texts,
      list = l.records;
    const first = lowerBound(list, at, this.from),
      last = lowerBound(list, at, this.to);
    if (last - first < 3 * (this.width - gutter)) {
      for (let i = first; i < last; i++) {
        const color = verbColor[names[verbs[list[i]]]];
        c.fillStyle = palette[color || "quiet"];
        c.fillRect(this.x(at[list[i]]) - 0.6, color ? y : y + height * 0.4, 1.4, color ? height : height * 0.6);
      }
    } else {
      c.fillStyle = palette.density;
      const perPixel = (this.to - this.from) / (this.width - gutter);
      for (let x = gutter, i = first; x < this.width && i < last; x++) {
        const next = lowerBound(list, at, this.from + (x + 1 - gutter) * perPixel, i);
        if (next > i) {
          const h = Math.min(height, 2 + ((height - 2) * Math.log1p(next - i)) / 6);
          c.fillRect(x, y + height - h, 1, h);
        }
        i = next;
      }
    }
    if (!this.matches) return;
    c.fillStyle = palette.match;
    let lastX = -9;
    for (let i = first; i < last; i++) {
      if (!this.matches[list[i]]) continue;
      const x = this.x(at[list[i]]);
      if (x - lastX < 1) continue;
      lastX = x;
      c.fillRect(x - 1, y - 3, 2, height + 4);
    }
  }

  drawSelection(c, top, height) {
    if (this.selected < 0) return;
    const at = this.records.at[this.selected],
      x = this.x(at);
    if (x < gutter || x > this.width) return;
    c.fillStyle = palette.accent;
    c.fillRect(x - 0.5, 0, 1, height);
    const l = this.lanes.find((l) => l.name === this.records.text("actor", this.selected));
    if (!l) return;
    c.beginPath();
    c.arc(x, l.top - top + (l.high > 40 ? l.high - 10 : l.high / 2), 5, 0, 7);
    c.lineWidth = 2;
    c.strokeStyle = palette.accent;
    c.fillStyle = palette.surface;
    c.fill();
    c.stroke();
  }

  changed() {
    if (this.onchange) this.onchange();
  }
}
