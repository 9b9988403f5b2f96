// Filters the table of products. Without it, all of them are there.
const form = document.getElementById("filter");
const rows = [...document.querySelectorAll("#products tbody tr")];
const value = (id) => document.getElementById(id).value;
function apply() {
  const text = value("text").trim().toLowerCase();
  const [version, state, requirement] = ["version", "state", "requirement"].map(value);
  let count = 0;
  for (const row of rows) {
    const fits = (!text || row.textContent.toLowerCase().includes(text))
      && (!version || row.dataset.version === version)
      && (!state || row.dataset.state === state)
      && (!requirement || row.dataset.implements.split(" ").includes(requirement));
    row.hidden = !fits;
    count += fits;
  }
  document.getElementById("count").textContent = `${count} of ${rows.length}`;
}
form.addEventListener("input", apply);
form.addEventListener("submit", (event) => event.preventDefault());
apply();
