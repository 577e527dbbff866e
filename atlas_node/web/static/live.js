// Follows the node: turns the server's events into an event "log" on the body, for which parts of
// the page wait with hx-trigger="log from:body". The element with data-follow names the stream and
// says whether it stands. While somebody reads further down, what is new waits for the button with
// data-arrivals. Without this script the page loads itself again.

(() => {
  const sign = document.querySelector("[data-follow]");
  if (!sign) return;
  const arrivals = document.querySelector("[data-arrivals]");
  const everySeconds = 10;
  let source = null;
  let timer = 0;
  let latest = "";

  const say = (state, text) => {
    sign.dataset.state = state;
    if (sign.textContent !== text) sign.textContent = text;
  };

  const readsBelow = () => window.scrollY > 160 || !document.getSelection().isCollapsed;

  const tell = () => {
    if (arrivals && readsBelow()) {
      arrivals.hidden = false;
      return;
    }
    if (arrivals) arrivals.hidden = true;
    document.body.dispatchEvent(new Event("log"));
  };

  const isShown = () => {
    const shown = document.querySelector("[data-state-of-log]");
    return shown !== null && shown.dataset.stateOfLog === latest;
  };

  // The first event of a stream may say what the page shows already.
  const changed = (event) => {
    say("live", "Live");
    latest = event.data;
    if (!isShown()) tell();
  };

  const follow = () => {
    window.clearTimeout(timer);
    source = new EventSource(sign.dataset.follow);
    source.addEventListener("log", changed);
    source.addEventListener("unreadable", () => say("lost", "Log unreadable"));
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) {
        say("lost", "Reconnecting");
        return;
      }
      // Refused: too many pages follow. Ask now and then, and try again.
      say("lost", `Every ${everySeconds} s`);
      tell();
      timer = window.setTimeout(follow, everySeconds * 1000);
    });
  };

  const leave = () => {
    window.clearTimeout(timer);
    if (source) source.close();
    source = null;
  };

  // A browser has few connections to one host: a page that nobody sees gives its own back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) leave();
    else if (!source) follow();
  });
  window.addEventListener("pagehide", leave);

  if (arrivals) {
    arrivals.addEventListener("click", () => {
      document.getSelection().removeAllRanges();
      window.scrollTo(0, 0);
      tell();
    });
    window.addEventListener("scroll", () => {
      if (!arrivals.hidden && !readsBelow()) tell();
    }, { passive: true });
  }

  // Rows that came since are marked for a moment.
  let newest = Number.NaN;
  const rows = () => [...document.querySelectorAll("[data-seq]")];
  const last = () => Math.max(...rows().map((row) => Number(row.dataset.seq)), 0);
  newest = last();
  document.body.addEventListener("htmx:afterSettle", () => {
    for (const row of rows()) {
      if (Number(row.dataset.seq) > newest) row.classList.add("arrived");
    }
    newest = Math.max(newest, last());
    // An event that came while the part was on its way was told to what is gone now.
    if (document.querySelector("[data-state-of-log]") && latest && !isShown()) tell();
  });

  if (!document.hidden) follow();
})();
