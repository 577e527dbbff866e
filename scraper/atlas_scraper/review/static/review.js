// The review page: rows of one document beside the image of the page on which they stand.
//
// The server has the truth. This script shows it, posts decisions, and takes over what comes back.
// Texts of documents are set as text, never as markup.

const find = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const DECIDED = { accepted: "✓", rejected: "✗" };
const STANDINGS = {
  disagreeing: "dictionary disagrees",
  completing: "VR new to the dictionary",
  new: "new to the dictionary",
  silent: "no VR given",
};
const FILTERS = {
  all: () => true,
  undecided: (row) => !row.review,
  doubtful: (row) => row.doubtful,
  disagreeing: (row) => row.standing === "disagreeing",
  new: (row) => row.standing === "new",
  unowned: (row) => row.tag && !row.creator,
  unread: (row) => !row.tag,
  accepted: (row) => row.review === "accepted",
  rejected: (row) => row.review === "rejected",
};

const state = {
  documents: [],
  document: 0,
  rows: [], // all of the document, by page and place
  shown: [], // those that filter and order give; stays while rows are decided
  current: null,
  editing: false,
  zoom: 1,
  page: 0, // of the image, 0 for none
};

async function ask(path, posted) {
  const options = posted && {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Atlas-Review": "1" },
    body: JSON.stringify(posted),
  };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The review does not answer any more: is atlas-scrape still running?");
  }
  const text = await answer.text();
  let content;
  try {
    content = JSON.parse(text);
  } catch {
    throw new Error(text.trim());
  }
  if (!answer.ok) throw new Error(content.error);
  return content;
}

let fading = 0;
function say(text) {
  const message = find("message");
  message.textContent = text;
  message.hidden = !text;
  clearTimeout(fading);
  fading = setTimeout(() => (message.hidden = true), 5000);
}

const guarded = (action) => async (...given) => {
  try {
    await action(...given);
  } catch (error) {
    say(error.message);
  }
};

// Documents and rows

function showProgress() {
  const select = find("document");
  const options = state.documents.map((one, index) => {
    const decided = one.accepted + one.rejected;
    const doubtful = one.doubtful ? `, ${one.doubtful} doubtful` : "";
    return new Option(`${one.name} (${decided} of ${one.rows}${doubtful})`, index);
  });
  select.replaceChildren(...options);
  select.value = state.document;
  const { rows, accepted, rejected } = state.documents[state.document];
  const bar = find("bar");
  bar.max = rows;
  bar.value = accepted + rejected;
  find("count").textContent = `${accepted + rejected} of ${rows} decided`;
}

async function open(index) {
  state.document = index;
  state.rows = await ask(`/api/documents/${index}`);
  state.page = 0;
  showProgress();
  list();
  remember();
}

function list() {
  const fits = FILTERS[find("filter").value];
  state.shown = state.rows.filter(fits);
  if (find("order").value === "doubt") {
    const doubt = (row) => row.confidence - (row.standing === "disagreeing" ? 1 : 0);
    state.shown.sort((a, b) => doubt(a) - doubt(b) || a.id - b.id);
  }
  find("list").replaceChildren(...state.shown.map(line));
  find("nothing").hidden = state.shown.length > 0;
  find("shown").textContent = `${state.shown.length} rows`;
  const first = state.shown.find((row) => !row.review) ?? state.shown[0] ?? null;
  choose(first);
}

function remember() {
  const kept = { doc: state.document, show: find("filter").value, order: find("order").value };
  history.replaceState(null, "", `#${new URLSearchParams(kept)}`);
}

// One row of the list

function line(row) {
  const item = find("row").content.firstElementChild.cloneNode(true);
  item.id = `row-${row.id}`;
  fill(item, row);
  item.querySelector(".line").addEventListener("click", () => choose(row));
  return item;
}

function fill(item, row) {
  item.className = "row";
  item.classList.toggle("doubtful", row.doubtful);
  item.classList.toggle("current", row === state.current);
  if (row.review) item.classList.add(row.review);
  const set = (name, text) => (item.querySelector(`.${name}`).textContent = text ?? "");
  set("mark", DECIDED[row.review] ?? "·");
  set("tag", row.tag || "no tag");
  set("vr", row.vr ?? "–");
  set("vm", row.vm);
  set("name", row.name ?? row.text);
  set("confidence", row.tag ? row.confidence.toFixed(2) : "");
  item.querySelector(".badges").replaceChildren(...badges(row));
}

function badges(row) {
  const given = [];
  if (!row.tag) given.push(["unread", "not readable"]);
  else if (!row.creator) given.push(["unowned", "no creator"]);
  else if (row.standing in STANDINGS) given.push([row.standing, STANDINGS[row.standing]]);
  if (row.edited) given.push(["edited", "edited"]);
  return given.map(([kind, text]) => {
    const badge = document.createElement("span");
    badge.className = `badge ${kind}`;
    badge.textContent = text;
    return badge;
  });
}

