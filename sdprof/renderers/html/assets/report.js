"use strict";
// Everything on this page can be read without this script. It adds filter, sorting, zoom and search.
(() => {
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Findings: filter by words, open all.
  const filter = find("#finding-filter");
  if (filter) {
    filter.form.hidden = false;
    filter.form.addEventListener("submit", (event) => event.preventDefault());
    const cards = all("#findings .finding");
    const texts = cards.map((card) => card.textContent.toLowerCase());
    filter.addEventListener("input", () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      cards.forEach((card, index) => {
        card.hidden = !words.every((word) => texts[index].includes(word));
        shown += card.hidden ? 0 : 1;
      });
      for (const group of all("#findings .group")) group.hidden = !find(".finding:not([hidden])", group);
      find("#finding-count").textContent = words.length ? `${shown} of ${cards.length}` : "";
    });
    const button = find("#finding-all");
    button.addEventListener("click", () => {
      const open = button.textContent === "Open all";
      for (const card of all("#findings details")) card.open = open;
      button.textContent = open ? "Close all" : "Open all";
    });
  }
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = opened.concat(all("details:not([open])"));
    opened.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => {
    opened.forEach((details) => { details.open = false; });
    opened = [];
  });

  // A link into a closed finding opens it.
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    const details = target && target.closest("details");
    if (details) details.open = true;
  };
  addEventListener("hashchange", reveal);
  reveal();

  // Tables: a click on a heading sorts.
  const value = (row, column) => {
    const cell = row.cells[column];
    const number = Number.parseFloat(cell.dataset.v);
    return Number.isNaN(number) ? cell.textContent.trim().toLowerCase() : number;
  };
  for (const table of all("table.sortable")) {
    all("thead th", table).forEach((heading, column) => {
      if (find(".hide", heading)) return;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        const rows = [...table.tBodies[0].rows];
        if (!rows.length) return;
        const numeric = rows.every((row) => typeof value(row, column) === "number");
        const down = heading.ariaSort ? heading.ariaSort === "ascending" : numeric;
        all("th[aria-sort]", table).forEach((other) => other.removeAttribute("aria-sort"));
        heading.ariaSort = down ? "descending" : "ascending";
        const sign = down ? -1 : 1;
        rows.sort((a, b) => {
          const [x, y] = [value(a, column), value(b, column)];
          return sign * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)));
        });
        table.tBodies[0].append(...rows);
      });
    });
  }

  // The module tree: every module that holds others opens and closes; at first only the outermost is open.
  for (const table of all("table.tree")) {
    const rows = [...table.tBodies[0].rows], levels = rows.map((row) => Number(row.dataset.level));
    const closed = new Set(rows.filter((row, index) => levels[index] > 0 && levels[index + 1] > levels[index]));
    const buttons = new Map();
    const tools = table.closest(".scroll").previousElementSibling, everything = find("button", tools);
    const show = () => {
      let under = Infinity;
      rows.forEach((row, index) => {
        row.hidden = levels[index] > under;
        if (!row.hidden) under = closed.has(row) ? levels[index] : Infinity;
        if (buttons.has(row)) buttons.get(row).ariaExpanded = String(!closed.has(row));
      });
      everything.textContent = closed.size ? "Open all" : "Close all";
    };
    rows.forEach((row, index) => {
      if (!(levels[index + 1] > levels[index])) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "fold";
      button.ariaLabel = `What ${find("code", row).title} holds`;
      button.addEventListener("click", () => {
        if (!closed.delete(row)) closed.add(row);
        show();
      });
      row.cells[0].prepend(button);
      buttons.set(row, button);
    });
    const set = (open) => {
      closed.clear();
      if (!open) for (const row of buttons.keys()) if (row !== rows[0]) closed.add(row);
      show();
    };
    everything.addEventListener("click", () => set(closed.size > 0));
    let folded = null;
    addEventListener("beforeprint", () => {
      folded ??= [...closed];
      set(true);
    });
    addEventListener("afterprint", () => {
      for (const row of folded ?? []) closed.add(row);
      folded = null;
      show();
    });
    tools.hidden = closed.size === 0;
    show();
  }

  // A flame graph: every frame is a nested drawing whose place is given in percent, so zooming is arithmetic.
  for (const block of all(".flameblock")) {
    const flame = find("svg.flame", block), tools = find(".flame-tools", block);
    const status = find(".flame-status", block), search = find(".flame-search", block);
    const box = flame.parentElement;
    const difference = find(".flame-difference", block);
    if (difference) {
      difference.addEventListener("change", () => {
        flame.classList.toggle("by-difference", difference.checked);
        block.classList.toggle("differs", difference.checked);
      });
    }
    const namespace = "http://www.w3.org/2000/svg";
    tools.hidden = false;
    tools.addEventListener("submit", (event) => event.preventDefault());
    const frames = [...flame.children].map((node) => ({
      node,
      x: Number.parseFloat(node.getAttribute("x")),
      width: Number.parseFloat(node.getAttribute("width")),
      y: Number(node.getAttribute("y")),
      title: find("title", node).textContent,
    }));
    const inside = (inner, outer) => inner.x >= outer.x - 0.004 && inner.x + inner.width <= outer.x + outer.width + 0.004;
    const whole = { x: 0, width: 100, y: -1 };
    let zoomed = whole, current = null;
    const label = (frame, width) => {
      const text = find("text", frame.node);
      const wanted = (width / 100) * flame.clientWidth > 24;
      if (wanted && !text) {
        const made = document.createElementNS(namespace, "text");
        made.setAttribute("x", "4");
        made.setAttribute("y", "13");
        made.textContent = frame.title.split("\n")[0];
        frame.node.append(made);
      }
    };
    const zoom = (target) => {
      zoomed = target;
      for (const frame of frames) {
        const above = frame.y < target.y && inside(target, frame);
        const shown = above || frame === target || (frame.y > target.y && inside(frame, target));
        frame.node.style.display = shown ? "" : "none";
        frame.node.classList.toggle("faded", above);
        if (!shown) continue;
        const x = above ? 0 : ((frame.x - target.x) / target.width) * 100;
        const width = above ? 100 : (frame.width / target.width) * 100;
        frame.node.setAttribute("x", `${x}%`);
        frame.node.setAttribute("width", `${width}%`);
        label(frame, width);
      }
    };
    const say = (frame) => { status.textContent = frame.title.replace("\n", " – "); };
    const select = (frame) => {
      if (!frame) return;
      if (current) current.node.classList.remove("current");
      current = frame;
      current.node.classList.add("current");
      say(frame);
    };
    const of = (event) => frames.find((frame) => frame.node === event.target.closest("svg.flame > svg"));
    flame.addEventListener("click", (event) => { const frame = of(event); if (frame) { select(frame); zoom(frame); } });
    flame.addEventListener("mouseover", (event) => { const frame = of(event); if (frame) say(frame); });
    find(".flame-reset", block).addEventListener("click", () => { zoom(whole); search.value = ""; mark(""); });
    const row = frames.length > 1 ? Math.min(...frames.map((frame) => frame.y).filter((y) => y > 0)) : 0;
    const visible = () => frames.filter((frame) => frame.node.style.display !== "none");
    const moves = {
      ArrowDown: () => visible().filter((f) => f.y === current.y + row && inside(f, current)).sort((a, b) => b.width - a.width)[0],
      ArrowUp: () => visible().find((f) => f.y === current.y - row && inside(current, f)),
      ArrowRight: () => visible().filter((f) => f.y === current.y && f.x > current.x).sort((a, b) => a.x - b.x)[0],
      ArrowLeft: () => visible().filter((f) => f.y === current.y && f.x < current.x).sort((a, b) => b.x - a.x)[0],
      Enter: () => { zoom(current); return current; },
    };
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") zoom(whole);
      else if (moves[event.key]) {
        event.preventDefault();
        select(current ? moves[event.key]() : frames[0]);
      }
    });
    const mark = (wanted) => {
      flame.classList.toggle("searching", wanted !== "");
      let share = 0;
      const counted = [];
      for (const frame of frames) {
        const hit = wanted !== "" && frame.title.split("\n")[0].toLowerCase().includes(wanted);
        frame.node.classList.toggle("hit", hit);
        // A match under another match is already in its time.
        if (hit && !counted.some((outer) => outer.y < frame.y && inside(frame, outer))) {
          counted.push(frame);
          share += frame.width;
        }
      }
      status.textContent = wanted ? `${share.toFixed(1)}% of the samples match` : "";
    };
    frames.sort((a, b) => a.y - b.y);
    search.addEventListener("input", () => mark(search.value.trim().toLowerCase()));
  }

  // The command: copy it.
  const copy = find("#copy-command");
  if (copy && navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(find("#command").textContent);
        copy.textContent = "Copied";
      } catch {
        // A frame in a notebook may not write there; what is selected, the reader can copy.
        getSelection().selectAllChildren(find("#command"));
        copy.textContent = "Selected";
      }
    });
  }

  // The section in view, in the navigation.
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  all("main > section, #main > header").forEach((section) => watcher.observe(section));
})();
