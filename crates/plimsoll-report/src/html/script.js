"use strict";
// Search, filter and opening all at once. Everything is there without it.
(() => {
  const find = (id) => document.getElementById(id);
  const form = document.querySelector(".search");
  const [query, verdict, level, unfold, found] = ["query", "verdict", "level", "unfold", "found"].map(find);
  const rows = [...document.querySelectorAll(".overview tbody tr")];
  const sections = new Map([...document.querySelectorAll(".requirement")].map((part) => [part.dataset.id, part]));
  const bars = [...document.querySelectorAll(".gantt li[data-id]")];
  const text = new Map(rows.map((row) => {
    const section = sections.get(row.dataset.id);
    return [row.dataset.id, (row.textContent + " " + (section ? section.textContent : "")).toLowerCase()];
  }));

  function filter() {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = new Set();
    for (const row of rows) {
      const { id, verdict: its, level: at } = row.dataset;
      const fits = (!verdict.value || its === verdict.value) && (!level.value || at === level.value)
        && words.every((word) => text.get(id).includes(word));
      if (fits) shown.add(id);
      row.classList.toggle("away", !fits);
    }
    for (const [id, section] of sections) section.classList.toggle("away", !shown.has(id));
    for (const bar of bars) bar.classList.toggle("away", !shown.has(bar.dataset.id));
    found.textContent = shown.size === rows.length ? "" : `${shown.size} of ${rows.length} requirements`;
  }

  function openAll(open) {
    for (const part of document.querySelectorAll("details")) part.open = open;
    unfold.setAttribute("aria-pressed", String(open));
    unfold.textContent = open ? "Close all details" : "Open all details";
  }

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  unfold.addEventListener("click", () => openAll(unfold.getAttribute("aria-pressed") !== "true"));
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      query.focus();
    }
    if (event.key === "Escape" && event.target === query) {
      query.value = "";
      filter();
    }
  });
  // On paper the timelines are open.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details.timeline:not([open])")];
    closed.forEach((part) => { part.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((part) => { part.open = false; }));
  form.hidden = false;
  filter();
})();