function detail(row) {
  const box = find("detail").content.firstElementChild.cloneNode(true);
  const facts = box.querySelector("dl");
  const add = (term, text, kind = "") => {
    if (!text) return;
    const dt = document.createElement("dt");
    const dd = document.createElement("dd");
    dt.textContent = term;
    dd.textContent = text;
    dd.className = kind;
    facts.append(dt, dd);
  };
  add("creator", row.creator);
  add("name", row.name);
  add("description", row.description);
  add("text", row.text);
  add("place", `page ${row.page}${row.table ? `, table ${row.table}` : ""}`);
  for (const reason of row.reasons) add("doubt", reason, "warn");
  for (const difference of row.differences) add("dictionary", difference, "bad");
  if (row.dictionary) {
    const { vr, vm, name, sources } = row.dictionary;
    const who = [...new Set(sources.map((source) => source.id))].join(", ");
    add("dictionary", `${vr}, ${vm || "no VM"}, ${name || "no name"}${who ? ` (${who})` : ""}`);
  }
  if (row.found) {
    const read = Object.entries(row.found).filter(([name, text]) => text !== row[name]);
    add("as read", read.map(([name, text]) => `${name} ${text ?? "–"}`).join(", "));
  }
  for (const [name, act] of Object.entries({ accept, reject, edit, undo })) {
    box.querySelector(`.${name}`).addEventListener("click", () => inTurn(act));
  }
  return box;
}

const element = (row) => row && find(`row-${row.id}`);

function refresh(row) {
  const item = element(row);
  if (item) fill(item, row);
}

function choose(row) {
  const before = state.current;
  state.current = row;
  state.editing = false;
  element(before)?.querySelector(".detail, .editor")?.remove();
  if (before) refresh(before);
  find("accept-page").disabled = !row;
  if (row) {
    refresh(row);
    const item = element(row);
    item.append(detail(row));
    item.scrollIntoView({ block: "nearest" });
  }
  showPage();
}

function step(by) {
  const index = state.shown.indexOf(state.current);
  const next = state.shown[index + by];
  if (next) choose(next);
}

function nextUndecided() {
  const index = state.shown.indexOf(state.current);
  const rest = [...state.shown.slice(index + 1), ...state.shown.slice(0, index)];
  const next = rest.find((row) => !row.review);
  if (next) choose(next);
  else say("Every row of this list is decided.");
}

// Decisions

async function post(rows, changes) {
  const answer = await ask("/api/decisions", { rows: rows.map((row) => row.id), ...changes });
  state.documents = answer.documents;
  for (const changed of answer.rows) {
    const row = state.rows.find((one) => one.id === changed.id);
    delete row.found;
    Object.assign(row, changed);
    refresh(row);
  }
  showProgress();
  showBoxes();
}

async function accept() {
  if (!state.current) return;
  await post([state.current], { decision: "accepted" });
  nextUndecided();
}

async function reject() {
  if (!state.current) return;
  await post([state.current], { decision: "rejected" });
  nextUndecided();
}

async function undo() {
  if (!state.current) return;
  await post([state.current], { decision: null });
  choose(state.current);
}

async function acceptPage() {
  const sure = (row) => !row.review && !row.doubtful && row.creator;
  const rows = state.shown.filter((row) => row.page === state.current?.page && sure(row));
  if (!rows.length) throw new Error("Every undecided row of this page is doubtful: look at each.");
  await post(rows, { decision: "accepted" });
  say(`${rows.length} rows of page ${rows[0].page} accepted.`);
  nextUndecided();
}

function edit() {
  const row = state.current;
  if (!row) return;
  const form = find("editor").content.firstElementChild.cloneNode(true);
  for (const name of ["group", "element", "vr", "vm", "creator", "name", "description"]) {
    form.elements[name].value = row[name] ?? "";
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    inTurn(() => save(row, form));
  });
  form.querySelector(".cancel").addEventListener("click", () => choose(row));
  element(row).querySelector(".detail, .editor").replaceWith(form);
  state.editing = true;
  form.elements[row.tag && !row.creator ? "creator" : row.tag ? "vr" : "group"].focus();
  form.scrollIntoView({ block: "nearest" });
  suggest(row);
}

const suggest = guarded(async (row) => {
  const creators = await ask(`/api/rows/${row.id}/creators`);
  find("creators").replaceChildren(...creators.map((name) => new Option(name, name)));
});

async function save(row, form) {
  const facts = {};
  for (const name of ["group", "element", "vr", "vm", "creator", "name", "description"]) {
    facts[name] = form.elements[name].value;
  }
  const reach = form.elements.reach.value;
  await post([row], { facts, decision: "accepted" });
  const alike = {
    row: () => false,
    table: (one) => one.page === row.page && one.table === row.table,
    group: (one) => one.group === row.group,
  }[reach];
  const others = state.rows.filter((one) => one !== row && one.tag && !one.creator && alike(one));
  if (others.length && facts.creator) await post(others, { facts: { creator: facts.creator } });
  choose(row);
  nextUndecided();
}

