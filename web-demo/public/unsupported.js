// Run only by browsers that know no modules; the page itself would stay silent there.
document.getElementById("state-text").textContent = "Not supported";
document.getElementById("state-detail").textContent =
  "This browser is too old for the page: it needs JavaScript modules and fetch or EventSource.";
