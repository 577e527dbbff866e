// Where the main navigation is wider than the screen, shows the page that one is on.

(() => {
  const here = document.querySelector(".top nav [aria-current]");
  if (!here) return;
  const nav = here.parentElement;
  const beyond = here.offsetLeft + here.offsetWidth - nav.offsetLeft - nav.clientWidth;
  if (beyond > 0) nav.scrollLeft = beyond + here.offsetWidth / 2;
})();