// The page

const showPage = guarded(async () => {
  const row = state.current;
  const sheet = find("sheet");
  const { name, pictures } = state.documents[state.document];
  find("place").textContent = row ? `${name}, page ${row.page}` : "";
  const page = row && pictures ? row.page : 0;
  sheet.toggleAttribute("hidden", !page);
  find("no-picture").textContent = row && !pictures ? "The PDF of this document was not given." : "";
  if (page && page !== state.page) {
    state.page = page;
    sheet.replaceChildren();
    const path = `/api/documents/${state.document}/pages/${page}`;
    const { left, top, width, height } = await ask(path);
    if (state.page !== page) return; // another one was asked for meanwhile
    sheet.setAttribute("viewBox", `${left} ${top} ${width} ${height}`);
    const image = draw("image", { x: left, y: top, width, height });
    image.setAttribute("href", `${path}.png`);
    sheet.replaceChildren(image);
  }
  showBoxes();
});

function draw(name, attributes) {
  const shape = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
  return shape;
}

function showBoxes() {
  const sheet = find("sheet");
  if (!state.page || !sheet.querySelector("image")) return;
  for (const old of sheet.querySelectorAll("rect")) old.remove();
  for (const row of state.rows) {
    if (row.page !== state.page || !row.box || row === state.current) continue;
    sheet.append(rectangle(row));
  }
  if (state.current?.box) {
    const rect = rectangle(state.current);
    rect.classList.add("current");
    sheet.append(rect);
    center(rect);
  }
}

function rectangle(row) {
  const [left, top, right, bottom] = row.box;
  const size = { x: left, y: top, width: Math.max(0, right - left), height: Math.max(0, bottom - top) };
  const rect = draw("rect", { ...size, class: row.review ?? "open" });
  rect.addEventListener("click", () => choose(row));
  rect.append(draw("title", {}));
  rect.firstChild.textContent = `${row.tag} ${row.name ?? ""}`;
  return rect;
}

function center(rect) {
  const frame = find("picture");
  const [inner, outer] = [rect.getBoundingClientRect(), frame.getBoundingClientRect()];
  if (inner.top < outer.top + 40 || inner.bottom > outer.bottom - 40) {
    frame.scrollTop += inner.top - outer.top - outer.height / 2;
  }
}

function zoom(by) {
  state.zoom = Math.min(4, Math.max(0.5, state.zoom * by));
  find("sheet").style.width = `${100 * state.zoom}%`;
  showBoxes();
}

// Keys and controls

const KEYS = {
  j: () => step(1),
  ArrowDown: () => step(1),
  k: () => step(-1),
  ArrowUp: () => step(-1),
  n: nextUndecided,
  a: accept,
  A: acceptPage,
  r: reject,
  e: edit,
  u: undo,
  "[": () => turn(-1),
  "]": () => turn(1),
  "+": () => zoom(1.25),
  "-": () => zoom(0.8),
  "?": () => find("help").showModal(),
};

async function turn(by) {
  const index = state.document + by;
  if (index >= 0 && index < state.documents.length) await open(index);
}

// One after the other: a key that is pressed while a decision is on its way waits for it.
let turns = Promise.resolve();
function inTurn(action) {
  turns = turns.then(guarded(action));
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || find("help").open) return;
  if (event.key === "Escape" && state.editing) {
    choose(state.current);
    return;
  }
  if (event.target.closest("input, select, textarea") || !KEYS[event.key]) return;
  event.preventDefault();
  // A key that is held down must not decide on rows that nobody has looked at.
  if (event.repeat && "aAr".includes(event.key)) return;
  inTurn(KEYS[event.key]);
});

find("document").addEventListener("change", (event) => {
  event.target.blur();
  inTurn(() => open(Number(find("document").value)));
});
for (const id of ["filter", "order"]) {
  find(id).addEventListener("change", (event) => {
    event.target.blur();
    inTurn(() => {
      list();
      remember();
    });
  });
}
find("accept-page").addEventListener("click", () => inTurn(acceptPage));
find("help-button").addEventListener("click", () => find("help").showModal());
find("larger").addEventListener("click", () => zoom(1.25));
find("smaller").addEventListener("click", () => zoom(0.8));

await guarded(async () => {
  const kept = new URLSearchParams(location.hash.slice(1));
  for (const [id, name] of [["filter", "show"], ["order", "order"]]) {
    const known = [...find(id).options].some((option) => option.value === kept.get(name));
    if (known) find(id).value = kept.get(name);
  }
  state.documents = await ask("/api/documents");
  const index = Number(kept.get("doc"));
  await open(index >= 0 && index < state.documents.length ? index : 0);
})();
