// Says since when nothing has come for a part of the page that asks again and again, and dims what
// it shows. Such a part has data-answered, the time by the viewer's own clock at which it was made.

(() => {
  const parts = () => [...document.querySelectorAll("[data-answered]")];
  const first = parts()[0];
  if (!first) return;
  const silent = new Map();
  const sign = document.createElement("p");
  sign.className = "notice error silence";
  sign.setAttribute("role", "alert");
  sign.hidden = true;
  first.before(sign);

  const show = () => {
    for (const part of parts()) part.classList.toggle("stale", silent.has(part.id));
    const [old] = parts().filter((part) => silent.has(part.id));
    sign.hidden = !old;
    const since = old && old.dataset.answered;
    const said = old && silent.get(old.id);
    const why = said ? ` (HTTP ${said})` : "";
    const text = since ? `No answer since ${since}${why}. What is below is of that time.` : "";
    if (sign.textContent !== text) sign.textContent = text;
  };

  const failed = (event) => {
    const part = event.target.closest("[data-answered]");
    if (!part) return;
    silent.set(part.id, event.detail.xhr ? event.detail.xhr.status : 0);
    show();
  };
  for (const kind of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.body.addEventListener(kind, failed);
  }
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (silent.delete(event.detail.target.id)) show();
  });
})();
