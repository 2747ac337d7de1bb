// Sets the remembered theme before the first paint, so that nothing flashes. A classic script, because modules run too late.
// Nothing is remembered for "auto": the page then follows the system by itself.
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.bsTheme = theme;
  } catch {
    // Storage may be forbidden; the system's theme is a good answer then.
  }
})();
