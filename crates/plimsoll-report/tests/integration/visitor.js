(() => {
  const wrong = [];
  const expect = (holds, what) => { if (!holds) wrong.push(what); };
  const find = (id) => document.getElementById(id);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const seen = (element) => element.getClientRects().length > 0;
  const rows = () => all(".overview tbody tr").filter(seen).map((row) => row.dataset.id).join(" ");
  const sections = () => all(".requirement").filter(seen).map((section) => section.id).join(" ");
  const choose = (id, value) => { find(id).value = value; find(id).dispatchEvent(new Event("input", { bubbles: true })); };

  // Everything is there at first.
  expect(all(".overview tbody tr").length === 5 && all(".overview tbody tr").every(seen), "all rows are shown");
  expect(find("query") && seen(find("query")), "the search is shown");

  // Search finds a word that stands only among the controls.
  choose("query", "/dev/nvidia1 own");
  expect(rows() === "secure_accelerator_access", "search in rows: " + rows());
  expect(sections() === "secure_accelerator_access", "search in sections: " + sections());
  expect(find("found").textContent === "1 of 5 requirements", "the number found: " + find("found").textContent);
  expect(all(".gantt li[data-id]").filter(seen).length === 1, "search in the timeline");
  const escape = new KeyboardEvent("keydown", { key: "Escape", bubbles: true });
  find("query").dispatchEvent(escape);
  expect(rows().split(" ").length === 5, "escape shows all again");

  // Filters.
  choose("verdict", "inconclusive");
  expect(rows() === "dra_support", "filter by verdict: " + rows());
  choose("verdict", "");
  choose("level", "MUST");
  expect(!rows().includes("dra_support") && rows().includes("gang_scheduling"), "filter by level: " + rows());
  choose("level", "");

  // Keyboard.
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "/", bubbles: true, cancelable: true }));
  expect(document.activeElement === find("query"), "the slash goes to the search");

  // Details.
  find("unfold").click();
  expect(all("details").every((part) => part.open), "all details open");
  expect(find("unfold").getAttribute("aria-pressed") === "true", "the button says so");
  expect(seen(document.querySelector(".fact pre")), "an observation is shown");
  find("unfold").click();
  expect(all("details").every((part) => !part.open), "all details closed");

  // Links lead somewhere, names are given once, and what is drawn or filled in is told.
  for (const link of all("a[href^='#']")) expect(find(link.getAttribute("href").slice(1)), "a link to " + link.getAttribute("href"));
  const ids = all("[id]").map((element) => element.id);
  expect(new Set(ids).size === ids.length, "ids are unique");
  for (const field of all("input, select")) expect(field.labels.length === 1, "a label of " + field.id);
  for (const drawn of all("[role=img]")) expect(drawn.getAttribute("aria-label"), "words for a picture");
  const levels = all("h1, h2, h3").map((heading) => Number(heading.tagName[1]));
  expect(levels[0] === 1 && levels.every((level, at) => at === 0 || level - levels[at - 1] <= 1), "no level of heading is left out");

  // Nothing is wider than the page.
  expect(document.documentElement.scrollWidth <= innerWidth, `the page is ${document.documentElement.scrollWidth} wide in ${innerWidth}`);

  // Text stands out from what is behind it: 4.5 to 1 at least.
  const part = (value) => { const share = value / 255; return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4; };
  const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = ([red, green, blue]) => 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  for (const element of all("p, th, td, dt, dd, a, .tag, .outcome, small, summary, button, .mark strong, .chip, .place, .tick")) {
    if (!element.textContent.trim() || !seen(element)) continue;
    const [one, two] = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    expect(contrast >= 4.5, `contrast ${contrast.toFixed(2)} of ${element.tagName}.${element.className}: ${element.textContent.slice(0, 30)}`);
  }

  const result = document.createElement("pre");
  result.id = "wrong";
  result.textContent = wrong.length ? wrong.join("\n") : "nothing";
  document.body.append(result);
})();
