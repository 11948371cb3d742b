// Before anything is drawn: whose language the page is in. The words themselves come with the page's module.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("millrace-language");
  } catch {
    // A browser that keeps nothing: then its own language.
  }
  if ((chosen ?? navigator.language).startsWith("zh")) {
    document.documentElement.lang = "zh";
    document.documentElement.classList.add("untold");
  }
  // WebKitGTK says "C" where the system has no language, which nothing takes that writes numbers: the charts do at once.
  try {
    new Intl.NumberFormat(navigator.language);
  } catch {
    Object.defineProperty(navigator, "language", { value: "en" });
  }
})();
