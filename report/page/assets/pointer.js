// How the timeline is moved and asked by a mouse, a finger or a pen.

Timeline.prototype.listen = function () {
  const { overview, axis, lanes } = this.canvases;
  new ResizeObserver(() => this.redraw()).observe(this.scroll);
  this.scroll.addEventListener("scroll", () => this.redraw());
  document.addEventListener("theme", () => {
    readPalette();
    this.redraw();
  });

  const place = (e, canvas) => {
    const box = canvas.getBoundingClientRect();
    return [e.clientX - box.left, e.clientY - box.top];
  };
  const wheel = (e) => {
    const [x] = place(e, lanes);
    const zooms = e.ctrlKey || e.metaKey || e.altKey || (this.total <= this.scroll.clientHeight && !e.shiftKey && Math.abs(e.deltaY) > Math.abs(e.deltaX));
    const pans = e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY);
    if (!zooms && !pans) return;
    e.preventDefault();
    if (zooms) this.zoom(Math.exp(Math.max(-60, Math.min(60, e.deltaY)) / 180), this.time(x));
    else this.pan((e.deltaX || e.deltaY) / (this.width - gutter));
  };
  lanes.addEventListener("wheel", wheel, { passive: false });
  axis.addEventListener("wheel", wheel, { passive: false });

  let drag = null;
  lanes.addEventListener("pointerdown", (e) => {
    drag = { x: e.clientX, from: this.from, to: this.to, moved: false };
    lanes.setPointerCapture(e.pointerId);
  });
  lanes.addEventListener("pointermove", (e) => {
    const [x, y] = place(e, lanes);
    if (!drag) return this.hover(e, x, y);
    if (Math.abs(e.clientX - drag.x) > 3) {
      drag.moved = true;
      lanes.classList.add("dragging");
    }
    const by = ((drag.x - e.clientX) / (this.width - gutter)) * (drag.to - drag.from);
    if (drag.moved) this.show(drag.from + by, drag.to + by);
  });
  lanes.addEventListener("pointerup", (e) => {
    const [x, y] = place(e, lanes);
    if (drag && !drag.moved) this.pick(x, y);
    if (drag && drag.moved) this.changed();
    drag = null;
    lanes.classList.remove("dragging");
  });
  lanes.addEventListener("pointerleave", () => this.tip(null));
  lanes.addEventListener("dblclick", (e) => this.zoom(0.25, this.time(place(e, lanes)[0])));

  let chosen = null;
  const whole = (x) => ((x - gutter) / (this.width - gutter)) * this.run.end;
  overview.addEventListener("pointerdown", (e) => {
    chosen = whole(place(e, overview)[0]);
    overview.setPointerCapture(e.pointerId);
  });
  overview.addEventListener("pointermove", (e) => {
    if (chosen === null) return;
    const to = whole(place(e, overview)[0]);
    if (Math.abs(to - chosen) > this.run.end / 200) this.show(Math.min(chosen, to), Math.max(chosen, to));
  });
  overview.addEventListener("pointerup", (e) => {
    const to = whole(place(e, overview)[0]),
      half = (this.to - this.from) / 2;
    if (Math.abs(to - chosen) <= this.run.end / 200) this.show(to - half, to + half);
    chosen = null;
    this.changed();
  });

  axis.addEventListener("click", (e) => {
    const [x, y] = place(e, axis);
    const nearest = y > this.axisHeight - 20 ? this.nearestViolation(x) : 0;
    if (nearest) return this.onviolation(nearest);
    const f = this.faultAt(x, y);
    if (f) this.onselect(f.record);
  });
  axis.addEventListener("pointermove", (e) => {
    const [x, y] = place(e, axis);
    const nearest = y > this.axisHeight - 20 ? this.nearestViolation(x) : 0;
    if (nearest)
      return this.tip(
        e,
        seconds(this.run.violations[nearest - 1].at),
        `violation ${nearest}, of ${this.run.violations[nearest - 1].property}: ${this.run.violations[nearest - 1].sentence}`,
      );
    const f = this.faultAt(x, y);
    if (f) return this.tip(e, `fault ${f.number}, ${seconds(f.from)} to ${seconds(f.to)}`, f.note);
    this.tip(null);
  });
  axis.addEventListener("pointerleave", () => this.tip(null));
};

Timeline.prototype.pan = function (part) {
  const by = part * (this.to - this.from);
  this.show(this.from + by, this.to + by);
  this.changed();
};

