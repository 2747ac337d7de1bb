// Sets the remembered theme and the folded sidebar before the first paint, so that nothing flashes. A classic script, because modules run
// too late. Nothing is remembered for "auto": the page then follows the system by itself. A narrow window folds the sidebar by itself.
(() => {
  const root = document.documentElement;
  let side = null;
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.bsTheme = theme;
    side = localStorage.getItem("side");
  } catch {
    // Storage may be forbidden; the system's theme is a good answer then.
  }
  if (side === "folded" || (side !== "open" && innerWidth < 1080)) root.dataset.side = "folded";
})();
