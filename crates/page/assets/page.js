"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // Color scheme: what the system asks for, until the reader chooses.
  const theme = byId("theme");
  const dark = () =>
    (document.documentElement.dataset.theme ||
      (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const nameTheme = () => { theme.textContent = dark() ? "Light" : "Dark"; };
  theme.hidden = false;
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    nameTheme();
  });
  nameTheme();

  // Values on hover and focus.
  const tip = byId("tip");
  const showTip = (mark, x, y) => {
    tip.textContent = mark.getAttribute("aria-label");
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.setProperty("left", `${Math.max(4, Math.min(x + 12, innerWidth - box.width - 8))}px`);
    tip.style.setProperty("top", `${y + 16 + box.height > innerHeight ? y - box.height - 10 : y + 16}px`);
  };
  for (const mark of document.querySelectorAll(".mark")) {
    const title = mark.querySelector("title");
    if (title) title.remove();
    mark.addEventListener("mousemove", (event) => showTip(mark, event.clientX, event.clientY));
    mark.addEventListener("mouseleave", () => { tip.hidden = true; });
    mark.addEventListener("focus", () => {
      const box = mark.getBoundingClientRect();
      showTip(mark, box.x + box.width / 2, box.y + box.height / 2);
    });
    mark.addEventListener("blur", () => { tip.hidden = true; });
  }

  // Tables sorted by a click on a head: numbers by their value, the rest by their words.
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.querySelectorAll("thead th")];
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => {
        const cell = row.cells[column];
        return cell.dataset.key === undefined ? null : Number(cell.dataset.key);
      };
      const rows = [...table.tBodies[0].rows];
      rows.sort((one, other) => {
        const [a, b] = [key(one), key(other)];
        if (a === null && b === null) {
          const words = one.cells[column].textContent.localeCompare(other.cells[column].textContent);
          return down ? -words : words;
        }
        // What is not known stays at the end, whichever way the table is sorted.
        if (a === null) return 1;
        if (b === null) return -1;
        return down ? b - a : a - b;
      });
      table.tBodies[0].append(...rows);
    }));
  }

  // Prompts: the baseline's answer and the chosen candidate's, changed answers first.
  const { variants, prompts } = JSON.parse(byId("data").textContent);
  const PAGE = 25;
  const state = { candidate: variants.length > 1 ? 1 : 0, filter: "all", query: "", page: 0 };
  const right = (cell) => cell && cell.score !== undefined ? cell.score >= 0.5 : null;
  const kind = (row) => {
    const before = right(row.answers[0]);
    const after = right(row.answers[state.candidate]);
    if (before === true && after === false) return "worse";
    if (before === false && after === true) return "better";
    return "same";
  };
  const failed = (row) => Object.values(row.answers).some((cell) => cell.label === "failed");
  const matches = (row) => {
    if (!state.query) return true;
    const texts = [row.id, row.input || ""];
    for (const place of [0, state.candidate]) {
      const cell = row.answers[place];
      if (cell && cell.text) texts.push(cell.text);
    }
    return texts.some((text) => text.toLowerCase().includes(state.query));
  };
  const chosen = () => {
    const order = { worse: 0, better: 1, same: 2 };
    const rows = prompts.rows.filter((row) => {
      const what = kind(row);
      if (state.filter === "flips" && what === "same") return false;
      if ((state.filter === "worse" || state.filter === "better") && what !== state.filter) return false;
      if (state.filter === "failed" && !failed(row)) return false;
      return matches(row);
    });
    return rows.map((row, at) => [order[kind(row)], at, row])
      .sort((one, other) => one[0] - other[0] || one[1] - other[1]).map((entry) => entry[2]);
  };
  // A long text scrolls in its box, so the box can be focused and scrolled by keys.
  const textBox = (className, text) => {
    const box = make("p", className, text);
    box.tabIndex = 0;
    return box;
  };
  const side = (place, cell) => {
    const box = make("div", "side");
    const parts = [variants[place]];
    if (!cell) {
      box.append(make("p", "who", `${variants[place]}: not asked`));
      return box;
    }
    if (cell.label) parts.push(cell.label);
    if (cell.kld !== undefined) parts.push(`KL divergence ${cell.kld.toPrecision(3)}`);
    parts.push(`${cell.tokens} tokens`, `${cell.ms.toFixed(0)} ms`);
    const who = make("p", "who", parts.join(" · "));
    if (right(cell) === false) who.classList.add("fail");
    box.append(who);
    if (cell.text !== undefined) box.append(textBox("text", cell.text));
    return box;
  };
  const draw = () => {
    const rows = chosen();
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    state.page = Math.min(state.page, pages - 1);
    const list = byId("prompt-rows");
    list.replaceChildren();
    for (const row of rows.slice(state.page * PAGE, (state.page + 1) * PAGE)) {
      const box = make("article", "prompt");
      const what = { worse: " · right before, wrong now", better: " · wrong before, right now", same: "" }[kind(row)];
      box.append(make("h3", "", row.id + what));
      if (row.input) box.append(textBox("text input", row.input));
      const sides = make("div", "sides");
      sides.append(side(0, row.answers[0]));
      if (state.candidate !== 0) sides.append(side(state.candidate, row.answers[state.candidate]));
      box.append(sides);
      list.append(box);
    }
    byId("prompt-count").textContent = `${rows.length} of ${prompts.rows.length} prompts`;
    byId("prompt-page").textContent = `Page ${state.page + 1} of ${pages}`;
    byId("prompt-pages").hidden = pages < 2;
    byId("prompt-back").disabled = state.page === 0;
    byId("prompt-next").disabled = state.page + 1 >= pages;
  };

  const candidates = byId("prompt-candidate");
  variants.forEach((name, place) => {
    if (place === 0 && variants.length > 1) return;
    const option = make("option", "", name);
    option.value = String(place);
    candidates.append(option);
  });
  const change = (key, value) => { state[key] = value; state.page = 0; draw(); };
  candidates.addEventListener("change", () => change("candidate", Number(candidates.value)));
  byId("prompt-filter").addEventListener("change", (event) => change("filter", event.target.value));
  let pending = 0;
  byId("prompt-search").addEventListener("input", (event) => {
    clearTimeout(pending);
    pending = setTimeout(() => change("query", event.target.value.trim().toLowerCase()), 120);
  });
  byId("prompt-back").addEventListener("click", () => { state.page -= 1; draw(); });
  byId("prompt-next").addEventListener("click", () => { state.page += 1; draw(); });
  byId("prompt-controls").hidden = false;
  draw();
})();