Timeline.prototype.nearestViolation = function (x) {
  let best = 0,
    distance = 8;
  this.run.violations.forEach((v, i) => {
    const d = Math.abs(this.x(v.at) - x);
    if (d < distance) [best, distance] = [i + 1, d];
  });
  return best;
};

Timeline.prototype.faultAt = function (x, y) {
  return this.faults.find((f) => {
    const top = 22 + (f.row % this.faultRows) * faultRow;
    return y >= top && y < top + faultRow && x >= this.x(f.from) - 3 && x <= Math.max(this.x(f.to), this.x(f.from) + 90);
  });
};

// nearest is the record of a lane that is nearest to a place, and how far away it is.
Timeline.prototype.nearest = function (lane, x) {
  const list = lane.records,
    at = this.records.at;
  const i = lowerBound(list, at, this.time(x));
  let best = -1,
    distance = Infinity;
  for (const j of [i - 1, i]) {
    if (j < 0 || j >= list.length) continue;
    const d = Math.abs(this.x(at[list[j]]) - x);
    if (d < distance) [best, distance] = [list[j], d];
  }
  return [best, distance];
};

Timeline.prototype.laneAt = function (y) {
  y += this.scroll.scrollTop;
  return this.lanes.findIndex((l) => y >= l.top && y < l.top + l.high);
};

Timeline.prototype.pick = function (x, y) {
  const i = this.laneAt(y);
  if (i < 0) return;
  this.lane = i;
  for (let v = 0; v < this.run.violations.length; v++) {
    const violation = this.run.violations[v];
    if (violation.agent === this.lanes[i].name && Math.abs(this.x(violation.at) - x) < 6 && Math.abs(y + this.scroll.scrollTop - this.lanes[i].top - this.lanes[i].high + 24) < 8)
      return this.onviolation(v + 1);
  }
  const [record] = this.nearest(this.lanes[i], x);
  if (record >= 0 && x > gutter) this.onselect(record);
  else this.redraw();
};

// hover says what is at a place of the lanes.
Timeline.prototype.hover = function (e, x, y) {
  const lane = this.lanes[this.laneAt(y)];
  if (!lane || x < gutter) return this.tip(null);
  const now = this.time(x),
    lines = [];
  for (const s of lane.spans) {
    if (s.from > now || s.to < now) continue;
    if (s.what === "session") lines.push(`reads ${s.name}, session ${s.number}, since ${seconds(s.from)}${s.note ? " (store " + s.note + ")" : ""}`);
    else if (s.what === "process") lines.push(`${s.name} up since ${seconds(s.from)}`);
    else if (s.what === "loading") lines.push("has not yet its complete lists");
  }
  if (lane.series) {
    const i = firstAt(lane.series.at, now + 1) - 1;
    if (i >= 0 && lane.series.wrong[i] > 0) {
      let since = i;
      while (since > 0 && lane.series.wrong[since - 1] > 0) since--;
      lines.push(
        `${count(lane.series.wrong[i], "entr").replace(/entrs?$/, (s) => (s === "entr" ? "entry" : "entries"))} not as true, not all right since ${seconds(lane.series.at[since])}`,
      );
    }
  }
  for (const f of this.faults) if (f.from <= now && f.to >= now && f.hosts && f.hosts.some((h) => this.run.hosts[h].name === lane.name)) lines.push(`fault ${f.number}: ${f.note}`);
  const [record, distance] = this.nearest(lane, x);
  if (record >= 0 && distance < 6) lines.push(`line ${line(record)}: ${this.records.sentence(record)}`);
  this.tip(e, `${seconds(now)}  ${lane.name}`, ...lines);
};

// tip shows a title and lines beside the pointer; without an event it hides them.
Timeline.prototype.tip = function (e, title, ...lines) {
  const tip = byId("tip");
  if (!e) {
    tip.style.display = "none";
    return;
  }
  tip.replaceChildren(el("b", {}, title), ...lines.map((l) => el("div", {}, l.length > 260 ? l.slice(0, 260) + "…" : l)));
  tip.style.display = "block";
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(e.clientX + 14, innerWidth - box.width - 8)) + "px";
  tip.style.top = (e.clientY + 18 + box.height > innerHeight ? Math.max(4, e.clientY - box.height - 12) : e.clientY + 18) + "px";
};
