"use strict";
// The part of Google Charts that torch-tb-profiler draws with, so that its pages need no network: tables of data, pies,
// bars, lines, stepped areas, tables and timelines, as plain SVG and HTML. Texts come from traces: they are set as text.
(() => {
  const PALETTE = ["#2a78c2", "#e08a1e", "#2f8f74", "#b3261e", "#7b5ea7", "#5d6b78", "#c9a24a", "#3f9fb0", "#a34e78", "#76923c"];
  const SVG = "http://www.w3.org/2000/svg";
  const FONT = "12px Roboto, Arial, sans-serif";

  const make = (tag, attributes = {}, text) => {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const raw = (cell) => (cell !== null && typeof cell === "object" && "v" in cell ? cell.v : cell);
  const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
  const shown = (cell) => {
    if (cell === null || cell === undefined) return "";
    if (typeof cell === "object" && "f" in cell) return String(cell.f);
    const value = raw(cell);
    if (!isNumber(value)) return String(value);
    return Math.abs(value) >= 1000 ? value.toLocaleString(undefined, { maximumFractionDigits: 1 }) : String(Number(value.toPrecision(5)));
  };
  // Some tooltips are HTML: what they say is kept, their markup is not.
  const plain = (text) => new DOMParser().parseFromString(String(text).replace(/<br\s*\/?>|<\/(div|p|tr|li)>/gi, "\n"), "text/html").body.textContent.trim();

  class DataTable {
    columns = [];
    rows = [];
    properties = new Map();
    addColumn(column, label) { this.columns.push(typeof column === "object" ? column : { type: column, label }); }
    addRow(row) { this.rows.push(row); }
    addRows(rows) { this.rows.push(...rows); }
    setProperty(row, column, name, value) {
      const key = `${row},${column}`;
      this.properties.set(key, { ...this.properties.get(key), [name]: value });
    }
    getNumberOfRows() { return this.rows.length; }
    getValue(row, column) { return raw(this.rows[row][column]); }
    series() { return this.columns.map((_, index) => index).filter((index) => index > 0 && !this.columns[index].role); }
    tooltip(row, column) {
      const next = this.columns[column + 1];
      if (next && next.role === "tooltip" && row[column + 1]) return plain(row[column + 1]);
      return `${shown(row[0])}\n${this.columns[column].label}: ${shown(row[column])}`;
    }
  }
  const arrayToDataTable = (array) => {
    const table = new DataTable();
    array[0].forEach((head, index) => table.addColumn(typeof head === "object" ? { type: "number", ...head } : { type: index ? "number" : "string", label: head }));
    table.addRows(array.slice(1));
    return table;
  };

  const listeners = new WeakMap();
  const events = {
    addListener(target, name, listener) {
      const known = listeners.get(target) ?? {};
      (known[name] ??= []).push(listener);
      listeners.set(target, known);
    },
    fire(target, name, detail) { for (const listener of listeners.get(target)?.[name] ?? []) listener(detail); },
  };

  class Chart {
    selection = [];
    constructor(container) { this.container = container; }
    clearChart() { this.container.replaceChildren(); }
    getSelection() { return this.selection; }
    setSelection(selection) { this.selection = selection ?? []; }
    canvas(options) {
      this.width = this.container.clientWidth || this.container.parentElement?.clientWidth || 600;
      this.height = Number.parseInt(options.height, 10) || 300;
      const svg = make("svg", { width: this.width, height: this.height, style: `font: ${FONT}`, role: "img", "aria-label": options.title ?? "" });
      if (options.title) svg.append(make("text", { x: this.width / 2, y: 16, "text-anchor": "middle", "font-weight": "bold" }, options.title));
      this.container.replaceChildren(svg);
      return svg;
    }
  }

  class PieChart extends Chart {
    draw(table, options) {
      const svg = this.canvas(options);
      const colors = options.colors ?? PALETTE;
      const values = table.rows.map((row) => Math.max(Number(raw(row[1])) || 0, 0));
      const total = values.reduce((sum, value) => sum + value, 0);
      const radius = Math.max(Math.min(this.height - 36, this.width * 0.45) / 2, 10);
      const center = { x: radius + 12, y: this.height / 2 + 6 };
      const hole = radius * (options.pieHole ?? 0);
      const point = (angle, distance) => `${center.x + distance * Math.cos(angle)} ${center.y + distance * Math.sin(angle)}`;
      let from = -Math.PI / 2;
      values.forEach((value, index) => {
        if (!total || !value) return;
        const share = value / total;
        const to = from + Math.min(share, 0.99999) * 2 * Math.PI;
        const large = share > 0.5 ? 1 : 0;
        const slice = make("path", {
          d: `M${point(from, radius)}A${radius} ${radius} 0 ${large} 1 ${point(to, radius)}L${point(to, hole)}A${hole} ${hole} 0 ${large} 0 ${point(from, hole)}Z`,
          fill: colors[index % colors.length], stroke: "#fff",
        });
        const row = table.rows[index];
        const next = table.columns[2]?.role === "tooltip" && row[2] ? plain(row[2]) : `${shown(row[0])}\n${shown(row[1])}`;
        slice.append(make("title", {}, `${next}\n${(100 * share).toFixed(1)}%`));
        slice.addEventListener("mouseover", () => events.fire(this, "onmouseover", { row: index }));
        slice.addEventListener("mouseout", () => events.fire(this, "onmouseout", {}));
        svg.append(slice);
        from = to;
      });
      if (options.legend !== "none") {
        const left = 2 * radius + 34;
        const characters = Math.max(Math.floor((this.width - left - 70) / 7), 6);
        table.rows.slice(0, Math.floor((this.height - 20) / 18)).forEach((row, index) => {
          const y = 34 + index * 18;
          const name = shown(row[0]);
          svg.append(make("rect", { x: left, y: y - 10, width: 11, height: 11, fill: colors[index % colors.length] }));
          const label = make("text", { x: left + 17, y }, `${name.length > characters ? `${name.slice(0, characters - 1)}…` : name}  ${total ? ((100 * values[index]) / total).toFixed(1) : "0.0"}%`);
          label.append(make("title", {}, name));
          svg.append(label);
        });
      }
      events.fire(this, "ready");
    }
  }

  // Bars, lines and stepped areas over one horizontal axis, with a second vertical axis where a series asks for it.
  class AxisChart extends Chart {
    static kind = "line";
    kindOf(series, options) { return options.series?.[series]?.type ?? (options.seriesType === "bars" ? "bars" : this.constructor.kind); }
    draw(table, options) {
      const svg = this.canvas(options);
      const colors = options.colors ?? PALETTE;
      const series = table.series();
      const kinds = series.map((_, index) => this.kindOf(index, options));
      const sides = series.map((_, index) => options.series?.[index]?.targetAxisIndex ?? 0);
      const stacked = Boolean(options.isStacked) && kinds.every((kind) => kind !== "line");
      const box = { left: 84, right: this.width - (sides.includes(1) ? 84 : 30), top: 28, bottom: this.height - 62 };
      const continuous = table.rows.length > 0 && isNumber(raw(table.rows[0][0]));
      const across = this.acrossScale(table, box, continuous);
      const down = [0, 1].map((side) => this.downScale(table, series, sides, side, stacked, box, options));
      this.axes(svg, table, box, across, down, sides, continuous, options);
      const bars = series.filter((_, index) => kinds[index] === "bars");
      const base = table.rows.map(() => 0);
      series.forEach((column, index) => {
        const color = colors[index % colors.length];
        const y = down[sides[index]];
        if (kinds[index] === "bars") this.bars(svg, table, column, { color, y, base, stacked, box, place: stacked ? 0 : bars.indexOf(column), places: stacked ? 1 : bars.length });
        else if (kinds[index] === "area") this.area(svg, table, column, { color, y, base, stacked, across, continuous });
        else this.line(svg, table, column, { color, y, across });
      });
      this.legend(svg, series.map((column) => table.columns[column].label), colors, options);
      this.layout = {
        getChartAreaBoundingBox: () => ({ left: box.left, top: box.top, width: box.right, height: box.bottom - box.top }),
        getHAxisValue: (x) => across.low + ((x - box.left) / (box.right - box.left)) * (across.high - across.low),
      };
      events.fire(this, "ready");
    }
    getChartLayoutInterface() { return this.layout; }
    acrossScale(table, box, continuous) {
      const places = table.rows.map((row, index) => (continuous ? raw(row[0]) : index));
      const low = continuous ? Math.min(...places) : 0;
      const high = continuous ? Math.max(...places) : Math.max(table.rows.length, 1);
      return { low, high, at: (place) => box.left + ((box.right - box.left) * (place - low)) / (high - low || 1) };
    }
    downScale(table, series, sides, side, stacked, box, options) {
      let high = 0;
      for (const row of table.rows) {
        let sum = 0;
        series.forEach((column, index) => {
          const value = raw(row[column]);
          if (sides[index] !== side || !isNumber(value)) return;
          sum = stacked ? sum + value : Math.max(sum, value);
        });
        high = Math.max(high, sum);
      }
      high = high || options.vAxes?.[side]?.maxValue || 1;
      return { high, at: (value) => box.bottom - ((box.bottom - box.top) * value) / high };
    }
    axes(svg, table, box, across, down, sides, continuous, options) {
      for (let tick = 0; tick <= 5; tick += 1) {
        const y = down[0].at((down[0].high * tick) / 5);
        svg.append(make("line", { x1: box.left, x2: box.right, y1: y, y2: y, stroke: "#ddd" }));
        svg.append(make("text", { x: box.left - 6, y: y + 4, "text-anchor": "end" }, shown(Number(((down[0].high * tick) / 5).toPrecision(3)))));
        if (sides.includes(1)) svg.append(make("text", { x: box.right + 6, y: y + 4 }, shown(Number(((down[1].high * tick) / 5).toPrecision(3)))));
      }
      const middle = (box.top + box.bottom) / 2;
      svg.append(make("text", { x: 14, y: middle, transform: `rotate(-90 14 ${middle})`, "text-anchor": "middle", "font-style": "italic" }, options.vAxis?.title ?? ""));
      svg.append(make("text", { x: (box.left + box.right) / 2, y: this.height - 24, "text-anchor": "middle", "font-style": "italic" }, options.hAxis?.title ?? ""));
      if (continuous) {
        for (let tick = 0; tick <= 6; tick += 1) {
          const value = across.low + ((across.high - across.low) * tick) / 6;
          svg.append(make("text", { x: across.at(value), y: box.bottom + 16, "text-anchor": "middle" }, shown(Number(value.toPrecision(5)))));
        }
        return;
      }
      const every = Math.ceil(table.rows.length / 12) || 1;
      table.rows.forEach((row, index) => {
        if (index % every === 0) svg.append(make("text", { x: across.at(index + 0.5), y: box.bottom + 16, "text-anchor": "middle" }, shown(row[0]).slice(0, 18)));
      });
    }
    bars(svg, table, column, { color, y, base, stacked, box, place, places }) {
      const room = ((box.right - box.left) / Math.max(table.rows.length, 1));
      const width = Math.min(80, room * 0.7) / places;
      table.rows.forEach((row, index) => {
        const value = raw(row[column]);
        if (!isNumber(value)) return;
        const x = box.left + room * (index + 0.5) - (width * places) / 2 + place * width;
        const top = y.at(base[index] + value);
        const bar = make("rect", { x, y: top, width, height: Math.max(y.at(base[index]) - top, 0), fill: color });
        bar.append(make("title", {}, table.tooltip(row, column)));
        bar.addEventListener("click", () => { this.selection = [{ row: index, column }]; events.fire(this, "select"); });
        svg.append(bar);
        if (stacked) base[index] += value;
      });
    }
    area(svg, table, column, { color, y, base, stacked, across, continuous }) {
      let upper = "";
      const lower = [];
      table.rows.forEach((row, index) => {
        const value = raw(row[column]);
        if (!isNumber(value)) return;
        const next = table.rows[index + 1];
        const [from, to] = continuous ? [raw(row[0]), next ? raw(next[0]) : raw(row[0])] : [index, index + 1];
        const [x1, x2] = [across.at(from), across.at(to)];
        const top = y.at(base[index] + value);
        upper += `${upper ? "L" : "M"}${x1} ${top}L${x2} ${top}`;
        lower.push(`L${x1} ${y.at(base[index])}`, `L${x2} ${y.at(base[index])}`);
        if (stacked) base[index] += value;
      });
      if (upper) {
        const area = make("path", { d: `${upper}${lower.reverse().join("")}Z`, fill: color, "fill-opacity": 0.75, stroke: color });
        area.append(make("title", {}, table.columns[column].label));
        svg.append(area);
      }
    }
    line(svg, table, column, { color, y, across }) {
      let path = "";
      table.rows.forEach((row, index) => {
        const value = raw(row[column]);
        const place = raw(row[0]);
        if (isNumber(value)) path += `${path ? "L" : "M"}${across.at(isNumber(place) ? place : index + 0.5)} ${y.at(value)}`;
      });
      if (path) svg.append(make("path", { d: path, fill: "none", stroke: color, "stroke-width": 2 }));
    }
    legend(svg, names, colors, options) {
      if (options.legend === "none") return;
      let x = 84;
      names.forEach((name, index) => {
        svg.append(make("rect", { x, y: this.height - 15, width: 10, height: 10, fill: colors[index % colors.length] }));
        svg.append(make("text", { x: x + 14, y: this.height - 6 }, name ?? ""));
        x += 32 + 7 * String(name ?? "").length;
      });
    }
  }
  class ColumnChart extends AxisChart { static kind = "bars"; }
  class ComboChart extends AxisChart { static kind = "bars"; }
  class LineChart extends AxisChart { static kind = "line"; }
  class SteppedAreaChart extends AxisChart { static kind = "area"; }

  class Table extends Chart {
    draw(table, options) {
      const order = table.rows.map((_, index) => index);
      const columns = table.columns.map((_, index) => index).filter((index) => !table.columns[index].role);
      const size = options.pageSize ?? order.length;
      let [page, sorted, ascending] = [0, options.sortColumn ?? null, options.sortAscending !== false];
      const compare = (a, b) => {
        const [x, y] = [raw(table.rows[a][sorted]), raw(table.rows[b][sorted])];
        return (isNumber(x) && isNumber(y) ? x - y : String(x ?? "").localeCompare(String(y ?? ""))) * (ascending ? 1 : -1);
      };
      const cell = (row, column) => {
        const node = document.createElement("td");
        const written = shown(table.rows[row][column]);
        node.textContent = options.allowHtml && written.includes("<") ? plain(written) : written;
        node.style.cssText = `border:1px solid #e6e6e6;padding:3px 6px;${table.properties.get(`${row},${column}`)?.style ?? ""}`;
        return node;
      };
      const render = () => {
        if (sorted !== null) order.sort(compare);
        const node = document.createElement("table");
        node.style.cssText = `border-collapse:collapse;width:100%;font:${FONT}`;
        const head = node.createTHead().insertRow();
        for (const column of columns) {
          const heading = document.createElement("th");
          heading.textContent = `${table.columns[column].label ?? ""}${sorted === column ? (ascending ? " ▲" : " ▼") : ""}`;
          heading.style.cssText = "border:1px solid #ddd;padding:4px 6px;background:#f3f3f3;cursor:pointer;text-align:left";
          heading.addEventListener("click", () => { [ascending, sorted] = [sorted === column ? !ascending : false, column]; render(); });
          head.append(heading);
        }
        const body = node.createTBody();
        for (const row of order.slice(page * size, (page + 1) * size)) body.insertRow().append(...columns.map((column) => cell(row, column)));
        this.container.replaceChildren(node);
        const pages = Math.ceil(order.length / size);
        if (pages > 1) this.container.append(this.pager(page, pages, (wanted) => { page = wanted; render(); }));
        events.fire(this, "ready");
      };
      render();
    }
    pager(page, pages, go) {
      const box = document.createElement("div");
      for (const [label, wanted] of [["‹ previous", page - 1], ["next ›", page + 1]]) {
        const button = document.createElement("button");
        button.textContent = label;
        button.disabled = wanted < 0 || wanted >= pages;
        button.addEventListener("click", () => go(wanted));
        box.append(button, " ");
      }
      box.append(`page ${page + 1} of ${pages}`);
      return box;
    }
  }

  class Timeline extends Chart {
    draw(table, options) {
      const column = (id) => table.columns.findIndex((one) => one.id === id);
      const [layer, name, start, end] = ["Layer", "Name", "Start", "End"].map(column);
      const tooltip = table.columns.findIndex((one) => one.role === "tooltip");
      const first = table.rows.reduce((low, row) => Math.min(low, row[start]), Infinity);
      const last = table.rows.reduce((high, row) => Math.max(high, row[end]), -Infinity);
      const layers = [...new Set(table.rows.map((row) => row[layer]))];
      const svg = this.canvas({ ...options, title: "" });
      const scale = this.width / (last - first || 1);
      // A trace has tens of thousands of calls, a screen a thousand columns: what would be drawn into a column that is
      // taken is left out. Tooltips are HTML to be parsed, so only those that are asked for.
      const taken = new Map();
      for (const row of table.rows) {
        const width = Math.max((row[end] - row[start]) * scale, 0.5);
        const [x, layerIndex] = [(row[start] - first) * scale, layers.indexOf(row[layer])];
        if (width < 1 && Math.floor(x) === taken.get(layerIndex)) continue;
        taken.set(layerIndex, Math.floor(x + width));
        const y = layerIndex * 40;
        const hash = [...String(row[name]).replace(/_\d+$/, "")].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) >>> 0, 7);
        const box = make("rect", { x, y, width, height: 36, fill: PALETTE[hash % PALETTE.length], stroke: "#fff", "stroke-width": Math.min(0.5, width / 8) });
        box.addEventListener("pointerenter", () => box.append(make("title", {}, tooltip >= 0 ? plain(row[tooltip]) : shown(row[name]))), { once: true });
        svg.append(box);
        if (width > 7 * String(row[name]).length) svg.append(make("text", { x: x + 4, y: y + 22, fill: "#fff", "pointer-events": "none" }, row[name]));
      }
      events.fire(this, "ready");
    }
  }

  window.google = {
    charts: { load: () => Promise.resolve(), setOnLoadCallback: (callback) => callback() },
    visualization: { DataTable, arrayToDataTable, events, PieChart, ColumnChart, ComboChart, LineChart, SteppedAreaChart, Table, Timeline },
  };
})();
