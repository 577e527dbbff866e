// The page of one object: folds the items of sequences, and filters the table as one types. Without
// this script every item is open, and the search field asks the server.

(() => {
  const table = document.getElementById("elements-table");
  if (!table) return;
  const rows = [...table.tBodies[0].rows];
  const folded = new Set();
  let wanted = "";

  const texts = new Map(rows.map((row) => [row, ""]));
  let block = "";
  for (const row of rows) {
    if (row.classList.contains("block")) block = row.textContent;
    if (row.classList.contains("element")) texts.set(row, `${block} ${row.textContent}`.toLowerCase());
  }

  const within = (place, item) => place === item || place.startsWith(`${item}.`);
  const isFolded = (row) => [...folded].some((item) => within(row.dataset.in, item));

  const show = () => {
    let found = 0;
    const headed = new Set();
    // From below: a block is shown where an element of it is, an item where anything in it is.
    let elementSeen = false;
    for (const row of [...rows].reverse()) {
      if (row.classList.contains("element")) {
        const fits = !wanted || texts.get(row).includes(wanted);
        row.hidden = !fits || (!wanted && isFolded(row));
        if (fits) {
          found += 1;
          elementSeen = true;
          headed.add(row.dataset.in);
        }
      } else if (row.classList.contains("block")) {
        row.hidden = !elementSeen || (!wanted && isFolded(row));
        elementSeen = false;
      } else {
        const some = [...headed].some((place) => within(place, row.dataset.item));
        row.hidden = !some || (!wanted && isFolded(row));
      }
    }
    return found;
  };

  for (const row of rows.filter((each) => each.classList.contains("item"))) {
    const label = row.querySelector(".fold-here");
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-expanded", "true");
    button.append(...label.childNodes);
    label.append(button);
    button.addEventListener("click", () => {
      const item = row.dataset.item;
      if (!folded.delete(item)) folded.add(item);
      button.setAttribute("aria-expanded", String(!folded.has(item)));
      show();
    });
  }

  const field = document.querySelector("[data-filter]");
  if (field) {
    const output = document.querySelector("[data-found]");
    const filter = () => {
      wanted = field.value.trim().toLowerCase();
      const found = show();
      output.hidden = !wanted;
      output.textContent = wanted ? `${found} found` : "";
      const address = new URL(window.location.href);
      if (wanted) address.searchParams.set("q", field.value.trim());
      else address.searchParams.delete("q");
      window.history.replaceState(null, "", address);
    };
    // What the server has left out for a search is not on the page: then the server is asked.
    const searched = new URL(window.location.href).searchParams.get("q");
    if (!searched) field.addEventListener("input", filter);
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    document.getElementById("q").focus();
  });
})();
