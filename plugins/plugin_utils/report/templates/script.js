// SPDX-FileCopyrightText: ganeti.autorepair contributors
// SPDX-License-Identifier: GPL-3.0-or-later
// biome-ignore lint/suspicious/noRedundantUseStrict: it stands in a page, and is no module
"use strict";
(() => {
  const byId = id => document.getElementById(id);
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));

  // --- light and dark: as the system, unless a person has chosen here
  const root = document.documentElement;
  const themes = ["auto", "light", "dark"];
  const kept = {
    // some browsers have no storage for pages from a file
    get: () => {
      try {
        return localStorage.getItem("theme");
      } catch {
        return null;
      }
    },
    set: value => {
      try {
        localStorage.setItem("theme", value);
      } catch {
        return;
      }
    },
  };
  const show = theme => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    byId("theme").textContent = `Theme: ${theme}`;
  };
  let theme = themes.includes(kept.get()) ? kept.get() : "auto";
  show(theme);
  byId("theme").addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    show(theme);
    kept.set(theme);
  });
  byId("print").addEventListener("click", () => window.print());
  let opened = []; // on paper everything is open
  window.addEventListener("beforeprint", () => {
    reveal(rows.length);
    opened = all("details:not([open], .other)");
    opened.forEach(details => {
      details.open = true;
    });
    root.dataset.theme = "light";
  });
  window.addEventListener("afterprint", () => {
    opened.forEach(details => {
      details.open = false;
    });
    show(theme);
  });

  // --- how long ago
  const units = [
    [86400, "day"],
    [3600, "h"],
    [60, "min"],
  ];
  const ago = seconds => {
    const past = Math.abs(seconds);
    const found = units.find(([size]) => past >= size);
    if (!found) return seconds < 0 ? "in a moment" : "just now";
    const number = Math.floor(past / found[0]);
    const words = `${number} ${found[1]}${found[1] === "day" && number > 1 ? "s" : ""}`;
    return seconds < 0 ? `in ${words}` : `${words} ago`;
  };
  const times = all("time[data-at]").map(at => {
    const words = document.createElement("span");
    words.className = "ago";
    at.after(words);
    return [words, Number(at.dataset.at)];
  });
  const tick = () => {
    const now = Date.now() / 1000;
    for (const [words, at] of times) words.textContent = ` (${ago(now - at)})`;
  };
  tick();
  setInterval(tick, 30000);

  // --- copying
  document.addEventListener("click", async event => {
    const button = event.target.closest(".copy");
    if (!button) return;
    const source = button.parentNode.querySelector("code"),
      words = button.querySelector("span");
    let done = true;
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      // a page over plain HTTP may not
      getSelection().selectAllChildren(source);
      done = document.execCommand("copy");
    }
    words.textContent = done ? "Copied" : "Press Ctrl+C";
    setTimeout(() => {
      words.textContent = "Copy";
    }, 2000);
  });

  // --- the table: rows that open, and filters
  const MANY = 60,
    table = byId("rows"),
    fields = {};
  const rows = all("tr.row", table).map(row => {
    const more = byId(`${row.id}-more`),
      title = row.querySelector("button.title");
    const open = wanted => {
      more.classList.toggle("shut", !wanted);
      title.setAttribute("aria-expanded", String(wanted));
    };
    if (more) {
      open(false);
      title.addEventListener("click", () => open(more.classList.contains("shut")));
    }
    const said = `${row.textContent} ${more ? more.textContent : ""}`;
    return {
      row,
      more,
      open,
      data: { ...row.dataset },
      nodes: (row.dataset.nodes || "").split(" "),
      shown: true,
      text: said.toLowerCase(),
    };
  });
  all("input, select", document.querySelector(".filters")).forEach(field => {
    fields[field.id.slice(2)] = field;
    field.addEventListener("input", filter);
  });
  const put = (entry, shown) => {
    entry.shown = shown;
    entry.row.hidden = !shown;
    if (entry.more) entry.more.hidden = !shown;
  };
  let coming = []; // rows still to be shown, a few at a time, so that typing stays responsive
  const reveal = few => {
    for (const entry of coming.splice(0, few)) put(entry, true);
    if (coming.length)
      setTimeout(
        turn => {
          if (turn === coming) reveal(MANY);
        },
        0,
        coming,
      );
  };
  const chosen = key => (fields[key] ? fields[key].value : "");
  function filter() {
    const words = chosen("text").toLowerCase().split(/\s+/).filter(Boolean),
      node = chosen("node");
    const keys = ["state", "needs", "cluster", "group"].filter(key => chosen(key) !== "");
    let count = 0;
    coming = [];
    for (const entry of rows) {
      const shown =
        keys.every(key => entry.data[key] === chosen(key)) &&
        (node === "" || entry.nodes.includes(node)) &&
        words.every(word => entry.text.includes(word));
      count += shown;
      if (shown && !entry.shown) coming.push(entry);
      if (!shown && entry.shown) put(entry, false);
    }
    reveal(MANY);
    const number = n => n.toLocaleString("en");
    const noun = rows.length === 1 ? " instance" : " instances";
    byId("tally").textContent = (count === rows.length ? "" : `${number(count)} of `) + number(rows.length) + noun;
  }
  const reset = () => {
    for (const key of Object.keys(fields)) fields[key].value = "";
    filter();
  };
  byId("f-reset").addEventListener("click", () => {
    reset();
    fields.text.focus();
  });

  // --- a state, a node or an instance somewhere on the page leads to its rows
  document.addEventListener("click", event => {
    const link = event.target.closest("a[data-state], a[data-node]");
    if (link) {
      const key = link.dataset.node === undefined ? "state" : "node";
      reset();
      if (fields[key]) fields[key].value = link.dataset[key];
      filter();
      byId("instances").focus();
    }
  });
  const arrive = () => {
    const entry = rows.find(entry => `#${entry.row.id}` === location.hash);
    if (!entry) return;
    if (!entry.shown) reset();
    if (entry.more) entry.open(true);
    (entry.row.querySelector("button") || byId("instances")).focus();
    entry.row.scrollIntoView({ block: "center" });
  };
  window.addEventListener("hashchange", arrive);
  arrive();
  filter();
})();
