// The page of one object: folds private blocks and the items of sequences, and filters the table as
// one types. Without this script everything is open, and the search field asks the server.

(() => {
  const table = document.getElementById("elements-table");
  if (!table) return;
  const rows = [...table.tBodies[0].rows];
  const folded = new Set();
  const foldedBlocks = new Set();
  let wanted = "";

  const isOfStandard = (row) => row.classList.contains("item")
    && row.dataset.in === "" && parseInt(row.dataset.item.slice(1, 5), 16) % 2 === 0;

  const texts = new Map(rows.map((row) => [row, ""]));
  let block = "";
  for (const row of rows) {
    if (row.classList.contains("block")) block = row.textContent;
    if (row.classList.contains("element")) texts.set(row, `${block} ${row.textContent}`.toLowerCase());
  }

  // A block at the top holds what stands below it, the items of its own sequences too; the items of
  // a standard sequence, of an even group, stand for themselves.
  const blocks = new Map();
  let top = null;
  for (const row of rows) {
    if (row.dataset.in === "") {
      if (row.classList.contains("block")) top = row;
      else if (isOfStandard(row)) top = null;
    }
    if (top && top !== row) blocks.set(row, top);
  }

  const within = (place, item) => place === item || place.startsWith(`${item}.`);
  const isFolded = (row) => foldedBlocks.has(blocks.get(row))
    || [...folded].some((item) => within(row.dataset.in, item));

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

  const makeFoldable = (row, set, key) => {
    const label = row.querySelector(".fold-here");
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-expanded", String(!set.has(key)));
    button.append(...label.childNodes);
    label.append(button);
    button.addEventListener("click", () => {
      if (!set.delete(key)) set.add(key);
      button.setAttribute("aria-expanded", String(!set.has(key)));
      show();
    });
  };

  const tops = rows.filter((row) => row.dataset.in === "" && row.classList.contains("block"));
  // On a phone one sees first which blocks there are, unless something was asked for.
  const asked = new URL(window.location.href).searchParams;
  const isPhone = window.matchMedia("(max-width: 48rem)").matches;
  if (isPhone && !asked.has("q") && !asked.has("status")) {
    const standard = rows.filter(isOfStandard);
    if (tops.length + standard.length > 1) {
      for (const row of tops) foldedBlocks.add(row);
      for (const row of standard) folded.add(row.dataset.item);
    }
  }
  for (const row of tops) makeFoldable(row, foldedBlocks, row);
  for (const row of rows.filter((each) => each.classList.contains("item"))) {
    makeFoldable(row, folded, row.dataset.item);
  }
  if (foldedBlocks.size || folded.size) show();

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
